//! Sets of IP addresses.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

/// Addresses and CIDR blocks, as sorted intervals: membership is one binary search.
#[derive(Clone, Debug, Default)]
pub(crate) struct AddressSet {
    v4: Box<[(u32, u32)]>,
    v6: Box<[(u128, u128)]>,
}

impl AddressSet {
    /// `Err` holds the text that is neither an address nor a CIDR block.
    pub(crate) fn parse<'a>(texts: impl IntoIterator<Item = &'a str>) -> Result<Self, &'a str> {
        let mut v4 = Vec::new();
        let mut v6 = Vec::new();
        for text in texts {
            match block(text).ok_or(text)? {
                IpNet::V4(net) => v4.push((net.network().to_bits(), net.broadcast().to_bits())),
                IpNet::V6(net) => v6.push((net.network().to_bits(), net.broadcast().to_bits())),
            }
        }
        Ok(Self { v4: disjoint(v4), v6: disjoint(v6) })
    }

    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => holds(&self.v4, address.to_bits()),
            IpAddr::V6(address) => holds(&self.v6, address.to_bits()),
        }
    }
}

/// A CIDR block, or an address as a block of its own. Bits beyond the prefix do not count, as in Envoy.
pub(crate) fn block(text: &str) -> Option<IpNet> {
    match text.parse::<IpAddr>() {
        Ok(address) => Some(IpNet::from(address.to_canonical())),
        Err(_) => text.parse::<IpNet>().ok().map(|net| net.trunc()),
    }
}

/// Every address.
pub(crate) fn everywhere() -> [IpNet; 2] {
    [Ipv4Net::default().into(), Ipv6Net::default().into()]
}

/// Addresses of `among` that stand for all of them: between two neighbours nothing enters or leaves a block of `told_apart`.
pub(crate) fn samples(
    among: &[IpNet],
    told_apart: impl Iterator<Item = IpNet>,
) -> BTreeSet<IpAddr> {
    let edges = told_apart.flat_map(|net| [Some(net.network()), after(net.broadcast())]);
    let inside = edges.flatten().filter(|edge| among.iter().any(|net| net.contains(edge)));
    among.iter().map(IpNet::network).chain(inside).collect()
}

fn after(address: IpAddr) -> Option<IpAddr> {
    match address {
        IpAddr::V4(address) => {
            address.to_bits().checked_add(1).map(|it| Ipv4Addr::from_bits(it).into())
        }
        IpAddr::V6(address) => {
            address.to_bits().checked_add(1).map(|it| Ipv6Addr::from_bits(it).into())
        }
    }
}

fn disjoint<T: Copy + Ord>(mut intervals: Vec<(T, T)>) -> Box<[(T, T)]> {
    intervals.sort_unstable();
    let mut merged: Vec<(T, T)> = Vec::with_capacity(intervals.len());
    for (first, last) in intervals {
        match merged.last_mut() {
            Some(previous) if first <= previous.1 => previous.1 = previous.1.max(last),
            _ => merged.push((first, last)),
        }
    }
    merged.into()
}

fn holds<T: Copy + Ord>(intervals: &[(T, T)], value: T) -> bool {
    let after = intervals.partition_point(|&(first, _)| first <= value);
    after.checked_sub(1).and_then(|at| intervals.get(at)).is_some_and(|&(_, last)| value <= last)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use ipnet::IpNet;
    use proptest::prelude::*;

    use super::{AddressSet, block, everywhere, samples};

    fn contains(set: &[&str], address: &str) -> bool {
        let set = AddressSet::parse(set.iter().copied()).unwrap();
        set.contains(address.parse().unwrap())
    }

    #[test]
    fn an_address_is_in_its_blocks() {
        let set = ["10.0.0.0/8", "192.0.2.7", "2001:db8::/32", "10.1.2.3/16"];
        for inside in ["10.255.0.1", "192.0.2.7", "2001:db8:1::1", "::ffff:10.0.0.1"] {
            assert!(contains(&set, inside), "{inside}");
        }
        for outside in ["11.0.0.0", "192.0.2.8", "2001:db9::", "::10.0.0.1"] {
            assert!(!contains(&set, outside), "{outside}");
        }
        assert!(contains(&["0.0.0.0/0"], "255.255.255.255"));
        assert!(!contains(&["0.0.0.0/0"], "::1"));
    }

    #[test]
    fn what_is_no_address_is_named() {
        assert_eq!(AddressSet::parse(["10.0.0.1", "10.0.0.0/33"]).unwrap_err(), "10.0.0.0/33");
        assert_eq!(AddressSet::parse(["localhost"]).unwrap_err(), "localhost");
        assert_eq!(AddressSet::parse([""]).unwrap_err(), "");
    }

    #[test]
    fn a_sample_lies_on_each_side_of_each_edge() {
        let nets = |texts: &[&str]| -> Vec<IpNet> {
            texts.iter().map(|text| block(text).unwrap()).collect()
        };
        let of = |among: &[&str], told_apart: &[&str]| -> Vec<String> {
            let samples = samples(&nets(among), nets(told_apart).into_iter());
            samples.iter().map(ToString::to_string).collect()
        };
        assert_eq!(of(&["10.9.0.1"], &["10.9.0.0/16", "10.0.0.0/8"]), ["10.9.0.1"]);
        assert_eq!(of(&["10.9.0.0/16"], &["10.0.0.0/8"]), ["10.9.0.0"]);
        let parts = ["10.9.0.0", "10.9.1.0", "10.9.2.0"];
        assert_eq!(of(&["10.9.0.0/16"], &["10.9.1.0/24", "::/0"]), parts);
        assert!(of(&[], &["10.9.1.0/24"]).is_empty());
        let all = samples(&everywhere(), nets(&["255.255.255.255", "::/0"]).into_iter());
        assert_eq!(all, ["0.0.0.0", "255.255.255.255", "::"].map(|it| it.parse().unwrap()).into());
    }

    proptest! {
        #[test]
        fn a_set_is_the_union_of_its_blocks(
            blocks in prop::collection::vec((any::<u32>(), 0u8..=32), 0..8),
            address: u32,
        ) {
            let texts: Vec<String> = blocks
                .iter()
                .map(|(bits, length)| format!("{}/{length}", std::net::Ipv4Addr::from_bits(*bits)))
                .collect();
            let address = IpAddr::from(std::net::Ipv4Addr::from_bits(address));
            let set = AddressSet::parse(texts.iter().map(String::as_str)).unwrap();
            let expected = texts.iter().any(|text| block(text).unwrap().contains(&address));
            prop_assert_eq!(set.contains(address), expected);
        }
    }
}
