//! Names of hosts: how short ones are completed, and how wildcards are compared. Source: Istio, `pkg/config/host`.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::Arc;

/// A host in lower case: a name, `*`, or a name that begins with `*`.
pub type Host = Arc<str>;

/// The host that `name` stands for in a resource of `namespace`. A name without a dot is a service of that namespace;
/// all else is complete. Source: Istio, `ResolveShortnameToFQDN`.
#[must_use]
pub fn qualify(name: &str, namespace: &str, cluster_domain: &str) -> Host {
    if name.is_empty() || name == "*" || name.contains('.') || name.parse::<IpAddr>().is_ok() {
        return lower(name);
    }
    lower(&format!("{name}.{namespace}.svc.{cluster_domain}"))
}

/// Of a Kubernetes Service.
#[must_use]
pub fn of_service(name: &str, namespace: &str, cluster_domain: &str) -> Host {
    format!("{name}.{namespace}.svc.{cluster_domain}").into()
}

/// Host names disregard case.
#[must_use]
pub fn lower(name: &str) -> Host {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        name.to_ascii_lowercase().into()
    } else {
        name.into()
    }
}

#[must_use]
pub fn is_wildcard(host: &str) -> bool {
    host.starts_with('*')
}

/// Whether some name belongs to both.
#[must_use]
pub fn overlap(a: &str, b: &str) -> bool {
    is_within(a, b) || is_within(b, a)
}

/// Whether every name of `a` is one of `b`. `*.a.com` is not within `a.com`, nor is `a.com` within `*.a.com`.
#[must_use]
pub fn is_within(a: &str, b: &str) -> bool {
    match (a.strip_prefix('*'), b.strip_prefix('*')) {
        (_, None) => a == b,
        (None, Some(suffix)) => a.ends_with(suffix),
        (Some(a), Some(b)) => a.len() >= b.len() && a.ends_with(b),
    }
}

/// The narrower of two hosts that have names in common.
#[must_use]
pub fn intersection<'a>(a: &'a Host, b: &'a Host) -> Option<&'a Host> {
    if is_within(a, b) {
        Some(a)
    } else if is_within(b, a) {
        Some(b)
    } else {
        None
    }
}

/// Values by host, of which the most specific is found for a name. Source: Istio, `MostSpecificHostMatch`.
#[derive(Clone, Debug)]
pub struct HostMap<T> {
    by_host: HashMap<Host, T>,
    /// Of the suffixes of all wildcards, the longest first.
    suffix_lengths: BTreeSet<Reverse<usize>>,
}

impl<T> Default for HostMap<T> {
    fn default() -> Self {
        Self { by_host: HashMap::new(), suffix_lengths: BTreeSet::new() }
    }
}

impl<T> HostMap<T> {
    /// The value of exactly this host, made if need be.
    pub fn entry(&mut self, host: &Host) -> &mut T
    where
        T: Default,
    {
        if let Some(suffix) = host.strip_prefix('*') {
            self.suffix_lengths.insert(Reverse(suffix.len()));
        }
        self.by_host.entry(Arc::clone(host)).or_default()
    }

    /// The value of exactly this host.
    #[must_use]
    pub fn get(&self, host: &str) -> Option<&T> {
        self.by_host.get(host)
    }

    /// The value of `host`, else of the longest wildcard that holds all of it.
    #[must_use]
    pub fn find(&self, host: &str) -> Option<&T> {
        self.by_host.get(host).or_else(|| self.find_wildcard(host))
    }

    /// The value of the longest wildcard, other than `host` itself, that holds all of it.
    #[must_use]
    pub fn find_wildcard(&self, host: &str) -> Option<&T> {
        self.wildcards(host).next()
    }

    /// The values of `host` and of all wildcards that hold all of it, the most specific first.
    pub fn holding<'t>(&'t self, host: &str) -> impl Iterator<Item = &'t T> {
        self.by_host.get(host).into_iter().chain(self.wildcards(host))
    }

    fn wildcards<'t>(&'t self, host: &str) -> impl Iterator<Item = &'t T> {
        let bare = host.strip_prefix('*').unwrap_or(host);
        self.suffix_lengths.iter().filter_map(move |&Reverse(length)| {
            let suffix = bare.get(bare.len().checked_sub(length)?..)?;
            // The key begins with a star that the text does not have.
            let found = self.by_host.get(&*format!("*{suffix}"))?;
            (bare.len() > length || bare.len() == host.len()).then_some(found)
        })
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.by_host.is_empty()
    }

    /// In no order: sort what comes of it.
    pub fn hosts(&self) -> impl Iterator<Item = &Host> {
        self.by_host.keys()
    }
}

/// Hosts by their ends, so that all that lie within a wildcard are found without looking at the others.
#[derive(Clone, Debug, Default)]
pub struct HostIndex {
    /// By the bytes from the last to the first; the star of a wildcard is left out.
    reversed: BTreeMap<Vec<u8>, Vec<Host>>,
    suffix_lengths: BTreeSet<usize>,
}

impl HostIndex {
    pub fn insert(&mut self, host: &Host) {
        if let Some(suffix) = host.strip_prefix('*') {
            self.suffix_lengths.insert(suffix.len());
        }
        // A name, and the wildcard that ends like it.
        let alike = self.reversed.entry(reversed(host)).or_default();
        if !alike.contains(host) {
            alike.push(Arc::clone(host));
        }
    }

    /// The hosts that have names in common with `host`, in no particular order.
    #[must_use]
    pub fn overlapping(&self, host: &str) -> Vec<&Host> {
        let key = reversed(host);
        let mut found: Vec<&Host> = Vec::new();
        if is_wildcard(host) {
            let narrower = self.reversed.range(key.clone()..);
            let narrower = narrower.take_while(|(other, _)| other.starts_with(&key));
            found.extend(narrower.flat_map(|(_, hosts)| hosts));
        } else {
            found.extend(self.reversed.get(&key).into_iter().flatten());
        }
        for &length in self.suffix_lengths.iter().filter(|length| **length <= key.len()) {
            let wider = key.get(..length).and_then(|key| self.reversed.get(key));
            found.extend(wider.into_iter().flatten().filter(|host| is_wildcard(host)));
        }
        found.retain(|other| overlap(other, host));
        found.sort_unstable();
        found.dedup();
        found
    }
}

fn reversed(host: &str) -> Vec<u8> {
    host.strip_prefix('*').unwrap_or(host).bytes().rev().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_name_is_of_the_namespace_of_its_resource() {
        let of = |name| qualify(name, "shop", "cluster.local");
        assert_eq!(&*of("Reviews"), "reviews.shop.svc.cluster.local");
        assert_eq!(&*of("reviews.web"), "reviews.web");
        assert_eq!(&*of("*"), "*");
        assert_eq!(&*of("10.0.0.1"), "10.0.0.1");
        assert_eq!(&*of("::1"), "::1");
    }

    #[test]
    fn wildcards_hold_what_ends_like_them() {
        assert!(is_within("a.b.com", "*.com"));
        assert!(is_within("*.b.com", "*.com"));
        assert!(is_within("xb.com", "*b.com"));
        assert!(is_within("b.com", "*"));
        assert!(!is_within("b.com", "*.b.com"));
        assert!(!is_within("*.com", "a.com"));
        assert!(overlap("*.com", "a.com"));
        assert!(!overlap("*.com", "*.org"));
    }

    #[test]
    fn the_most_specific_host_is_found() {
        let mut map = HostMap::default();
        for host in ["*", "*.com", "*.b.com", "a.b.com"] {
            *map.entry(&lower(host)) = host;
        }
        let find = |host| map.find(host).copied();
        assert_eq!(find("a.b.com"), Some("a.b.com"));
        assert_eq!(find("c.b.com"), Some("*.b.com"));
        assert_eq!(find("b.com"), Some("*.com"));
        assert_eq!(find("*.b.com"), Some("*.b.com"));
        assert_eq!(find("*.x.com"), Some("*.com"));
        assert_eq!(find("org"), Some("*"));
        assert_eq!(map.find_wildcard("*.b.com").copied(), Some("*.com"));
        assert_eq!(map.find_wildcard("*").copied(), None);
        let holding = |host| map.holding(host).copied().collect::<Vec<_>>();
        assert_eq!(holding("a.b.com"), ["a.b.com", "*.b.com", "*.com", "*"]);
        assert_eq!(holding("*.com"), ["*.com", "*"]);
    }

    #[test]
    fn overlapping_hosts_are_found_on_both_sides() {
        let mut index = HostIndex::default();
        for host in ["*", "*.com", "*.b.com", "a.b.com", "x.org"] {
            index.insert(&lower(host));
        }
        let find = |host| -> Vec<&str> {
            index.overlapping(host).into_iter().map(|host| &**host).collect()
        };
        assert_eq!(find("*.com"), ["*", "*.b.com", "*.com", "a.b.com"]);
        assert_eq!(find("a.b.com"), ["*", "*.b.com", "*.com", "a.b.com"]);
        assert_eq!(find("b.com"), ["*", "*.com"]);
        assert_eq!(find("*"), ["*", "*.b.com", "*.com", "a.b.com", "x.org"]);
    }
}
