//! Routes for TLS that passes through, and for TCP.

use super::super::checks::{INVALID_SNI, MISSING_ROUTE, SNI_IS_ADDRESS};
use super::super::{address, host, label, port};
use super::http::check_weights;
use super::{check_destination, check_gateways, is_for_gateway};
use crate::api::istio::{L4Match, RouteDestination, TcpRoute, TlsMatch, TlsRoute, VirtualService};
use crate::diagnostic::{At, Diagnostic};

pub(super) fn check_tls(
    route: &TlsRoute,
    of: &VirtualService,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    if route.r#match.is_empty() {
        let found = Diagnostic::new(
            &MISSING_ROUTE,
            at.value(),
            "a route for TLS that matches no server name",
        );
        out.push(found.label("needs `match` with `sniHosts`").lacking(at, &["match"]));
    }
    let matches = at.field("match");
    for (index, test) in route.r#match.iter().enumerate() {
        check_tls_match(test, of, &matches.index(index), out);
    }
    check_route(&route.route, "TLS", at, out);
}

fn check_tls_match(test: &TlsMatch, of: &VirtualService, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if test.sni_hosts.is_empty() {
        let found = Diagnostic::new(
            &INVALID_SNI,
            at.value(),
            "a route for TLS matches by server name, and here is none",
        );
        out.push(found.label("needs `sniHosts`").lacking(at, &["sniHosts"]));
    }
    let names = at.field("sniHosts");
    for (index, name) in test.sni_hosts.iter().enumerate() {
        check_sni(name, of, &names.index(index), out);
    }
    address::check_all(&test.destination_subnets, &at.field("destinationSubnets"), out);
    if test.port != 0 {
        port::check_number(test.port, &at.field("port"), out);
    }
    label::check(&test.source_labels, &at.field("sourceLabels"), out);
    check_gateways(&test.gateways, &at.field("gateways"), out);
}

fn check_sni(name: &str, of: &VirtualService, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let is_generated = is_for_gateway(of) && host::is_generated(name);
    if address::is_address(name) {
        let found = Diagnostic::new(
            &SNI_IS_ADDRESS,
            at.value(),
            format!("the server name `{name}` is an address"),
        );
        return out.push(
            found
                .label("RFC 6066 §3 forbids it")
                .consequence("few clients send it, so few connections match"),
        );
    }
    if let Err(fault) = host::wildcard(name)
        && !is_generated
    {
        return host::report(name, &fault, at, out);
    }
    if !of.hosts.iter().any(|outer| host::covers(outer, name)) {
        let message = format!("the server name `{name}` is none of the hosts");
        let found = Diagnostic::new(&INVALID_SNI, at.value(), message).label("not among `hosts`");
        let hosts = At::root(at.document());
        let hosts = hosts.field("spec");
        out.push(found.also(hosts.field("hosts").key(), "the hosts"));
    }
}

pub(super) fn check_tcp(route: &TcpRoute, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let matches = at.field("match");
    for (index, test) in route.r#match.iter().enumerate() {
        check_tcp_match(test, &matches.index(index), out);
    }
    check_route(&route.route, "TCP", at, out);
}

fn check_tcp_match(test: &L4Match, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    address::check_all(&test.destination_subnets, &at.field("destinationSubnets"), out);
    if test.port != 0 {
        port::check_number(test.port, &at.field("port"), out);
    }
    label::check(&test.source_labels, &at.field("sourceLabels"), out);
    check_gateways(&test.gateways, &at.field("gateways"), out);
}

/// `at` is the route as a whole.
fn check_route(
    destinations: &[RouteDestination],
    of: &str,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    if destinations.is_empty() {
        let found = Diagnostic::new(
            &MISSING_ROUTE,
            at.value(),
            format!("a route for {of} that leads nowhere"),
        );
        out.push(found.label("needs `route`").lacking(at, &["route"]));
    }
    let at = at.field("route");
    for (index, destination) in destinations.iter().enumerate() {
        let at = at.index(index);
        check_destination(&destination.destination, &at.field("destination"), out);
    }
    let weights: Vec<_> = destinations.iter().map(|destination| destination.weight).collect();
    check_weights(&weights, &at, out);
}
