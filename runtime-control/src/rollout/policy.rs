//! How careful a rollout is: everything an operator may set about it.

use std::time::Duration;

use mesh_snapshot::object::PartsPerMillion;

/// The settings of all rollouts of one mesh.
#[derive(Clone, Debug)]
pub struct Policy {
    /// A proxy that has said nothing for this long is not waited for any more.
    pub lease: Duration,
    /// How long a proxy may take to prepare a snapshot.
    pub prepare_within: Duration,
    /// How long a wave is waited for once it is told to commit; who has not answered by then is not counted.
    pub commit_within: Duration,
    /// A proxy on trial that hears nothing for this long goes back by itself. It is renewed three times as often.
    pub confirm_within: Duration,
    /// How long each wave is watched before the next one.
    pub soak: Duration,
    /// How often a proxy that cannot be brought to the confirmed snapshot is asked again.
    pub retry: Duration,
    /// In order; the last one should reach all, and what it leaves out follows on confirmation.
    pub waves: Vec<Reach>,
    pub newer: Newer,
    /// A rollout is taken back when more than this share of the proxies on trial went back by themselves.
    pub fallen_max: PartsPerMillion,
    pub gate: GatePolicy,
    /// How many confirmed snapshots `undo` can go back to.
    pub history: usize,
}

/// How many of the proxies whose slice changes have the snapshot once a wave is through.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reach {
    Proxies(u32),
    Share(PartsPerMillion),
    All,
}

/// What a newer publication does to a rollout that is under way.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Newer {
    /// It waits, in place of any other that waits.
    Waits,
    /// The rollout is taken back in its favour.
    Replaces,
}

/// What makes a snapshot harmful, and when too little is known to tell.
#[derive(Clone, Debug)]
pub struct GatePolicy {
    /// Requests that must have been seen on either side of a comparison.
    pub samples_min: u64,
    /// By how much each share may rise before it counts as harm.
    pub failed_rise: PartsPerMillion,
    pub denied_rise: PartsPerMillion,
    pub resets_rise: PartsPerMillion,
    /// The 99th percentile may become this many times what it was, and `p99_rise` on top.
    pub p99_factor: u32,
    pub p99_rise: Duration,
    pub inconclusive: Inconclusive,
    pub loosening: Loosening,
}

/// What becomes of a change to who may do what under which more is denied.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Loosening {
    /// It is held where it is until an operator decides: going back by itself would undo a defence for whoever makes enough requests
    /// that it denies.
    Hold,
    /// It is taken back as any harm is.
    Revert,
}

/// What too little traffic means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Inconclusive {
    /// Wait for more, or for an operator.
    Hold,
    /// Go on after the soak: for development, where nobody may be calling.
    Proceed,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            lease: Duration::from_secs(15),
            prepare_within: Duration::from_secs(30),
            commit_within: Duration::from_secs(5),
            confirm_within: Duration::from_secs(30),
            soak: Duration::from_secs(30),
            retry: Duration::from_secs(5),
            waves: vec![Reach::Proxies(1), Reach::Share(PartsPerMillion(100_000)), Reach::All],
            newer: Newer::Waits,
            fallen_max: PartsPerMillion(50_000),
            gate: GatePolicy::default(),
            history: 10,
        }
    }
}

impl Default for GatePolicy {
    fn default() -> Self {
        Self {
            samples_min: 50,
            failed_rise: PartsPerMillion(10_000),
            denied_rise: PartsPerMillion(50_000),
            resets_rise: PartsPerMillion(10_000),
            p99_factor: 2,
            p99_rise: Duration::from_millis(50),
            inconclusive: Inconclusive::Hold,
            loosening: Loosening::Hold,
        }
    }
}
