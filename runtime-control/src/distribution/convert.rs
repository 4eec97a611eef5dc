//! The wire's words in the rollout's, and back. Nothing of the wire goes further than this.

use std::time::Duration;

use mesh_snapshot::container::Bundle;
use mesh_snapshot::wire::{self, to_proxy};
use mesh_snapshot::{Digest, canonical};

use crate::rollout::{Order, Reason, Refusal, Said, Sample, Serving, Version};

/// What a proxy said that means nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{0} is malformed")]
pub(super) struct Malformed(&'static str);

pub(super) fn digest(bytes: &[u8]) -> Result<Digest, Malformed> {
    bytes.try_into().map(Digest::from_bytes).map_err(|_| Malformed("a digest"))
}

pub(super) fn serving(serving: &wire::Serving) -> Result<Serving, Malformed> {
    let version = Version { epoch: serving.epoch, snapshot: digest(&serving.snapshot)? };
    let trial =
        wire::Trial::try_from(serving.trial).map_err(|_| Malformed("the state of a trial"))?;
    let confirmed = trial != wire::Trial::Running;
    Ok(Serving { version, generation: serving.generation, confirmed })
}

pub(super) fn prepared(prepared: &wire::Prepared) -> Result<Said, Malformed> {
    Ok(Said::Prepared { epoch: prepared.epoch, slice: digest(&prepared.slice)? })
}

/// What a proxy says of a refusal is written down and shown to people: so much of each part is plenty.
const DETAIL_MAX_BYTES: usize = 4096;
const PLACE_MAX_BYTES: usize = 1024;

pub(super) fn refused(refused: wire::Refused) -> Result<Said, Malformed> {
    let wire::Refused { epoch, mut detail, mut item, .. } = refused;
    detail.truncate(detail.floor_char_boundary(DETAIL_MAX_BYTES));
    item.truncate(item.floor_char_boundary(PLACE_MAX_BYTES));
    let key = match refused.key.as_slice() {
        [] => None,
        key if key.len() > PLACE_MAX_BYTES => return Err(Malformed("the key of an object")),
        key => Some(canonical::decode(key).map_err(|_| Malformed("the key of an object"))?),
    };
    // A proxy of a later version may know reasons that this one does not.
    let reason = wire::Refusal::try_from(refused.reason).unwrap_or(wire::Refusal::Unspecified);
    Ok(Said::Refused {
        epoch,
        refusal: Refusal { reason: self::reason(reason), detail, key, item },
    })
}

const fn reason(reason: wire::Refusal) -> Reason {
    match reason {
        wire::Refusal::Unspecified => Reason::Unspecified,
        wire::Refusal::Feature => Reason::Feature,
        wire::Refusal::Corrupt => Reason::Corrupt,
        wire::Refusal::Signature => Reason::Signature,
        wire::Refusal::Memory => Reason::Memory,
        wire::Refusal::Time => Reason::Time,
        wire::Refusal::Stale => Reason::Stale,
        wire::Refusal::Program => Reason::Program,
        wire::Refusal::Storage => Reason::Storage,
        wire::Refusal::Absent => Reason::Absent,
    }
}

/// More than any proxy remembers.
const EPOCHS_MAX: usize = 64;

/// The counters are not compared with each other: a proxy reads them one by one while requests end.
pub(super) fn health(health: &wire::Health) -> Result<Said, Malformed> {
    if health.epochs.len() > EPOCHS_MAX {
        return Err(Malformed("a health report"));
    }
    let totals = health.epochs.iter().map(|epoch| (epoch.epoch, sample(epoch))).collect();
    Ok(Said::Health { instance: health.instance, totals })
}

fn sample(health: &wire::EpochHealth) -> Sample {
    let mut sample = Sample {
        requests: health.requests,
        failed: health.failed,
        denied: health.denied,
        resets: health.resets,
        ..Sample::default()
    };
    for (count, told) in sample.latency.iter_mut().zip(&health.latency) {
        *count = *told;
    }
    sample
}

/// What an order is on the wire, but for [`Order::Prepare`], which needs more.
pub(super) fn order(control: &str, term: u64, order: Order) -> Option<to_proxy::Message> {
    let millis = |span: Duration| u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
    let snapshot = |version: Version| version.snapshot.as_bytes().to_vec();
    Some(match order {
        Order::Prepare { .. } => return None,
        Order::Welcome { lease } => to_proxy::Message::Welcome(wire::Welcome {
            protocol: wire::PROTOCOL,
            control: control.to_owned(),
            term,
            lease_ms: millis(lease),
        }),
        Order::Commit { version, trial } => to_proxy::Message::Commit(wire::Commit {
            term,
            epoch: version.epoch,
            snapshot: snapshot(version),
            // Zero would say that there is no trial.
            confirm_within_ms: trial.map_or(0, |span| millis(span).max(1)),
        }),
        Order::Extend { version, trial } => to_proxy::Message::Extend(wire::Extend {
            term,
            epoch: version.epoch,
            confirm_within_ms: millis(trial).max(1),
        }),
        Order::Confirm { version } => to_proxy::Message::Confirm(wire::Confirm {
            term,
            epoch: version.epoch,
            snapshot: snapshot(version),
        }),
        Order::Revert { epoch } => to_proxy::Message::Revert(wire::Revert { term, epoch }),
        Order::Abandon { epoch } => to_proxy::Message::Abandon(wire::Abandon { term, epoch }),
    })
}

/// The announcement of a snapshot. `objects` and `objects_bytes` bound all that may follow.
pub(super) fn prepare(
    term: u64,
    (version, slice, within, confirmed): (Version, Digest, Duration, bool),
    bundle: &Bundle,
    (objects, objects_bytes): (u64, u64),
) -> to_proxy::Message {
    to_proxy::Message::Prepare(wire::Prepare {
        term,
        epoch: version.epoch,
        snapshot: version.snapshot.as_bytes().to_vec(),
        slice: slice.as_bytes().to_vec(),
        signatures: bundle.signatures.iter().map(wire::Signature::from).collect(),
        within_ms: u64::try_from(within.as_millis()).unwrap_or(u64::MAX),
        objects,
        objects_bytes,
        confirmed,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_cut_to_what_people_read() {
        let detail = "ü".repeat(1 << 20);
        let told = wire::Refused { epoch: 3, detail, ..wire::Refused::default() };
        let Ok(Said::Refused { refusal, .. }) = refused(told) else { panic!("it is well-formed") };
        assert_eq!(refusal.detail.len(), DETAIL_MAX_BYTES);
        let key = vec![b'k'; PLACE_MAX_BYTES + 1];
        let told = wire::Refused { key, ..wire::Refused::default() };
        assert!(matches!(refused(told), Err(Malformed("the key of an object"))));
    }

    #[test]
    fn a_report_speaks_of_few_epochs() {
        let epochs = |count| wire::Health {
            epochs: vec![wire::EpochHealth::default(); count],
            ..wire::Health::default()
        };
        assert!(health(&epochs(EPOCHS_MAX)).is_ok());
        assert!(matches!(health(&epochs(EPOCHS_MAX + 1)), Err(Malformed("a health report"))));
    }
}
