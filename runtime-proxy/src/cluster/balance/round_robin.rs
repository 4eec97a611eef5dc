//! Endpoints in turn, the heavier more often.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use super::random::weights;
use crate::cluster::endpoint::Endpoint;

/// Earliest deadline first: an endpoint of weight `w` is due every `1/w`. Source: Envoy, `EdfScheduler`.
pub(in crate::cluster) struct Schedule {
    /// When each is due next, the order among those that are due together, and its position and step.
    due: BinaryHeap<Reverse<(u128, u64, usize, u64)>>,
    order: u64,
}

/// The step of weight one.
const SCALE: u64 = 1 << 40;

impl Schedule {
    /// `turn` steps are taken before the first.
    pub(super) fn new(endpoints: &[Arc<Endpoint>], usable: &[usize], turn: u64) -> Self {
        let entries = weights(endpoints, usable).zip(usable).zip(0..);
        let due = entries.map(|((weight, position), order)| {
            let step = SCALE / weight;
            Reverse((u128::from(step), order, *position, step))
        });
        let mut schedule = Self { due: due.collect(), order: usable.len() as u64 };
        for _ in 0..turn.checked_rem(usable.len() as u64).unwrap_or_default() {
            schedule.next();
        }
        schedule
    }

    pub(super) fn next(&mut self) -> Option<usize> {
        let Reverse((deadline, _, position, step)) = self.due.pop()?;
        let order = self.order;
        self.order += 1;
        self.due.push(Reverse((deadline + u128::from(step), order, position, step)));
        Some(position)
    }
}
