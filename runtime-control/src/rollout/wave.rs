//! Who commits first.
//!
//! One instance of each workload comes before the second of any: so every workload keeps instances on the
//! old snapshot as long as possible, which the gate compares with, and none loses all of them at once.
//! Of those that stand alike the ones with traffic come first: on the others a wave would show nothing.

use std::collections::BTreeMap;

use super::policy::Reach;
use super::version::ProxyName;

impl Reach {
    /// How many of `total` proxies, rounded up: a share of a small fleet is at least one proxy.
    #[must_use]
    pub fn of(self, total: usize) -> usize {
        match self {
            Self::Proxies(count) => total.min(count as usize),
            Self::Share(share) => {
                let parts = total.saturating_mul(share.0 as usize).div_ceil(1_000_000);
                parts.min(total)
            }
            Self::All => total,
        }
    }
}

/// How much a proxy would show on trial, by what went through it just before.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Traffic {
    /// Enough requests to judge by.
    Telling,
    Little,
    /// None, or none that is known of.
    Idle,
}

impl Traffic {
    pub(super) const fn of(requests: u64, telling: u64) -> Self {
        match requests {
            0 => Self::Idle,
            _ if requests < telling => Self::Little,
            _ => Self::Telling,
        }
    }
}

/// The proxies in the order in which they commit: by rank within their workload, then by traffic, workload and name.
pub(super) fn order<'a>(
    proxies: impl IntoIterator<Item = (String, Traffic, &'a ProxyName)>,
) -> Vec<ProxyName> {
    let mut workloads: BTreeMap<String, Vec<(Traffic, &ProxyName)>> = BTreeMap::new();
    for (workload, traffic, proxy) in proxies {
        workloads.entry(workload).or_default().push((traffic, proxy));
    }
    let mut ranked = Vec::new();
    for (workload, mut instances) in workloads {
        instances.sort_unstable();
        ranked.extend(instances.into_iter().enumerate().map(|(rank, (traffic, proxy))| {
            let workload = workload.clone();
            (rank, traffic, workload, proxy)
        }));
    }
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, _, _, proxy)| proxy.clone()).collect()
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::object::PartsPerMillion;

    use super::*;

    #[test]
    fn a_share_is_rounded_up_and_never_more_than_all() {
        assert_eq!(Reach::Share(PartsPerMillion(100_000)).of(1), 1);
        assert_eq!(Reach::Share(PartsPerMillion(100_000)).of(1000), 100);
        assert_eq!(Reach::Share(PartsPerMillion::ALL).of(7), 7);
        assert_eq!(Reach::Proxies(5).of(3), 3);
        assert_eq!(Reach::All.of(3), 3);
        assert_eq!(Reach::All.of(0), 0);
    }

    #[test]
    fn one_of_each_workload_comes_before_the_second_of_any() {
        let names: Vec<ProxyName> = ["a-1", "a-2", "b-1", "b-2"].map(Into::into).to_vec();
        let workload = |name: &ProxyName| name.split('-').next().unwrap_or_default().to_owned();
        let all = names.iter().rev().map(|name| (workload(name), Traffic::Idle, name));
        assert_eq!(order(all), ["a-1", "b-1", "a-2", "b-2"].map(ProxyName::from));
    }

    #[test]
    fn of_those_that_stand_alike_the_ones_with_traffic_come_first() {
        let requests = [("a-1", 0), ("a-2", 0), ("b-1", 3), ("b-2", 60), ("c-1", 0), ("c-2", 2)];
        let names = requests.map(|(name, requests)| (ProxyName::from(name), requests));
        let workload = |name: &ProxyName| name.split('-').next().unwrap_or_default().to_owned();
        let of =
            names.iter().map(|(name, requests)| (workload(name), Traffic::of(*requests, 50), name));
        let expected = ["b-2", "c-2", "a-1", "b-1", "a-2", "c-1"];
        assert_eq!(order(of), expected.map(ProxyName::from));
    }
}
