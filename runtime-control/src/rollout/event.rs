//! What a rollout hears of.

use std::fmt;
use std::sync::Arc;

use mesh_snapshot::object::Workload;
use mesh_snapshot::{Digest, Key};
use serde::{Deserialize, Serialize};

use super::health::Sample;
use super::version::{ProxyName, Version};

#[derive(Clone, Debug)]
pub enum Event {
    /// A verified snapshot is in the store, all of it. `serial` is the signer's place of it in the order of publications; zero
    /// where nobody signs.
    Offered { snapshot: Digest, serial: u64 },
    /// A verified snapshot could be stored and offered: would it be taken up? Nothing changes. `anew`: its file was written while this
    /// control runtime looked on.
    Considered { snapshot: Digest, serial: u64, anew: bool },
    /// An operator wants something.
    Asked(Verb),
    /// `connection` tells the streams of one proxy apart: what comes from any but the latest is not heard.
    Proxy { proxy: ProxyName, connection: u64, said: Said },
    /// Its instance has left the registry, or is another workload's by now: it will not come back as what it was.
    /// With a connection, that is what the stream of it has found, and another stream of the proxy is none of its business.
    Departed { proxy: ProxyName, connection: Option<u64> },
    /// Time has passed: see [`super::Effect::Wake`].
    Tick,
}

/// What a proxy says, or what its stream says of it.
#[derive(Clone, Debug)]
pub enum Said {
    /// `term` and `epoch` are the greatest that it has heard of.
    Hello {
        workload: Arc<Workload>,
        serving: Option<Serving>,
        term: u64,
        epoch: u64,
    },
    Prepared {
        epoch: u64,
        slice: Digest,
    },
    Refused {
        epoch: u64,
        refusal: Refusal,
    },
    Serving(Serving),
    /// What has gone through it since its start, the `instance`-th, by epoch.
    Health {
        instance: u64,
        totals: Vec<(u64, Sample)>,
    },
    /// The stream has ended.
    Left,
}

/// What a proxy judges requests by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Serving {
    pub version: Version,
    /// How often it has changed what it serves.
    pub generation: u64,
    /// Not on trial.
    pub confirmed: bool,
}

/// Why a proxy cannot serve a snapshot.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Refusal {
    pub reason: Reason,
    pub detail: String,
    /// The object at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<Key>,
    /// The item of it, as in [`mesh_snapshot::source_map`].
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub item: String,
}

/// As [`mesh_snapshot::wire::Refusal`].
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Reason {
    Unspecified,
    Feature,
    Corrupt,
    Signature,
    Memory,
    Time,
    Stale,
    Program,
    Storage,
    Absent,
}

impl Reason {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unspecified => "unspecified",
            Self::Feature => "feature",
            Self::Corrupt => "corrupt",
            Self::Signature => "signature",
            Self::Memory => "memory",
            Self::Time => "time",
            Self::Stale => "stale",
            Self::Program => "program",
            Self::Storage => "storage",
            Self::Absent => "absent",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.reason.name(), self.detail)
    }
}

/// What an operator can ask for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Verb {
    /// Take no further step forward. Harm is still taken back at once.
    Pause,
    Resume,
    /// Do not wait for the rest of this wave's soak, nor for its gate.
    Promote,
    /// Take back what is under way.
    Abort,
    /// Go back to a snapshot confirmed earlier, the last one unless named; while a rollout is under way, take it back first.
    Undo(Option<Digest>),
    /// Take a snapshot out of quarantine and roll it out; what it was condemned for does not count again. One that was condemned long
    /// ago is not held any more: it is rolled out when it is published again.
    Lift(Digest),
}
