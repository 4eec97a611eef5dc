//! Messages of the control runtime, taken for what they mean; and answers, put into words.

use std::time::Duration;

use mesh_snapshot::wire::{self, to_proxy};
use mesh_snapshot::{Digest, canonical};

use crate::agent::trial::{Answer, Offer, Order, Serving};
use crate::world::Item;

/// What a message is about.
#[derive(Debug)]
pub(crate) enum Heard {
    Welcome(wire::Welcome),
    Order { term: u64, order: Order },
    Objects(wire::Objects),
    World(Item),
    TrustBundle(wire::TrustBundle),
    Sources(wire::Sources),
}

/// It names something that is no name; about which epoch, where it is an order.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("what should be a digest has not 32 bytes")]
pub(crate) struct Malformed {
    pub(crate) epoch: u64,
}

/// # Errors
///
/// When it names a snapshot by what is no digest.
pub(crate) fn read(message: to_proxy::Message) -> Result<Heard, Malformed> {
    use to_proxy::Message;
    Ok(match message {
        Message::Welcome(welcome) => Heard::Welcome(welcome),
        Message::Prepare(prepare) => {
            Heard::Order { term: prepare.term, order: Order::Prepare(offer(prepare)?) }
        }
        Message::Commit(wire::Commit { term, epoch, snapshot, confirm_within_ms }) => {
            let snapshot = digest(&snapshot, epoch)?;
            let trial = not_zero(confirm_within_ms);
            Heard::Order { term, order: Order::Commit { epoch, snapshot, trial } }
        }
        Message::Extend(wire::Extend { term, epoch, confirm_within_ms }) => {
            let trial = not_zero(confirm_within_ms);
            Heard::Order { term, order: Order::Extend { epoch, trial } }
        }
        Message::Confirm(wire::Confirm { term, epoch, snapshot }) => {
            let snapshot = digest(&snapshot, epoch)?;
            Heard::Order { term, order: Order::Confirm { epoch, snapshot } }
        }
        Message::Revert(wire::Revert { term, epoch }) => {
            Heard::Order { term, order: Order::Revert { epoch } }
        }
        Message::Abandon(wire::Abandon { term, epoch }) => {
            Heard::Order { term, order: Order::Abandon { epoch } }
        }
        Message::Objects(objects) => Heard::Objects(objects),
        Message::Endpoints(endpoints) => Heard::World(Item::Endpoints(endpoints)),
        Message::Addresses(addresses) => Heard::World(Item::Addresses(addresses)),
        Message::AddressOwner(owner) => Heard::World(Item::Owner(owner)),
        Message::Secret(secret) => Heard::World(Item::Secret(secret)),
        Message::Jwks(jwks) => Heard::World(Item::Jwks(jwks)),
        Message::TrustBundle(bundle) => Heard::TrustBundle(bundle),
        Message::Sources(sources) => Heard::Sources(sources),
    })
}

fn offer(prepare: wire::Prepare) -> Result<Offer, Malformed> {
    let wire::Prepare { epoch, snapshot, slice, signatures, .. } = prepare;
    let signatures = signatures
        .into_iter()
        .map(|signature| signature.try_into().map_err(|_| Malformed { epoch }));
    Ok(Offer {
        epoch,
        snapshot: digest(&snapshot, epoch)?,
        slice: digest(&slice, epoch).ok(),
        signatures: signatures.collect::<Result<_, _>>()?,
        within: Duration::from_millis(prepare.within_ms),
        objects: prepare.objects,
        objects_bytes: prepare.objects_bytes,
        confirmed: prepare.confirmed,
    })
}

fn digest(bytes: &[u8], epoch: u64) -> Result<Digest, Malformed> {
    bytes.try_into().map(Digest::from_bytes).map_err(|_| Malformed { epoch })
}

fn not_zero(millis: u64) -> Option<Duration> {
    (millis != 0).then_some(Duration::from_millis(millis))
}

/// An answer, as it is said.
pub(crate) fn write(answer: Answer) -> wire::from_proxy::Message {
    use wire::from_proxy::Message;
    match answer {
        Answer::Prepared { version, memory_bytes, elapsed } => Message::Prepared(wire::Prepared {
            epoch: version.epoch,
            slice: version.slice.as_bytes().to_vec(),
            memory_bytes,
            elapsed_us: u64::try_from(elapsed.as_micros()).unwrap_or(u64::MAX),
        }),
        Answer::Refused { epoch, refused } => Message::Refused(wire::Refused {
            epoch,
            reason: refused.reason.into(),
            detail: refused.detail,
            key: refused.key.map(|key| canonical::encode(&key)).unwrap_or_default(),
            item: refused.item,
        }),
        Answer::Serving(serving) => Message::Serving(write_serving(serving)),
    }
}

/// What is served; nothing has epoch zero.
pub(crate) fn write_serving(serving: Serving) -> wire::Serving {
    let bytes = |digest: Digest| digest.as_bytes().to_vec();
    let version = serving.version;
    wire::Serving {
        epoch: version.map_or(0, |version| version.epoch),
        snapshot: version.map(|version| bytes(version.snapshot)).unwrap_or_default(),
        slice: version.map(|version| bytes(version.slice)).unwrap_or_default(),
        generation: serving.generation,
        trial: serving.trial.into(),
    }
}
