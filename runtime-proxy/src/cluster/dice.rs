//! Chance, for one thread: fast, and good enough to spread load. Not for secrets.

use std::cell::Cell;

/// xorshift64*, by Marsaglia and Vigna.
#[derive(Debug)]
pub(super) struct Dice(Cell<u64>);

impl Dice {
    pub(super) const fn new(seed: u64) -> Self {
        Self(Cell::new(if seed == 0 { 0x9E37_79B9_7F4A_7C15 } else { seed }))
    }

    pub(super) fn roll(&self) -> u64 {
        let mut state = self.0.get();
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        self.0.set(state);
        state.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// Below `bound`, which is not zero; each as likely as the others but for one in 2³².
    pub(super) fn below(&self, bound: u64) -> u64 {
        let wide = u128::from(self.roll()) * u128::from(bound);
        u64::try_from(wide >> 64).unwrap_or_default()
    }
}
