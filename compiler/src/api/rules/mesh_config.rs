//! Rules of the mesh configuration.

use super::checks::{INVALID_DURATION, INVALID_MESH_CONFIG};
use super::destination_rule::{check_connection_pool, check_locality, check_outlier_detection};
use super::label::is_dns_label;
use super::{address, host, port};
use crate::api::Resource;
use crate::api::mesh_config::{MeshConfig, ProxyConfig};
use crate::api::scalar::Duration;
use crate::diagnostic::{At, Diagnostic};

const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1000 * MILLISECOND;

pub(in crate::api) fn check(
    resource: &Resource<MeshConfig>,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let spec = &resource.spec;
    if let Some(number) = spec.proxy_listen_port {
        port::check_number(number, &at.field("proxyListenPort"), out);
    }
    check_timeouts(spec, at, out);
    check_trust_domains(spec, at, out);
    // A mesh always notices failures, so a failover needs nothing beside it.
    check_locality(spec.locality_lb_setting.as_ref(), true, &at.field("localityLbSetting"), out);
    let services = at.field("serviceSettings");
    for (index, setting) in spec.service_settings.iter().enumerate() {
        let at = services.index(index);
        let at = at.field("hosts");
        for (index, name) in setting.hosts.iter().enumerate() {
            if let Err(fault) = host::wildcard(name) {
                host::report(name, &fault, &at.index(index), out);
            }
        }
    }
    if !spec.mesh_mtls.ecdh_curves.is_empty() {
        let at = at.field("meshMTLS");
        let message = "the curves inside of the mesh are the proxies' own";
        out.push(
            Diagnostic::new(&INVALID_MESH_CONFIG, at.field("ecdhCurves").key(), message)
                .label("remove this"),
        );
    }
    let policy = at.field("defaultTrafficPolicy");
    let defaults = &spec.default_traffic_policy;
    check_connection_pool(defaults.connection_pool.as_ref(), &policy.field("connectionPool"), out);
    check_outlier_detection(
        defaults.outlier_detection.as_ref(),
        &policy.field("outlierDetection"),
        out,
    );
    for (name, retries) in [
        ("defaultHttpRetryPolicy", &spec.default_http_retry_policy),
        ("defaultInboundHttpRetryPolicy", &spec.default_inbound_http_retry_policy),
    ] {
        super::virtual_service::check_retries(retries.as_ref(), &at.field(name), out);
    }
    check_proxy(&spec.default_config, &at.field("defaultConfig"), out);
}

fn check_proxy(proxy: &ProxyConfig, at: &At<'_>, out: &mut Vec<Diagnostic>) {
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
        if !is_host_and_port(text) {
            let found = Diagnostic::new(
                &INVALID_MESH_CONFIG,
                at.field(name).value(),
                format!("`{text}` is no address with a port"),
            );
            out.push(found.label("`host:port`"));
        }
    }
}

fn is_host_and_port(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let plain = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let is_port = port.parse::<u16>().is_ok_and(|port| port > 0);
    is_port && (host::fqdn(host).is_ok() || address::is_address(plain))
}

fn check_timeouts(spec: &MeshConfig, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let mut fault = |name: &str, duration: Duration, label: &str| {
        let message = format!("`{duration}` cannot be the value of `{name}`");
        out.push(Diagnostic::new(&INVALID_DURATION, at.field(name).value(), message).label(label));
    };
    if let Some(timeout) = spec.connect_timeout {
        let is_whole = timeout.nanos() % MILLISECOND == 0;
        if !is_whole || !(MILLISECOND..=30 * SECOND).contains(&timeout.nanos()) {
            fault("connectTimeout", timeout, "1ms to 30s");
        }
    }
    if let Some(timeout) = spec.protocol_detection_timeout
        && timeout.nanos() % MILLISECOND != 0
    {
        fault("protocolDetectionTimeout", timeout, "finer than a millisecond");
    }
    if let Some(drain) = spec.default_config.drain_duration
        && (drain.nanos() < SECOND || drain.nanos() % SECOND != 0)
    {
        let at = at.field("defaultConfig");
        let message = format!("`{drain}` is no whole number of seconds");
        out.push(
            Diagnostic::new(&INVALID_DURATION, at.field("drainDuration").value(), message)
                .label("only seconds can be said here"),
        );
    }
}

/// Labels with dots, the last of which may be empty.
fn check_trust_domains(spec: &MeshConfig, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let is_domain = |domain: &str| {
        let name = domain.strip_suffix('.').unwrap_or(domain);
        !name.is_empty() && name.split('.').all(is_dns_label)
    };
    let mut fault = |domain: &str, place| {
        let found =
            Diagnostic::new(&INVALID_MESH_CONFIG, place, format!("`{domain}` is no trust domain"));
        out.push(found.label("letters, digits, `-` and `.`"));
    };
    if !spec.trust_domain.is_empty() && !is_domain(&spec.trust_domain) {
        fault(&spec.trust_domain, at.field("trustDomain").value());
    }
    let aliases = at.field("trustDomainAliases");
    for (index, alias) in
        spec.trust_domain_aliases.iter().enumerate().filter(|(_, alias)| !is_domain(alias))
    {
        fault(alias, aliases.index(index).value());
    }
}
