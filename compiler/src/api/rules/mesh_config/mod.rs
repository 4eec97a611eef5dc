//! Rules of the mesh configuration.

mod extension;
mod proxy;

use std::collections::BTreeMap;

use mesh_engine::format::Format;

use super::checks::{INEFFECTIVE_RETRY, INVALID_DURATION, INVALID_MESH_CONFIG, INVALID_RETRY};
use super::destination_rule::{check_connection_pool, check_locality, check_outlier_detection};
use super::label::is_domain;
use super::{export_to, header, host, port};
use crate::api::Resource;
use crate::api::istio::HttpRetry;
use crate::api::mesh_config::{AccessLogEncoding, MeshConfig};
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
    for (field, export_to) in [
        ("defaultServiceExportTo", &spec.default_service_export_to),
        ("defaultVirtualServiceExportTo", &spec.default_virtual_service_export_to),
        ("defaultDestinationRuleExportTo", &spec.default_destination_rule_export_to),
    ] {
        export_to::check_default(export_to, &at.field(field), out);
    }
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
    if let Some(retries) = &spec.default_inbound_http_retry_policy {
        check_inbound_retries(retries, &at.field("defaultInboundHttpRetryPolicy"), out);
    }
    check_access_log(spec, at, out);
    extension::check(&spec.extension_providers, &at.field("extensionProviders"), out);
    proxy::check(&spec.default_config, &at.field("defaultConfig"), out);
}

/// What is written of every request. Nothing is where there is no file.
fn check_access_log(spec: &MeshConfig, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if spec.access_log_file.is_empty() {
        return;
    }
    let at = at.field("accessLogFormat");
    match spec.access_log_encoding {
        AccessLogEncoding::Text => {
            header::check_format(&spec.access_log_format, &INVALID_MESH_CONFIG, &at, out);
        }
        AccessLogEncoding::Json => {
            let fields: BTreeMap<String, serde_json::Value> =
                serde_json::from_str(&spec.access_log_format).unwrap_or_default();
            // Of texts within a text there is no place to show.
            for (name, text) in fields.iter().filter_map(|(name, it)| Some((name, it.as_str()?))) {
                if let Err(error) = Format::parse(text) {
                    let message = format!("no proxy can write the field `{name}`");
                    let found = Diagnostic::new(&INVALID_MESH_CONFIG, at.value(), message);
                    out.push(found.label(error.to_string()));
                }
            }
        }
    }
}

/// What a sidecar hands to its workload goes to one place, in one try after another.
fn check_inbound_retries(retries: &HttpRetry, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if retries.attempts == 0 && retries.retry_on.is_empty() && retries.backoff.is_some() {
        let message = "there are no retries, so there is nothing between them";
        let found = Diagnostic::new(&INVALID_RETRY, at.field("backoff").key(), message);
        out.push(found.label("without `attempts` there are none"));
    }
    let ignored = [
        ("perTryTimeout", retries.per_try_timeout.is_some()),
        ("retryRemoteLocalities", retries.retry_remote_localities.is_some()),
        ("retryIgnorePreviousHosts", retries.retry_ignore_previous_hosts.is_some()),
    ];
    for (name, _) in ignored.iter().filter(|(_, is_set)| *is_set) {
        let message = "a sidecar knows one place to try again: its workload";
        let found = Diagnostic::new(&INEFFECTIVE_RETRY, at.field(name).key(), message);
        out.push(found.label("ignored").consequence("requests are tried again without it"));
    }
}

fn check_timeouts(spec: &MeshConfig, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let mut fault = |name: &str, duration: Duration, label: &str| {
        let message = format!("`{duration}` cannot be the value of `{name}`");
        out.push(Diagnostic::new(&INVALID_DURATION, at.field(name).value(), message).label(label));
    };
    if let Some(timeout) = spec.connect_timeout {
        let is_whole = timeout.nanos() % MILLISECOND == 0;
        if !is_whole || !(MILLISECOND..=3600 * SECOND).contains(&timeout.nanos()) {
            fault("connectTimeout", timeout, "1ms to 1h");
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

fn check_trust_domains(spec: &MeshConfig, at: &At<'_>, out: &mut Vec<Diagnostic>) {
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
