//! Who commits first.
//!
//! One instance of each workload comes before the second of any: so every workload keeps instances on the
//! old snapshot as long as possible, which the gate compares with, and none loses all of them at once.

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

/// The proxies in the order in which they commit: by rank within their workload, then by workload and name.
pub(super) fn order<'a>(
    proxies: impl IntoIterator<Item = (String, &'a ProxyName)>,
) -> Vec<ProxyName> {
    let mut workloads: BTreeMap<String, Vec<&ProxyName>> = BTreeMap::new();
    for (workload, proxy) in proxies {
        workloads.entry(workload).or_default().push(proxy);
    }
    let mut ranked = Vec::new();
    for (workload, mut instances) in workloads {
        instances.sort_unstable();
        ranked.extend(instances.into_iter().enumerate().map(|(rank, proxy)| {
            let workload = workload.clone();
            (rank, workload, proxy)
        }));
    }
    ranked.sort_unstable();
    ranked.into_iter().map(|(_, _, proxy)| proxy.clone()).collect()
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
        let order = order(names.iter().rev().map(|name| (workload(name), name)));
        assert_eq!(order, ["a-1", "b-1", "a-2", "b-2"].map(ProxyName::from));
    }
}
