//! Chance, which a seed makes repeatable.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};

pub(crate) struct Random(SmallRng);

impl Random {
    pub(crate) fn seeded(seed: u64) -> Self {
        Self(SmallRng::seed_from_u64(seed))
    }

    /// Whether something happens that does so `percent` times of a hundred.
    pub(crate) fn chance(&mut self, percent: u32) -> bool {
        self.0.random_range(0..100) < percent
    }

    /// From `least` to `most`.
    pub(crate) fn count(&mut self, least: usize, most: usize) -> usize {
        self.0.random_range(least..=most)
    }

    /// One of them; there is one.
    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        let index = self.0.random_range(0..of.len().max(1));
        #[expect(clippy::expect_used, reason = "whoever asks has something to choose from")]
        of.get(index).cloned().expect("a choice of nothing")
    }
}
