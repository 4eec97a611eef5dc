//! How proxies run, unless they are told otherwise.

use super::super::checks::{DEPRECATED_FIELD, INVALID_MESH_CONFIG};
use super::super::{address, host, port, share};
use crate::api::mesh_config::{
    ConnectionSettings, KeyAccelerator, PrivateKeyProvider, ProxyConfig, Tracing,
};
use crate::api::scalar::Duration;
use crate::diagnostic::{At, Diagnostic, Place};

fn fault(place: Place, message: impl Into<String>, label: &str) -> Diagnostic {
    Diagnostic::new(&INVALID_MESH_CONFIG, place, message).label(label)
}

pub(super) fn check(proxy: &ProxyConfig, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    for (name, number) in
        [("proxyAdminPort", proxy.proxy_admin_port), ("statusPort", proxy.status_port)]
    {
        if let Some(number) = number {
            port::check_number(number, &at.field(name), out);
        }
    }
    let addresses = [
        ("discoveryAddress", &proxy.discovery_address),
        ("statsdUdpAddress", &proxy.statsd_udp_address),
    ];
    for (name, text) in addresses.into_iter().filter(|(_, text)| !text.is_empty()) {
        check_address(text, &at.field(name), out);
    }
    check_tracing(&proxy.tracing, &at.field("tracing"), out);
    if let Some(provider) = &proxy.private_key_provider {
        check_key_provider(provider, &at.field("privateKeyProvider"), out);
    }
    if let Some(settings) = &proxy.connection_settings {
        check_connections(settings, &at.field("connectionSettings"), out);
    }
    let metadata = at.field("proxyMetadata");
    for name in proxy.proxy_metadata.keys().filter(|name| *name == "ISTIO_META_DNS_AUTO_ALLOCATE") {
        let message = format!("`{name}` is deprecated");
        let found = Diagnostic::new(&DEPRECATED_FIELD, metadata.field(name).key(), message);
        out.push(found.label("not read any more").consequence("no address is given or withheld by it").help("addresses are given to each ServiceEntry; its label `networking.istio.io/enable-autoallocate-ip` says otherwise"));
    }
}

/// `host:port`; where a proxy is told of the machine that it runs on, the host may be `$(HOST_IP)`.
fn check_address(text: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let plain = text.replacen("$(HOST_IP)", "127.0.0.1", 1);
    if !is_host_and_port(&plain) {
        out.push(fault(at.value(), format!("`{text}` is no address with a port"), "`host:port`"));
    }
}

fn is_host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let plain = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
    is_port && (host::fqdn(host).is_ok() || address::is_address(plain))
}

fn check_tracing(tracing: &Tracing, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let tracers = [
        ("zipkin", tracing.zipkin.as_ref().map(|it| &it.address)),
        ("lightstep", tracing.lightstep.as_ref().map(|it| &it.address)),
        ("datadog", tracing.datadog.as_ref().map(|it| &it.address)),
        ("openCensusAgent", tracing.open_census_agent.as_ref().map(|it| &it.address)),
    ];
    for (name, text) in tracers.iter().filter_map(|(name, text)| Some((name, (*text)?))) {
        // An agent of OpenCensus is named in gRPC's way.
        if *name != "openCensusAgent" {
            check_address(text, &at.field(name).field("address"), out);
        }
    }
    if tracing.lightstep.as_ref().is_some_and(|it| it.access_token.is_empty()) {
        let place = at.field("lightstep").field("accessToken").value();
        out.push(fault(place, "the tracer has no token", "needs `accessToken`"));
    }
    share::check(tracing.sampling, &at.field("sampling"), out);
}

fn check_key_provider(provider: &PrivateKeyProvider, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if provider.cryptomb.is_some() == provider.qat.is_some() {
        let message = "exactly one of `cryptomb` and `qat` must be set";
        out.push(fault(at.key(), message, "one of the two"));
    }
    let check = |of: &KeyAccelerator, at: &At<'_>, out: &mut Vec<Diagnostic>| {
        let delay = at.field("pollDelay");
        match of.poll_delay.map(Duration::nanos) {
            None => {
                out.push(fault(delay.value(), "`pollDelay` is missing", "needs `pollDelay`"));
            }
            Some(..=0) => {
                out.push(fault(delay.value(), "`pollDelay` must not be zero", "too short"));
            }
            Some(_) => {}
        }
    };
    if let Some(cryptomb) = &provider.cryptomb {
        check(cryptomb, &at.field("cryptomb"), out);
    }
    if let Some(qat) = &provider.qat {
        check(qat, &at.field("qat"), out);
    }
}

/// The smallest window of a stream. Source: RFC 9113 §6.9.2; Envoy, `Http2ProtocolOptions`.
const WINDOW_MIN: i32 = 65_535;

fn check_connections(settings: &ConnectionSettings, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let numbers = [
        (
            "listenerPerConnectionBufferLimitBytes",
            settings.listener_per_connection_buffer_limit_bytes,
            0,
        ),
        (
            "clusterPerConnectionBufferLimitBytes",
            settings.cluster_per_connection_buffer_limit_bytes,
            0,
        ),
        ("httpMaxConcurrentStreams", settings.http_max_concurrent_streams, 1),
        ("http2InitialStreamWindowSize", settings.http2_initial_stream_window_size, WINDOW_MIN),
        (
            "http2InitialConnectionWindowSize",
            settings.http2_initial_connection_window_size,
            WINDOW_MIN,
        ),
        ("listenerConnectionLimit", settings.listener_connection_limit, 0),
        ("globalDownstreamConnectionLimit", settings.global_downstream_connection_limit, 0),
    ];
    for (name, number, min) in numbers {
        if number.is_some_and(|number| number < min) {
            let message = format!("the value of `{name}` is too small");
            out.push(fault(at.field(name).value(), message, &format!("at least {min}")));
        }
    }
    let durations = [
        ("httpIdleTimeout", settings.http_idle_timeout),
        ("httpMaxConnectionDuration", settings.http_max_connection_duration),
        ("httpDrainTimeout", settings.http_drain_timeout),
        ("httpRequestTimeout", settings.http_request_timeout),
        ("httpRequestHeadersTimeout", settings.http_request_headers_timeout),
        ("httpStreamIdleTimeout", settings.http_stream_idle_timeout),
        ("httpMaxStreamDuration", settings.http_max_stream_duration),
    ];
    for (name, duration) in durations {
        if duration.is_some_and(|duration| duration.nanos() < 0) {
            let place = at.field(name).value();
            out.push(fault(place, format!("`{name}` is negative"), "0 is no limit"));
        }
    }
}
