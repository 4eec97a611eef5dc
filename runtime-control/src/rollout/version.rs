//! The words of a rollout: when, who, and what under which number.

use std::ops::Add;
use std::sync::Arc;
use std::time::Duration;

use mesh_snapshot::Digest;
use serde::{Deserialize, Serialize};

/// A point on a clock that only goes forward and starts anywhere: no wall clock, so nobody can put it back.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(pub Duration);

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, span: Duration) -> Self {
        Self(self.0.saturating_add(span))
    }
}

impl Timestamp {
    /// How long ago `earlier` was; zero when it lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

/// The name of a proxy's instance: unique in the mesh and the same after a restart.
pub type ProxyName = Arc<str>;

/// A snapshot under the number that it is served under. One epoch names one snapshot, for ever.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Version {
    pub epoch: u64,
    pub snapshot: Digest,
}
