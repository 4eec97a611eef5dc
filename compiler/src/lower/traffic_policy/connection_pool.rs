//! Limits towards one upstream.

use mesh_snapshot::object::{ConnectionPool, HttpVersion, TcpKeepalive as Keepalive};

use crate::api::istio::{ConnectionPoolSettings, H2UpgradePolicy, HttpSettings, TcpKeepalive};
use crate::lower::route::micros;

/// `keepalive` is the mesh's, of which each field counts that the upstream's own leaves open. `upgrades_to_http2` is the mesh's as
/// well, for upstreams that say neither yes nor no.
pub(super) fn lower(
    settings: Option<&ConnectionPoolSettings>,
    keepalive: Option<&TcpKeepalive>,
    upgrades_to_http2: bool,
) -> ConnectionPool {
    let tcp = settings.and_then(|it| it.tcp.as_ref());
    let http = settings.and_then(|it| it.http.as_ref());
    let http_limit = |of: fn(&HttpSettings) -> i32| http.map_or(0, |http| limit(of(http)));
    ConnectionPool {
        connections_max: tcp.map_or(0, |tcp| limit(tcp.max_connections)),
        connect_timeout: tcp.and_then(|tcp| micros(tcp.connect_timeout)),
        tcp_keepalive: merge(tcp.and_then(|tcp| tcp.tcp_keepalive.as_ref()), keepalive),
        connection_duration_max: tcp.and_then(|tcp| micros(tcp.max_connection_duration)),
        tcp_idle_timeout: tcp.and_then(|tcp| micros(tcp.idle_timeout)),
        pending_requests_max: http_limit(|http| http.http1_max_pending_requests),
        requests_max: http_limit(|http| http.http2_max_requests),
        requests_per_connection_max: http_limit(|http| http.max_requests_per_connection),
        retries_max: http_limit(|http| http.max_retries),
        http_idle_timeout: http.and_then(|http| micros(http.idle_timeout)),
        concurrent_streams_max: http_limit(|http| http.max_concurrent_streams),
        http_version: version(http, upgrades_to_http2),
    }
}

/// What is negative was refused before.
fn limit(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

/// Source: Istio, `h2UpgradePolicy`.
fn version(http: Option<&HttpSettings>, upgrades_to_http2: bool) -> HttpVersion {
    if http.is_some_and(|http| http.use_client_protocol) {
        return HttpVersion::AsClient;
    }
    let upgrades = match http.map(|http| http.h2_upgrade_policy).unwrap_or_default() {
        H2UpgradePolicy::Upgrade => true,
        H2UpgradePolicy::DoNotUpgrade => false,
        H2UpgradePolicy::Default => upgrades_to_http2,
    };
    if upgrades { HttpVersion::Http2 } else { HttpVersion::AsDeclared }
}

/// Source: Istio, `setTCPKeepalive`.
fn merge(own: Option<&TcpKeepalive>, mesh: Option<&TcpKeepalive>) -> Option<Keepalive> {
    let all: Vec<_> = own.into_iter().chain(mesh).collect();
    if all.is_empty() {
        return None;
    }
    let first = |of: fn(&TcpKeepalive) -> Option<crate::api::scalar::Duration>| {
        micros(all.iter().find_map(|it| of(it))).unwrap_or_default()
    };
    Some(Keepalive {
        probes: all.iter().map(|it| it.probes).find(|probes| *probes != 0).unwrap_or(0),
        time: first(|it| it.time),
        interval: first(|it| it.interval),
    })
}
