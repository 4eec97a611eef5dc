//! What a request is hashed by, for balancers that keep like requests together. Source: Istio `ConsistentHashLB`.

use std::net::IpAddr;

use http::header;
use mesh_snapshot::object::{Hash, LoadBalancer};

use super::Cluster;
use crate::request::{Connection, Request};

/// The hash of one request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hashed<'p> {
    By(u64),
    /// It has no such cookie: the proxy sets it (name, path and, in seconds, age), and hashes the new value by [`of_text`].
    NewCookie {
        name: &'p str,
        path: &'p str,
        seconds: u64,
    },
    /// It lacks what it would be hashed by: any endpoint will do.
    Any,
}

impl Cluster {
    /// `None`: the cluster's balancer does not hash.
    #[must_use]
    pub fn hash(&self, request: &Request<'_>, connection: &Connection<'_>) -> Option<Hashed<'_>> {
        let LoadBalancer::ConsistentHash { hash, .. } = &self.policy.load_balancer else {
            return None;
        };
        Some(match hash {
            Hash::Header(name) => {
                request.headers.get(name).map_or(Hashed::Any, |value| by(value.as_bytes()))
            }
            Hash::QueryParameter(name) => {
                request.parameter(name).map_or(Hashed::Any, |value| by(value.as_bytes()))
            }
            Hash::SourceIp => match connection.remote {
                IpAddr::V4(address) => by(&address.octets()),
                IpAddr::V6(address) => by(&address.octets()),
            },
            Hash::Cookie { name, path, ttl } => match (cookie(request, name), ttl) {
                (Some(value), _) => by(value),
                (None, Some(ttl)) => Hashed::NewCookie { name, path, seconds: ttl.0 / 1_000_000 },
                (None, None) => Hashed::Any,
            },
        })
    }
}

fn by<'p>(text: &[u8]) -> Hashed<'p> {
    Hashed::By(of_text(text))
}

/// The value of a cookie. Source: RFC 6265 §5.4.
pub(crate) fn cookie<'a>(request: &Request<'a>, name: &str) -> Option<&'a [u8]> {
    let pairs = request.headers.get_all(header::COOKIE).into_iter();
    pairs.flat_map(|value| value.as_bytes().split(|&byte| byte == b';')).find_map(|pair| {
        let mut parts = pair.splitn(2, |&byte| byte == b'=');
        let found = parts.next()?.trim_ascii();
        let value = parts.next()?.trim_ascii();
        let bare = value.strip_prefix(b"\"").and_then(|value| value.strip_suffix(b"\""));
        (found == name.as_bytes()).then_some(bare.unwrap_or(value))
    })
}

/// The same in every process and version: FNV-1a, its bits then mixed, since neighbours on the ring must not be
/// neighbours in the text. Source: the mixer is `SplitMix64`'s.
#[must_use]
pub fn of_text(text: &[u8]) -> u64 {
    let hash = text.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use mesh_snapshot::object::{ClientPolicy, Hash, HashTable, LoadBalancer, Microseconds};

    use super::{Hashed, of_text};
    use crate::cluster::Cluster;
    use crate::cluster::tests::{only, policy, reviews, upstream};
    use crate::request::Connection;
    use crate::request::tests::{get, headers};

    fn hashing(hash: Hash) -> Cluster {
        let mut policy = ClientPolicy::default();
        let table = HashTable::Ring { points_min: 1024 };
        policy.ports.others.load_balancer = LoadBalancer::ConsistentHash { hash, table };
        only(upstream(reviews(), policy))
    }

    fn connection() -> Connection<'static> {
        Connection {
            source: [10, 0, 0, 1].into(),
            remote: [10, 0, 0, 2].into(),
            destination: ([10, 0, 0, 3], 80).into(),
            peer: None,
            sni: None,
            mutual_tls: false,
        }
    }

    #[test]
    fn a_request_is_hashed_by_what_the_policy_names() {
        let user = headers(&[("x-user", "jo"), ("cookie", "a=1; s=\"jo\"")]);
        let request = get("/?u=jo", &user);
        let jo = Some(Hashed::By(of_text(b"jo")));
        let cookie = |ttl| Hash::Cookie { name: "s".to_owned(), path: "/".to_owned(), ttl };
        for hash in
            [Hash::Header("x-user".to_owned()), Hash::QueryParameter("u".to_owned()), cookie(None)]
        {
            assert_eq!(hashing(hash).hash(&request, &connection()), jo);
        }
        let by_source = hashing(Hash::SourceIp);
        let source = by_source.hash(&request, &connection());
        assert_eq!(source, Some(Hashed::By(of_text(&[10, 0, 0, 2]))));
        assert_eq!(only(upstream(reviews(), policy())).hash(&request, &connection()), None);
    }

    #[test]
    fn what_is_not_there_hashes_to_nothing() {
        let none = HeaderMap::new();
        let request = get("/", &none);
        let header = hashing(Hash::Header("x-user".to_owned()));
        assert_eq!(header.hash(&request, &connection()), Some(Hashed::Any));
        let cookie = hashing(Hash::Cookie {
            name: "s".to_owned(),
            path: "/".to_owned(),
            ttl: Some(Microseconds::from_secs(5)),
        });
        let new = Hashed::NewCookie { name: "s", path: "/", seconds: 5 };
        assert_eq!(cookie.hash(&request, &connection()), Some(new));
    }
}
