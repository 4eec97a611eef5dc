//! Pauses between attempts, growing and random, so that a fleet that lost its control runtime does not come back at once.

use std::time::Duration;

use rand::Rng;

/// The pauses of one series of attempts.
#[derive(Clone, Debug)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
}

impl Backoff {
    #[must_use]
    pub const fn new(first: Duration, longest: Duration) -> Self {
        Self { first, longest, next: first }
    }

    /// How long to wait before the next attempt: between half of the current step and all of it.
    pub fn pause(&mut self, random: &mut impl Rng) -> Duration {
        let step = self.next.min(self.longest);
        self.next = step.saturating_mul(2);
        step.mul_f64(random.random_range(0.5..=1.0))
    }

    /// An attempt succeeded: the next series begins with a short pause again.
    pub const fn reset(&mut self) {
        self.next = self.first;
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::SmallRng;

    use super::*;

    #[test]
    fn pauses_grow_are_bounded_and_differ() {
        let longest = Duration::from_secs(10);
        let mut random = SmallRng::seed_from_u64(7);
        let mut backoff = Backoff::new(Duration::from_millis(100), longest);
        let mut step = Duration::from_millis(100);
        for _ in 0..20 {
            let pause = backoff.pause(&mut random);
            assert!(step / 2 <= pause && pause <= step, "{pause:?} in a step of {step:?}");
            step = (step * 2).min(longest);
        }
        backoff.reset();
        assert!(backoff.pause(&mut random) <= Duration::from_millis(100));
        let mut other = SmallRng::seed_from_u64(8);
        assert_ne!(backoff.clone().pause(&mut random), backoff.pause(&mut other));
    }
}
