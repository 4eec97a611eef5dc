//! Where a patch applies.

use super::super::checks::{DEPRECATED_ENVOY_NAME, INEFFECTIVE_ENVOY_PATCH};
use super::super::{expression, port};
use super::fault;
use crate::api::istio::{ApplyTo, ConfigMatch, FilterMatch, PatchContext};
use crate::diagnostic::{At, Diagnostic};

const CONNECTION_MANAGER: &str = "envoy.filters.network.http_connection_manager";
/// The longest expression that is looked at, in bytes. Source: Istio.
const EXPRESSION_MAX: usize = 1024;

pub(super) fn check(
    apply_to: ApplyTo,
    matched: &ConfigMatch,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    check_version(matched, at, out);
    check_waypoint(matched, at, out);
    check_class(apply_to, matched, at, out);
    let Some(chain) = matched.listener.as_ref().and_then(|it| it.filter_chain.as_ref()) else {
        return;
    };
    let Some(filter) = &chain.filter else { return };
    let at = at.field("listener");
    let at = at.field("filterChain");
    check_filter(apply_to, filter, &at.field("filter"), out);
}

fn check_version(matched: &ConfigMatch, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let Some(proxy) = matched.proxy.as_ref().filter(|it| !it.proxy_version.is_empty()) else {
        return;
    };
    let at = at.field("proxy");
    let at = at.field("proxyVersion");
    if proxy.proxy_version.len() > EXPRESSION_MAX {
        let message = "the expression for `proxyVersion` exceeds 1024 characters";
        let found = Diagnostic::new(&INEFFECTIVE_ENVOY_PATCH, at.value(), message);
        return out.push(found.label("ignored").consequence("the patch applies to no proxy"));
    }
    expression::check(&proxy.proxy_version, &at, out);
}

fn check_waypoint(matched: &ConfigMatch, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let is_for_waypoints = matched.context == PatchContext::Waypoint;
    if matched.waypoint.is_some() != is_for_waypoints {
        let message = "`waypoint` matches when the context is `WAYPOINT`, and only then";
        let (place, label) = if is_for_waypoints {
            (at.field("context").value(), "needs `waypoint`")
        } else {
            (at.field("waypoint").key(), "needs `context: WAYPOINT`")
        };
        out.push(fault(place, message, label));
    }
    if let Some(number) = matched.waypoint.as_ref().and_then(|it| it.port_number) {
        let at = at.field("waypoint");
        port::check_number(number, &at.field("portNumber"), out);
    }
}

/// Each part of the configuration is found in its own way.
fn check_class(apply_to: ApplyTo, matched: &ConfigMatch, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let (wanted, class) = match apply_to {
        ApplyTo::Listener
        | ApplyTo::FilterChain
        | ApplyTo::NetworkFilter
        | ApplyTo::HttpFilter
        | ApplyTo::ListenerFilter => ("listener", "listener class"),
        ApplyTo::RouteConfiguration | ApplyTo::VirtualHost | ApplyTo::HttpRoute => {
            ("routeConfiguration", "http route class")
        }
        ApplyTo::Cluster => ("cluster", "cluster class"),
        ApplyTo::Invalid | ApplyTo::ExtensionConfig | ApplyTo::Bootstrap => return,
    };
    let set = [
        ("listener", matched.listener.is_some()),
        ("routeConfiguration", matched.route_configuration.is_some()),
        ("cluster", matched.cluster.is_some()),
    ];
    for (name, _) in set.iter().filter(|(name, is_set)| *is_set && *name != wanted) {
        let message =
            format!("`applyTo` names an object of the {class}, which `{name}` cannot match");
        let words = match wanted {
            "listener" => "needs `listener`: a non listener match",
            "cluster" => "needs `cluster`: a non cluster match",
            _ => "needs `routeConfiguration`: a non route configuration match",
        };
        out.push(fault(at.field(name).key(), message, words));
    }
}

fn check_filter(apply_to: ApplyTo, filter: &FilterMatch, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if matches!(apply_to, ApplyTo::Listener | ApplyTo::FilterChain) {
        let message = "a listener or a chain of filters is not found by one of its filters";
        let found = Diagnostic::new(&INEFFECTIVE_ENVOY_PATCH, at.key(), message);
        out.push(found.label("filter match has no effect"));
    }
    let name = at.field("name");
    if filter.name.is_empty() {
        return out.push(fault(
            name.value(),
            "the filter match has no name to match on",
            "needs `name`",
        ));
    }
    check_name(&filter.name, &name, out);
    let Some(inner) = &filter.sub_filter else { return };
    let at_inner = at.field("subFilter");
    let inner_name = at_inner.field("name");
    if apply_to != ApplyTo::HttpFilter {
        let message = "a subfilter match can be used with `applyTo: HTTP_FILTER` only";
        out.push(fault(at_inner.key(), message, "not here"));
    } else if successor(&filter.name).unwrap_or(&filter.name) != CONNECTION_MANAGER {
        let message =
            format!("a subfilter match requires a filter match with `{CONNECTION_MANAGER}`");
        let found = fault(at_inner.key(), message, "not in this filter");
        out.push(found.also(name.value(), "another filter"));
    } else if inner.name.is_empty() {
        let message = "the subfilter match has no name to match on";
        out.push(fault(inner_name.value(), message, "needs `name`"));
    } else {
        check_name(&inner.name, &inner_name, out);
    }
}

/// Says so where a filter is called as it was years ago.
pub(super) fn check_name(name: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if let Some(new) = successor(name) {
        let message = format!("using deprecated filter name `{name}`");
        let found = Diagnostic::new(&DEPRECATED_ENVOY_NAME, at.value(), message);
        let effect =
            "a later Envoy that does not know the name finds no filter, and the patch does nothing";
        out.push(found.label(format!("it is called `{new}`")).consequence(effect));
    }
}

/// What Envoy calls a filter today. Source: Envoy, "Deprecated", version 1.14.
fn successor(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix("envoy.").unwrap_or(name);
    SUCCESSORS.iter().find(|(old, _)| *old == name).map(|(_, new)| *new)
}

/// Without `envoy.` in front.
const SUCCESSORS: &[(&str, &str)] = &[
    ("buffer", "envoy.filters.http.buffer"),
    ("cors", "envoy.filters.http.cors"),
    ("csrf", "envoy.filters.http.csrf"),
    ("ext_authz", "envoy.filters.http.ext_authz"),
    ("fault", "envoy.filters.http.fault"),
    ("grpc_http1_bridge", "envoy.filters.http.grpc_http1_bridge"),
    ("grpc_json_transcoder", "envoy.filters.http.grpc_json_transcoder"),
    ("grpc_web", "envoy.filters.http.grpc_web"),
    ("gzip", "envoy.filters.http.gzip"),
    ("health_check", "envoy.filters.http.health_check"),
    ("http_dynamo_filter", "envoy.filters.http.dynamo"),
    ("ip_tagging", "envoy.filters.http.ip_tagging"),
    ("lua", "envoy.filters.http.lua"),
    ("rate_limit", "envoy.filters.http.ratelimit"),
    ("router", "envoy.filters.http.router"),
    ("squash", "envoy.filters.http.squash"),
    ("listener.http_inspector", "envoy.filters.listener.http_inspector"),
    ("listener.original_dst", "envoy.filters.listener.original_dst"),
    ("listener.original_src", "envoy.filters.listener.original_src"),
    ("listener.proxy_protocol", "envoy.filters.listener.proxy_protocol"),
    ("listener.tls_inspector", "envoy.filters.listener.tls_inspector"),
    ("client_ssl_auth", "envoy.filters.network.client_ssl_auth"),
    ("echo", "envoy.filters.network.echo"),
    ("http_connection_manager", CONNECTION_MANAGER),
    ("mongo_proxy", "envoy.filters.network.mongo_proxy"),
    ("ratelimit", "envoy.filters.network.ratelimit"),
    ("redis_proxy", "envoy.filters.network.redis_proxy"),
    ("tcp_proxy", "envoy.filters.network.tcp_proxy"),
];
