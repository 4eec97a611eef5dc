//! What is written down before it is done.

use std::fmt;

use mesh_snapshot::Digest;
use serde::{Deserialize, Serialize};

use super::event::Refusal;
use super::gate::{Harm, Measure};
use super::ledger::Ledger;
use super::version::Version;

/// One step of the history of all rollouts. [`Ledger`] is the sum of them.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "camelCase", deny_unknown_fields)]
pub enum Record {
    /// A control runtime takes over, or starts again: orders of lesser terms count no more.
    Reigned {
        term: u64,
    },
    /// A publication, acknowledged once this is on disk.
    Offered {
        snapshot: Digest,
        serial: u64,
    },
    /// A rollout takes `epoch`.
    Started {
        epoch: u64,
        snapshot: Digest,
        pace: Pace,
    },
    /// These proxies are told to commit from now on.
    Wave {
        epoch: u64,
        wave: u32,
        proxies: Vec<String>,
    },
    /// What every proxy serves from now on.
    Confirmed {
        version: Version,
    },
    /// The rollout is over; who committed goes back to what is confirmed.
    Ended {
        epoch: u64,
        cause: Cause,
    },
    /// An operator goes back to `to`.
    Undone {
        to: Digest,
    },
    /// An operator takes a snapshot out of quarantine, and offers it again.
    Lifted {
        snapshot: Digest,
    },
    Paused,
    Resumed,
    /// In place of all records before it.
    Checkpoint {
        ledger: Box<Ledger>,
    },
}

/// How a snapshot is brought to the proxies once all have prepared it.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Pace {
    /// Wave by wave, watched.
    Waves,
    /// Confirmed as soon as all have prepared: the first snapshot of a mesh, which there is nothing to compare with and no way back
    /// from, and one that an operator goes back to.
    AtOnce,
}

/// Why a rollout ended without being confirmed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "cause", rename_all = "camelCase", deny_unknown_fields)]
pub enum Cause {
    /// By these proxies, and so many more.
    Refused {
        by: Vec<RefusedBy>,
        #[serde(default)]
        more: usize,
    },
    Harmful {
        harm: Harm,
    },
    /// So many of those on trial went back by themselves: they restarted, or lost the control runtime.
    Fell {
        fallen: usize,
        committed: usize,
    },
    Aborted,
    /// By something newer.
    Superseded,
    /// The control runtime itself stopped on the way. The snapshot gets another rollout.
    Interrupted,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RefusedBy {
    pub proxy: String,
    pub refusal: Refusal,
}

impl Cause {
    /// What keeps the snapshot from being tried again. A refusal does not: nothing was harmed, and the proxy may be upgraded or have more
    /// memory by the next time somebody offers it.
    pub(super) fn quarantine(&self) -> Option<Quarantine> {
        match self {
            Self::Harmful { harm } => Some(Quarantine::Harmful { harm: harm.clone() }),
            Self::Fell { fallen, committed } => {
                Some(Quarantine::Fell { fallen: *fallen, committed: *committed })
            }
            Self::Aborted => Some(Quarantine::Aborted),
            Self::Refused { .. } | Self::Superseded | Self::Interrupted => None,
        }
    }
}

/// Why a snapshot is not rolled out, whoever offers it.
///
/// Only an operator lifts it. The digest is the content: that some other snapshot was confirmed meanwhile shows
/// nothing new about this one, and two publishers in turn would have it tried for ever.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(tag = "quarantine", rename_all = "camelCase", deny_unknown_fields)]
pub enum Quarantine {
    Harmful {
        harm: Harm,
    },
    Fell {
        fallen: usize,
        committed: usize,
    },
    Aborted,
    /// An operator went back from it.
    Undone,
}

impl Quarantine {
    /// What does not count against it once it is lifted.
    pub(super) fn measure(&self) -> Option<Measure> {
        match self {
            Self::Harmful { harm } => Some(harm.measure),
            Self::Fell { .. } | Self::Aborted | Self::Undone => None,
        }
    }
}

impl fmt::Display for Quarantine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Harmful { harm } => harm.fmt(f),
            Self::Fell { fallen, committed } => {
                write!(f, "{fallen} of {committed} proxies went back by themselves")
            }
            Self::Aborted => f.write_str("an operator aborted its rollout"),
            Self::Undone => f.write_str("an operator went back from it"),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { by, more } => {
                let by: Vec<_> =
                    by.iter().map(|by| format!("{} ({})", by.proxy, by.refusal)).collect();
                write!(f, "refused by {}", by.join(", "))?;
                if *more > 0 { write!(f, ", and {more} more") } else { Ok(()) }
            }
            Self::Harmful { harm } => harm.fmt(f),
            Self::Fell { fallen, committed } => {
                write!(f, "{fallen} of {committed} proxies went back by themselves")
            }
            Self::Aborted => f.write_str("aborted by an operator"),
            Self::Superseded => f.write_str("superseded by a newer publication"),
            Self::Interrupted => f.write_str("the control runtime stopped on the way"),
        }
    }
}
