//! Which endpoint gets a request. Each thread balances for itself; how busy an endpoint is, all of them know.

mod consistent;
mod random;
mod round_robin;

use std::sync::Arc;

use mesh_snapshot::object::{HashTable, LoadBalancer, SimpleBalancer};

use consistent::Table;
use random::Weighted;
use round_robin::Schedule;

use super::dice::Dice;
use super::endpoint::Endpoint;

/// Made for a list of endpoints and those of them that may be used; made anew when either changes.
pub(super) enum Balancer {
    /// The less busy of two.
    LeastRequest(Weighted),
    RoundRobin(Schedule),
    Random(Weighted),
    Consistent(Table, Weighted),
}

impl Balancer {
    /// `usable` are positions in `endpoints`. `None`: where the client was going, no balancing. `turn` is where a round begins.
    pub(super) fn new(
        policy: &LoadBalancer,
        endpoints: &[Arc<Endpoint>],
        usable: &[usize],
        turn: u64,
    ) -> Option<Self> {
        let weights = || Weighted::new(endpoints, usable);
        Some(match policy {
            LoadBalancer::Simple(SimpleBalancer::Passthrough) => return None,
            LoadBalancer::Simple(SimpleBalancer::LeastRequest) => Self::LeastRequest(weights()),
            LoadBalancer::Simple(SimpleBalancer::RoundRobin) => {
                Self::RoundRobin(Schedule::new(endpoints, usable, turn))
            }
            LoadBalancer::Simple(SimpleBalancer::Random) => Self::Random(weights()),
            LoadBalancer::ConsistentHash { table: HashTable::Ring { points_min }, .. } => {
                Self::Consistent(Table::ring(endpoints, usable, *points_min), weights())
            }
            LoadBalancer::ConsistentHash { table: HashTable::Maglev { size }, .. } => {
                Self::Consistent(Table::maglev(endpoints, usable, *size), weights())
            }
        })
    }

    /// The position of an endpoint; `None` where none may be used. A request without a `hash` goes anywhere.
    pub(super) fn pick(
        &mut self,
        endpoints: &[Arc<Endpoint>],
        hash: Option<u64>,
        dice: &Dice,
    ) -> Option<usize> {
        match self {
            Self::LeastRequest(weighted) => {
                let (one, other) = (weighted.pick(dice)?, weighted.pick(dice)?);
                less_busy(endpoints, one, other)
            }
            Self::RoundRobin(schedule) => schedule.next(),
            Self::Random(weighted) => weighted.pick(dice),
            Self::Consistent(table, weighted) => match hash {
                Some(hash) => table.find(hash),
                None => weighted.pick(dice),
            },
        }
    }
}

fn less_busy(endpoints: &[Arc<Endpoint>], one: usize, other: usize) -> Option<usize> {
    let active = |position: usize| Some(endpoints.get(position)?.standing.active());
    Some(if active(other)? < active(one)? { other } else { one })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use mesh_engine::cluster::hash::of_text;
    use mesh_snapshot::object::{Hash, HashTable, LoadBalancer, SimpleBalancer};

    use super::Balancer;
    use crate::cluster::dice::Dice;
    use crate::cluster::endpoint::{About, Address, Endpoint, Security, Standing};

    fn endpoints(weights: &[u32]) -> Vec<Arc<Endpoint>> {
        let endpoint = |(port, weight): (u16, &u32)| {
            Arc::new(Endpoint {
                source: None,
                address: Address::Socket(([127, 0, 0, 1], port).into()),
                security: Security::Plain,
                weight: *weight,
                is_unhealthy: false,
                about: About::default(),
                standing: Standing::new(),
            })
        };
        (8000..).zip(weights).map(endpoint).collect()
    }

    fn ring() -> LoadBalancer {
        let hash = Hash::SourceIp;
        LoadBalancer::ConsistentHash { hash, table: HashTable::Ring { points_min: 1024 } }
    }

    fn maglev() -> LoadBalancer {
        let hash = Hash::SourceIp;
        LoadBalancer::ConsistentHash { hash, table: HashTable::Maglev { size: 65_537 } }
    }

    /// How often each endpoint is picked in `count` requests, the n-th of them with a hash of n.
    fn counts(policy: &LoadBalancer, weights: &[u32], usable: &[usize], count: u64) -> Vec<u64> {
        let (endpoints, dice) = (endpoints(weights), Dice::new(7));
        let mut balancer = Balancer::new(policy, &endpoints, usable, 0).unwrap();
        let mut counts = vec![0; weights.len()];
        for number in 0..count {
            let hash = Some(of_text(&number.to_le_bytes()));
            counts[balancer.pick(&endpoints, hash, &dice).unwrap()] += 1;
        }
        counts
    }

    fn all() -> [LoadBalancer; 5] {
        use SimpleBalancer::{LeastRequest, Random, RoundRobin};
        let [one, two, three] = [LeastRequest, Random, RoundRobin].map(LoadBalancer::Simple);
        [one, two, three, ring(), maglev()]
    }

    #[test]
    fn weights_are_kept_to_and_the_unusable_left_out() {
        for policy in all() {
            let counts = counts(&policy, &[1, 5, 3, 9], &[0, 2], 40_000);
            assert_eq!((counts[1], counts[3]), (0, 0), "{policy:?}: {counts:?}");
            assert!((8_000..12_000).contains(&counts[0]), "{policy:?}: {counts:?}");
        }
    }

    #[test]
    fn without_an_endpoint_there_is_no_pick() {
        let dice = Dice::new(1);
        for policy in all() {
            let mut balancer = Balancer::new(&policy, &[], &[], 3).unwrap();
            assert_eq!(balancer.pick(&[], Some(1), &dice), None, "{policy:?}");
            assert_eq!(balancer.pick(&[], None, &dice), None, "{policy:?}");
        }
    }

    #[test]
    fn the_less_busy_of_two_is_preferred() {
        let endpoints = endpoints(&[1, 1, 1]);
        (0..10).for_each(|_| endpoints[0].standing.enter());
        let policy = LoadBalancer::default();
        let mut balancer = Balancer::new(&policy, &endpoints, &[0, 1, 2], 0).unwrap();
        let dice = Dice::new(3);
        let picks = (0..900).filter(|_| balancer.pick(&endpoints, None, &dice) == Some(0)).count();
        assert!(picks < 200, "only when it is drawn twice: {picks}");
    }

    #[test]
    fn rounds_go_on_where_they_were() {
        let endpoints = endpoints(&[1, 1, 1]);
        let policy = LoadBalancer::Simple(SimpleBalancer::RoundRobin);
        let mut balancer = Balancer::new(&policy, &endpoints, &[0, 1, 2], 2).unwrap();
        let dice = Dice::new(3);
        let mut pick = || balancer.pick(&endpoints, None, &dice).unwrap();
        assert_eq!([pick(), pick(), pick(), pick()], [2, 0, 1, 2]);
    }

    #[test]
    fn a_key_stays_with_its_endpoint_when_another_goes() {
        for policy in [ring(), maglev()] {
            let (endpoints, dice) = (endpoints(&[1; 10]), Dice::new(1));
            let every: Vec<usize> = (0..10).collect();
            let without = &every[..9];
            let mut before = Balancer::new(&policy, &endpoints, &every, 0).unwrap();
            let mut after = Balancer::new(&policy, &endpoints, without, 0).unwrap();
            let mut moved = 0;
            for number in 0..10_000_u64 {
                let hash = Some(of_text(&number.to_le_bytes()));
                let (was, is) =
                    (before.pick(&endpoints, hash, &dice), after.pick(&endpoints, hash, &dice));
                if was != Some(9) && was != is {
                    moved += 1;
                }
            }
            // Some do move: the fewer endpoints there are, the more points of the ring has each, as in Envoy.
            assert!(moved < 1000, "{policy:?}: {moved} of 10000");
        }
    }
}
