//! Other programs that proxies talk to: where they are, and how they are asked.

use std::collections::HashMap;

use super::super::checks::INVALID_MESH_CONFIG;
use super::super::label::is_dns_label;
use super::super::{address, duration, host, port};
use crate::api::mesh_config::{ExtAuthzGrpc, ExtAuthzHttp, ExtensionProvider, ZipkinProvider};
use crate::api::scalar::Duration;
use crate::diagnostic::{At, Diagnostic, Place};

fn fault(place: Place, message: impl Into<String>, label: &str) -> Diagnostic {
    Diagnostic::new(&INVALID_MESH_CONFIG, place, message).label(label)
}

pub(super) fn check(providers: &[ExtensionProvider], at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let mut by_name = HashMap::new();
    for (index, provider) in providers.iter().enumerate() {
        let at_provider = at.index(index);
        let name = at_provider.field("name");
        let first = *by_name.entry(provider.name.as_str()).or_insert(index);
        let first = Some(first).filter(|first| *first != index);
        if provider.name.is_empty() {
            out.push(fault(name.value(), "a provider has no name", "needs a name"));
        } else if let Some(first) = first {
            let message = format!("two providers are called `{}`", provider.name);
            let found = fault(name.value(), message, "again");
            out.push(found.also(at.index(first).field("name").value(), "first here"));
        }
        for place in places(provider) {
            check_place(&place, &at_provider.field(place.kind), out);
        }
        check_authorizers(provider, &at_provider, out);
        check_opentelemetry(provider, &at_provider, out);
    }
}

/// Where a provider is.
struct Endpoint<'a> {
    /// The field that it stands under.
    kind: &'static str,
    service: &'a str,
    port: u32,
    timeout: Option<Duration>,
}

fn places(of: &ExtensionProvider) -> Vec<Endpoint<'_>> {
    macro_rules! endpoint {
        ($field:ident, $kind:literal) => {
            endpoint!($field, $kind, |_| None)
        };
        ($field:ident, $kind:literal, $timeout:expr) => {
            of.$field.as_ref().map(|it| Endpoint {
                kind: $kind,
                service: &it.service,
                port: it.port,
                timeout: ($timeout)(it),
            })
        };
    }
    let all = [
        endpoint!(envoy_ext_authz_http, "envoyExtAuthzHttp", |it: &ExtAuthzHttp| it.timeout),
        endpoint!(envoy_ext_authz_grpc, "envoyExtAuthzGrpc", |it: &ExtAuthzGrpc| it.timeout),
        endpoint!(zipkin, "zipkin", |it: &ZipkinProvider| it.timeout),
        endpoint!(lightstep, "lightstep"),
        endpoint!(datadog, "datadog"),
        endpoint!(opencensus, "opencensus"),
        endpoint!(skywalking, "skywalking"),
        endpoint!(opentelemetry, "opentelemetry"),
        endpoint!(envoy_http_als, "envoyHttpAls"),
        endpoint!(envoy_tcp_als, "envoyTcpAls"),
        endpoint!(envoy_otel_als, "envoyOtelAls"),
    ];
    all.into_iter().flatten().collect()
}

fn check_place(endpoint: &Endpoint<'_>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let service = at.field("service");
    if let Some(reason) = service_fault(endpoint.service) {
        let message = format!("`{}` is no service of a provider", endpoint.service);
        out.push(fault(service.value(), message, reason));
    }
    port::check_number(endpoint.port, &at.field("port"), out);
    duration::check(endpoint.timeout, &at.field("timeout"), out);
}

/// `host` or `namespace/host`. A port is said elsewhere.
fn service_fault(text: &str) -> Option<&'static str> {
    let (namespace, name) =
        text.split_once('/').map_or((None, text), |(namespace, name)| (Some(namespace), name));
    if text.is_empty() {
        return Some("needs a host");
    }
    if namespace.is_some_and(|namespace| !is_dns_label(namespace)) || name.contains('/') {
        return Some("`host` or `namespace/host`");
    }
    let is_host = host::fqdn(name).is_ok() || address::is_address(name);
    (!is_host).then_some("`host` or `namespace/host`, and the port in `port`")
}

fn check_authorizers(provider: &ExtensionProvider, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let mut status = |text: &str, at: &At<'_>| {
        let is_status = text.parse::<u16>().is_ok_and(|status| (100..600).contains(&status));
        if !text.is_empty() && !is_status {
            let place = at.field("statusOnError").value();
            out.push(fault(place, format!("`{text}` is no status of HTTP"), "such as `403`"));
        }
    };
    if let Some(http) = &provider.envoy_ext_authz_http {
        status(&http.status_on_error, &at.field("envoyExtAuthzHttp"));
    }
    if let Some(grpc) = &provider.envoy_ext_authz_grpc {
        status(&grpc.status_on_error, &at.field("envoyExtAuthzGrpc"));
    }
    if let Some(http) = &provider.envoy_ext_authz_http
        && !http.path_prefix.is_empty()
        && !http.path_prefix.starts_with('/')
    {
        let at = at.field("envoyExtAuthzHttp");
        let place = at.field("pathPrefix").value();
        let message = format!("`{}` is no beginning of a path", http.path_prefix);
        out.push(fault(place, message, "begins with `/`"));
    }
}

fn check_opentelemetry(provider: &ExtensionProvider, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let Some(tracer) = &provider.opentelemetry else { return };
    let at = at.field("opentelemetry");
    if tracer.http.is_some() && tracer.grpc.is_some() {
        let found = fault(at.field("grpc").key(), "`http` and `grpc` are both set", "one of them");
        out.push(found.also(at.field("http").key(), "or this"));
    }
    if let Some(http) = &tracer.http {
        let at = at.field("http");
        duration::check(http.timeout, &at.field("timeout"), out);
    }
    if let Some(grpc) = &tracer.grpc {
        let at = at.field("grpc");
        duration::check(grpc.timeout, &at.field("timeout"), out);
    }
}
