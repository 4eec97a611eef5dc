//! Limits towards an upstream, and when an endpoint is set aside. Also for the mesh's defaults.

use super::super::checks::{INVALID_CONNECTION_POOL, INVALID_OUTLIER_DETECTION};
use super::super::{duration, share};
use crate::api::istio::{
    ConnectionPoolSettings, H2UpgradePolicy, HttpSettings, OutlierDetection, TcpSettings,
};
use crate::diagnostic::{At, Diagnostic};

pub(in super::super) fn check(
    pool: Option<&ConnectionPoolSettings>,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let Some(pool) = pool else { return };
    if pool.tcp.is_none() && pool.http.is_none() {
        let found = Diagnostic::new(
            &INVALID_CONNECTION_POOL,
            at.key(),
            "the connection pool has no settings",
        );
        out.push(found.label("needs `tcp` or `http`").lacking(at, &["tcp", "http"]));
    }
    if let Some(http) = &pool.http {
        check_http(http, &at.field("http"), out);
    }
    if let Some(tcp) = &pool.tcp {
        check_tcp(tcp, &at.field("tcp"), out);
    }
}

fn check_limit(limit: i32, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if limit < 0 {
        let found = Diagnostic::new(
            &INVALID_CONNECTION_POOL,
            at.value(),
            format!("the limit `{limit}` is negative"),
        );
        out.push(found.label("0 is no limit"));
    }
}

fn check_http(http: &HttpSettings, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    check_limit(http.http1_max_pending_requests, &at.field("http1MaxPendingRequests"), out);
    check_limit(http.http2_max_requests, &at.field("http2MaxRequests"), out);
    check_limit(http.max_requests_per_connection, &at.field("maxRequestsPerConnection"), out);
    check_limit(http.max_retries, &at.field("maxRetries"), out);
    check_limit(http.max_concurrent_streams, &at.field("maxConcurrentStreams"), out);
    duration::check(http.idle_timeout, &at.field("idleTimeout"), out);
    if http.h2_upgrade_policy == H2UpgradePolicy::Upgrade && http.use_client_protocol {
        let message = "requests cannot both become HTTP/2 and stay what the client sent";
        let found =
            Diagnostic::new(&INVALID_CONNECTION_POOL, at.field("useClientProtocol").key(), message);
        out.push(found.label("stays").also(at.field("h2UpgradePolicy").key(), "becomes HTTP/2"));
    }
    let Some(keepalive) = &http.http2_keep_alive else { return };
    let at = at.field("http2KeepAlive");
    for (name, value) in [("interval", keepalive.interval), ("timeout", keepalive.timeout)] {
        if value.is_none() {
            let found = Diagnostic::new(
                &INVALID_CONNECTION_POOL,
                at.key(),
                format!("`http2KeepAlive` needs `{name}`"),
            );
            out.push(found.label(format!("needs `{name}`")));
        }
        duration::check(value, &at.field(name), out);
    }
}

fn check_tcp(tcp: &TcpSettings, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    check_limit(tcp.max_connections, &at.field("maxConnections"), out);
    duration::check(tcp.connect_timeout, &at.field("connectTimeout"), out);
    duration::check(tcp.max_connection_duration, &at.field("maxConnectionDuration"), out);
    // Less than a millisecond switches the timeout off.
    let idle = tcp.idle_timeout.filter(|timeout| timeout.nanos().abs() >= 1_000_000);
    duration::check(idle, &at.field("idleTimeout"), out);
    if let Some(keepalive) = &tcp.tcp_keepalive {
        let at = at.field("tcpKeepalive");
        duration::check(keepalive.time, &at.field("time"), out);
        duration::check(keepalive.interval, &at.field("interval"), out);
    }
}

pub(in super::super) fn check_outlier_detection(
    detection: Option<&OutlierDetection>,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let Some(detection) = detection else { return };
    duration::check(detection.interval, &at.field("interval"), out);
    duration::check(detection.base_ejection_time, &at.field("baseEjectionTime"), out);
    share::check(f64::from(detection.max_ejection_percent), &at.field("maxEjectionPercent"), out);
    share::check(f64::from(detection.min_health_percent), &at.field("minHealthPercent"), out);
    let counts_local = detection.consecutive_local_origin_failures.is_some_and(|count| count > 0);
    if counts_local && !detection.split_external_local_origin_errors {
        let message = "failures of the proxy's own making are counted, but not told apart";
        let place = at.field("consecutiveLocalOriginFailures").key();
        let found =
            Diagnostic::new(&INVALID_OUTLIER_DETECTION, place, message).label("never reached");
        out.push(found.help("set `splitExternalLocalOriginErrors: true`"));
    }
    let codes = at.field("outlierDetectionHttpErrorCodes");
    for (index, code) in detection.outlier_detection_http_error_codes.iter().enumerate() {
        if !(100..600).contains(code) {
            let found = Diagnostic::new(
                &INVALID_OUTLIER_DETECTION,
                codes.index(index).value(),
                format!("`{code}` is no status of HTTP"),
            );
            out.push(found.label("100 to 599"));
        }
    }
}
