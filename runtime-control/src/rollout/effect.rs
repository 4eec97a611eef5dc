//! What is to be done about it.

use std::time::Duration;

use mesh_snapshot::Digest;

use super::record::{Quarantine, Record};
use super::version::{ProxyName, Timestamp, Version};

/// Carried out in order. An effect after a [`Effect::Journal`] must wait until its record is on disk.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Journal(Record),
    /// The answer to the offer or verb that was just stepped.
    Reply(Result<Accepted, Rejected>),
    /// Not delivered when the proxy's stream is another one by now.
    Send {
        proxy: ProxyName,
        connection: u64,
        term: u64,
        order: Order,
    },
    /// End the stream: its proxy is silent, or not registered any more. It will come back if it lives.
    Disconnect {
        proxy: ProxyName,
        connection: u64,
    },
    /// [`super::Event::Tick`] at this time, and not at the one asked for before.
    Wake(Timestamp),
}

/// What a proxy is told to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Order {
    /// The answer to its `Hello`.
    Welcome {
        lease: Duration,
    },
    Prepare {
        version: Version,
        slice: Digest,
        within: Duration,
        confirmed: bool,
    },
    /// On trial for that long; for good without.
    Commit {
        version: Version,
        trial: Option<Duration>,
    },
    /// The time of its trial runs anew.
    Extend {
        version: Version,
        trial: Duration,
    },
    Confirm {
        version: Version,
    },
    /// End the trial of this epoch.
    Revert {
        epoch: u64,
    },
    Abandon {
        epoch: u64,
    },
}

/// What becomes of an offer or a verb.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Accepted {
    /// It is on its way, or next.
    Queued,
    /// Nothing had to be done.
    AsItIs,
}

/// Why an offer or a verb has no effect.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Rejected {
    #[error("{digest} is in quarantine: {quarantine}; `lift` it to try again")]
    Quarantined { digest: Digest, quarantine: Quarantine },
    /// Somebody plays back an old publication, or two publish at once.
    #[error("it is publication {serial}, and {newest} was accepted already")]
    Older { serial: u64, newest: u64 },
    #[error("{0} is not in quarantine")]
    NotQuarantined(Digest),
    #[error("no rollout is under way")]
    NothingUnderWay,
    #[error("no wave is being watched: the proxies are still preparing")]
    NotYet,
    #[error("nothing was confirmed before")]
    NothingBefore,
    #[error("{0} is not among the snapshots that were confirmed and are still held")]
    UnknownVersion(Digest),
}
