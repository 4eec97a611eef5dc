//! What the machine hears of.

use std::time::Duration;

use mesh_snapshot::signature::Signature;
use mesh_snapshot::wire::Refusal;
use mesh_snapshot::{Digest, Key};

/// A snapshot under its number, and what of it this proxy needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Version {
    pub epoch: u64,
    pub snapshot: Digest,
    /// As this proxy computed it.
    pub slice: Digest,
}

/// A version that was verified, built and stored.
#[derive(Clone, Debug)]
pub struct Built<P> {
    pub version: Version,
    /// Its place in the order of what was signed.
    pub serial: u64,
    /// The least serial that its signer lets this proxy serve once it is confirmed.
    pub floor: u64,
    pub memory_bytes: u64,
    /// The program.
    pub payload: P,
}

#[derive(Clone, Debug)]
pub enum Event<P> {
    /// Time has passed: see [`super::Effect::Wake`].
    Tick,
    StreamUp,
    StreamDown,
    Order {
        term: u64,
        order: Order,
    },
    /// What [`super::Effect::Prepare`] asked for.
    Prepared {
        attempt: u64,
        built: Built<P>,
        elapsed: Duration,
    },
    Refused {
        attempt: u64,
        refused: Refused,
    },
    /// What [`super::Effect::Save`] asked for is on disk.
    Saved,
    SaveFailed,
}

/// What the control runtime wants done.
#[derive(Clone, Debug)]
pub enum Order {
    /// Nothing yet: it says which term it is in.
    Welcome,
    Prepare(Offer),
    /// On trial for that long; for good without.
    Commit {
        epoch: u64,
        snapshot: Digest,
        trial: Option<Duration>,
    },
    Extend {
        epoch: u64,
        trial: Option<Duration>,
    },
    Confirm {
        epoch: u64,
        snapshot: Digest,
    },
    Revert {
        epoch: u64,
    },
    Abandon {
        epoch: u64,
    },
}

/// A snapshot to be prepared: [`mesh_snapshot::wire::Prepare`], read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Offer {
    pub epoch: u64,
    pub snapshot: Digest,
    /// What the control runtime expects.
    pub slice: Option<Digest>,
    pub signatures: Vec<Signature>,
    pub within: Duration,
    /// How many objects follow, and how many bytes they have, at most.
    pub objects: u64,
    pub objects_bytes: u64,
    /// The mesh serves it already.
    pub confirmed: bool,
}

/// Why a snapshot cannot be served here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Refused {
    pub reason: Refusal,
    /// For a person: lower case, no full stop.
    pub detail: String,
    /// The object at fault.
    pub key: Option<Key>,
    /// The item of it, as in [`mesh_snapshot::source_map`].
    pub item: String,
}

impl Refused {
    /// Of the snapshot as a whole.
    pub fn new(reason: Refusal, detail: impl Into<String>) -> Self {
        Self { reason, detail: detail.into(), key: None, item: String::new() }
    }

    /// Its serial is below the floor.
    #[must_use]
    pub fn stale(serial: u64, floor: u64) -> Self {
        let detail = format!("its serial {serial} is below {floor}, the least that may be served");
        Self::new(Refusal::Stale, detail)
    }

    #[must_use]
    pub fn about(self, key: Key, item: impl Into<String>) -> Self {
        Self { key: Some(key), item: item.into(), ..self }
    }
}
