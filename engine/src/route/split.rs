//! Which of several backends gets a request, or a connection.

use super::HeaderPlan;
use crate::cluster::ClusterId;

/// Backends and their shares.
#[derive(Clone, Debug)]
pub struct Split {
    /// With the sum of the weights up to and including its own.
    backends: Box<[(u64, Backend)]>,
    total: u64,
}

#[derive(Clone, Debug)]
pub struct Backend {
    pub target: Target,
    pub headers: HeaderPlan,
}

/// Where a backend is.
#[derive(Clone, Debug)]
pub enum Target {
    Cluster(Upstream),
    /// Nowhere: the request is answered with this status, a stream is closed.
    Status(u16),
}

/// What a destination names.
#[derive(Clone, Debug)]
pub struct Upstream {
    /// `outbound|9080|v1|reviews.shop.svc.cluster.local`, whether or not there is such a cluster.
    pub name: Box<str>,
    /// `None`: no such host, port or subset. Answer 503 (`NC`).
    pub cluster: Option<ClusterId>,
}

impl Split {
    /// `None` when nothing would ever be picked.
    pub(crate) fn new(backends: Vec<(u32, Backend)>) -> Option<Self> {
        let mut total = 0;
        let backends = backends
            .into_iter()
            .map(|(weight, backend)| {
                total += u64::from(weight);
                (total, backend)
            })
            .collect();
        (total > 0).then_some(Self { backends, total })
    }

    /// The backend that a `roll`, uniform over all of `u32`, falls on.
    #[must_use]
    pub fn pick(&self, roll: u32) -> &Backend {
        let point = (u64::from(roll) * self.total) >> 32;
        let at = self.backends.partition_point(|(end, _)| *end <= point);
        match self.backends.get(at) {
            Some((_, backend)) => backend,
            None => {
                unreachable!("the point is less than the total, at which the last backend ends")
            }
        }
    }

    /// All of them with their weights, those of weight zero included.
    pub fn backends(&self) -> impl Iterator<Item = (u64, &Backend)> {
        let starts = std::iter::once(0).chain(self.backends.iter().map(|(end, _)| *end));
        self.backends.iter().zip(starts).map(|((end, backend), start)| (end - start, backend))
    }

    /// The sum of the weights; not zero.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.total
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Backend, Split, Target};
    use crate::route::HeaderPlan;

    fn split(weights: &[u32]) -> Option<Split> {
        let backend = |(place, &weight): (usize, &u32)| {
            let target = Target::Status(u16::try_from(place).unwrap());
            (weight, Backend { target, headers: HeaderPlan::default() })
        };
        Split::new(weights.iter().enumerate().map(backend).collect())
    }

    fn pick(split: &Split, roll: u32) -> usize {
        match split.pick(roll).target {
            Target::Status(place) => place.into(),
            Target::Cluster(_) => panic!("no such backend"),
        }
    }

    #[test]
    fn shares_are_as_the_weights() {
        let split = split(&[90, 0, 10]).unwrap();
        assert_eq!(pick(&split, 0), 0);
        assert_eq!(pick(&split, u32::MAX / 100 * 89), 0);
        assert_eq!(pick(&split, u32::MAX / 100 * 91), 2);
        assert_eq!(pick(&split, u32::MAX), 2);
        let weights: Vec<_> = split.backends().map(|(weight, _)| weight).collect();
        assert_eq!(weights, [90, 0, 10]);
    }

    #[test]
    fn without_weight_there_is_no_split() {
        assert!(split(&[0, 0]).is_none());
        assert!(split(&[]).is_none());
    }

    proptest! {
        #[test]
        fn a_backend_without_weight_gets_nothing(weights in prop::collection::vec(0u32..4, 1..6), roll: u32) {
            if let Some(split) = split(&weights) {
                prop_assert!(weights[pick(&split, roll)] > 0);
            }
        }
    }
}
