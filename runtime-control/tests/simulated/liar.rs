//! A proxy in the wrong hands: what it says of terms and epochs is now and then what no control runtime gave out.

use mesh_control::rollout::{Said, Serving, Version};
use mesh_snapshot::Digest;

use super::chance::Chance;
use super::faults::FAULTS_UNTIL;

/// Draws from its own chance, so that lies change nothing else of a seed.
pub(crate) struct Liar(Chance);

impl Liar {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(Chance::new(!seed))
    }

    /// What is said instead of the `truth`.
    pub(crate) fn twist(&mut self, now: u64, truth: Said) -> Said {
        if now > FAULTS_UNTIL || !self.0.percent(5) {
            return truth;
        }
        let number = *self.0.pick(&[u64::MAX, u64::MAX - 1, u64::MAX / 2, 1 << 40]);
        let version = Version { epoch: number, snapshot: Digest::of(b"never published") };
        let serves = Serving { version, generation: number, confirmed: true };
        match truth {
            Said::Hello { workload, serving, term, epoch } => match self.0.between(0, 3) {
                0 => Said::Hello { workload, serving, term: number, epoch },
                1 => Said::Hello { workload, serving, term, epoch: number },
                _ => Said::Hello { workload, serving: Some(serves), term, epoch },
            },
            Said::Health { .. } => Said::Serving(serves),
            other => other,
        }
    }
}
