//! Which endpoint gets a request.

use mesh_snapshot::object::{Hash, HashTable, LoadBalancer, SimpleBalancer};

use crate::api::istio::{ConsistentHash, LoadBalancerSettings, SimpleLoadBalancer};
use crate::lower::route::micros;

/// The points of a ring, and the size of a table, where nobody says. Source: Istio, `LoadBalancerSettings`.
const RING_POINTS_MIN: u64 = 1024;
const MAGLEV_SIZE: u64 = 65537;

pub(super) fn lower(settings: Option<&LoadBalancerSettings>) -> LoadBalancer {
    let Some(settings) = settings else { return LoadBalancer::default() };
    let hashed = settings.consistent_hash.as_ref();
    if let Some((hash, table)) = hashed.and_then(|it| Some((hash(it)?, table(it)))) {
        return LoadBalancer::ConsistentHash { hash, table };
    }
    LoadBalancer::Simple(match settings.simple.unwrap_or_default() {
        SimpleLoadBalancer::Unspecified
        | SimpleLoadBalancer::LeastConn
        | SimpleLoadBalancer::LeastRequest => SimpleBalancer::LeastRequest,
        SimpleLoadBalancer::Random => SimpleBalancer::Random,
        SimpleLoadBalancer::Passthrough => SimpleBalancer::Passthrough,
        SimpleLoadBalancer::RoundRobin => SimpleBalancer::RoundRobin,
    })
}

fn hash(settings: &ConsistentHash) -> Option<Hash> {
    if let Some(name) = &settings.http_header_name {
        return Some(Hash::Header(name.to_ascii_lowercase()));
    }
    if let Some(cookie) = &settings.http_cookie {
        let (name, path) = (cookie.name.clone(), cookie.path.clone());
        return Some(Hash::Cookie { name, path, ttl: micros(cookie.ttl) });
    }
    if settings.use_source_ip == Some(true) {
        return Some(Hash::SourceIp);
    }
    settings.http_query_parameter_name.clone().map(Hash::QueryParameter)
}

fn table(settings: &ConsistentHash) -> HashTable {
    if let Some(maglev) = &settings.maglev {
        let size = if maglev.table_size == 0 { MAGLEV_SIZE } else { maglev.table_size };
        return HashTable::Maglev { size };
    }
    let sizes = [settings.ring_hash.as_ref().map_or(0, |ring| ring.minimum_ring_size)];
    let sizes = sizes.into_iter().chain([settings.minimum_ring_size]);
    let points_min = sizes.into_iter().find(|size| *size != 0).unwrap_or(RING_POINTS_MIN);
    HashTable::Ring { points_min }
}
