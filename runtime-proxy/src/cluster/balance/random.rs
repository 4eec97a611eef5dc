//! Endpoints at random, each as likely as it weighs.

use std::sync::Arc;

use crate::cluster::dice::Dice;
use crate::cluster::endpoint::Endpoint;

pub(in crate::cluster) struct Weighted {
    usable: Vec<usize>,
    /// The sums of the weights up to and with each of `usable`; empty where all weigh the same.
    sums: Vec<u64>,
}

impl Weighted {
    pub(super) fn new(endpoints: &[Arc<Endpoint>], usable: &[usize]) -> Self {
        let weights: Vec<u64> = weights(endpoints, usable).collect();
        let is_even = weights.windows(2).all(|pair| pair.first() == pair.last());
        let sums = weights.iter().scan(0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        let sums = if is_even { Vec::new() } else { sums.collect() };
        Self { usable: usable.to_vec(), sums }
    }

    pub(super) fn pick(&self, dice: &Dice) -> Option<usize> {
        let count = self.usable.len();
        let place = match (count, self.sums.last()) {
            (0, _) => return None,
            (1, _) => 0,
            (_, None) => usize::try_from(dice.below(count as u64)).unwrap_or_default(),
            (_, Some(total)) => {
                let roll = dice.below(*total);
                self.sums.partition_point(|sum| *sum <= roll)
            }
        };
        self.usable.get(place).copied()
    }
}

/// Of those that may be used, in their order.
pub(super) fn weights<'a>(
    endpoints: &'a [Arc<Endpoint>],
    usable: &'a [usize],
) -> impl Iterator<Item = u64> + 'a {
    usable.iter().map(|position| {
        endpoints.get(*position).map_or(1, |endpoint| u64::from(endpoint.weight.max(1)))
    })
}
