//! Rules of `VirtualService`.

mod action;
mod http;
mod matching;
mod policy;
mod stream;

pub(super) use policy::check_retries;

use std::collections::HashMap;

use super::checks::{
    CLAIM_ROUTE_WITHOUT_GATEWAY, INVALID_DELEGATE, INVALID_GATEWAY_REFERENCE, INVALID_HOST,
    LEGACY_GATEWAY_NAME, MISSING_ROUTE, OVERLAPPING_HOSTS,
};
use super::label::is_dns_label;
use super::{address, annotation, export_to, header, host, port};
use crate::api::Resource;
use crate::api::istio::{Destination, VirtualService};
use crate::diagnostic::{Applicability, At, Diagnostic, Fix};

pub(in crate::api) fn check(
    resource: &Resource<VirtualService>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    annotation::check(&resource.metadata, false, root, out);
    let (spec, at) = (&resource.spec, root.field("spec"));
    let is_delegate = spec.hosts.is_empty();
    if is_delegate {
        check_delegate(spec, &at, out);
    }
    check_gateways(&spec.gateways, &at.field("gateways"), out);
    check_hosts(spec, &at.field("hosts"), out);
    check_routes(spec, &at, out);
    if !is_for_gateway(spec) {
        check_claims(spec, &at.field("http"), out);
    }
    let (http, tls, tcp) = (at.field("http"), at.field("tls"), at.field("tcp"));
    for (index, route) in spec.http.iter().enumerate() {
        self::http::check(route, is_delegate, &http.index(index), out);
    }
    for (index, route) in spec.tls.iter().enumerate() {
        stream::check_tls(route, spec, &tls.index(index), out);
    }
    for (index, route) in spec.tcp.iter().enumerate() {
        stream::check_tcp(route, &tcp.index(index), out);
    }
    let extent = export_to::Extent::Plain;
    export_to::check(&spec.export_to, &resource.namespace, extent, &at.field("exportTo"), out);
}

/// Without hosts it is a delegate, whose routes stand in the place of another's.
fn check_routes(spec: &VirtualService, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if spec.http.is_empty() && spec.tls.is_empty() && spec.tcp.is_empty() {
        let found = Diagnostic::new(&MISSING_ROUTE, at.key(), "a VirtualService without routes")
            .label("needs `http`, `tls` or `tcp`");
        let lists = ["http", "tls", "tcp"].map(|list| at.field(list).value());
        out.push(lists.into_iter().fold(found, Diagnostic::supposing));
    }
}

fn check_delegate(spec: &VirtualService, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let parts = [
        ("gateways", !spec.gateways.is_empty()),
        ("tls", !spec.tls.is_empty()),
        ("tcp", !spec.tcp.is_empty()),
    ];
    for (name, _) in parts.iter().filter(|(_, is_set)| *is_set) {
        let message =
            format!("a VirtualService without `hosts` is a delegate, and takes no `{name}`");
        out.push(
            Diagnostic::new(&INVALID_DELEGATE, at.field(name).key(), message)
                .label("add `hosts`, or remove this"),
        );
    }
}

/// Whether it is for gateways, and not for the mesh too. Source: Istio, `isGateway`.
fn is_for_gateway(spec: &VirtualService) -> bool {
    !spec.gateways.is_empty() && spec.gateways.iter().all(|gateway| gateway != "mesh")
}

/// `mesh`, `namespace/name`, or a name of the resource's own namespace.
pub(super) fn check_gateways(gateways: &[String], at: &At<'_>, out: &mut Vec<Diagnostic>) {
    for (index, gateway) in gateways.iter().enumerate() {
        let at = at.index(index);
        let Some((namespace, name)) = gateway.split_once('/') else {
            check_plain_gateway(gateway, &at, out);
            continue;
        };
        if !is_dns_label(namespace) || !is_dns_label(name) {
            let found = Diagnostic::new(
                &INVALID_GATEWAY_REFERENCE,
                at.value(),
                format!("`{gateway}` names no Gateway"),
            );
            out.push(found.label("`namespace/name`, a name, or `mesh`"));
        }
    }
}

fn check_plain_gateway(gateway: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if host::fqdn(gateway).is_err() {
        let found = Diagnostic::new(
            &INVALID_GATEWAY_REFERENCE,
            at.value(),
            format!("`{gateway}` names no Gateway"),
        );
        out.push(found.label("`namespace/name`, a name, or `mesh`"));
    } else if let Some((name, rest)) = gateway.split_once('.') {
        let namespace = rest.split('.').next().unwrap_or_default();
        let now = format!("{namespace}/{name}");
        let message = format!("`{gateway}` names a Gateway as nobody does any more");
        let fix = Fix::write(Applicability::Safe, at.value(), now);
        out.push(
            Diagnostic::new(&LEGACY_GATEWAY_NAME, at.value(), message)
                .label("`namespace/name`")
                .consequence("the routes are bound there as long as this form is read")
                .fix(fix),
        );
    }
}

fn check_hosts(spec: &VirtualService, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let is_for_gateway = is_for_gateway(spec);
    let before = out.len();
    for (index, name) in spec.hosts.iter().enumerate() {
        let at = at.index(index);
        // A gateway of the mesh's other clusters is asked for by names that are no host names.
        if is_for_gateway && !spec.tls.is_empty() && host::is_generated(name) {
            continue;
        }
        match host::wildcard(name) {
            Err(_) if address::is_address(name) => {}
            Err(fault) => host::report(name, &fault, &at, out),
            Ok(()) if name == "*" && !is_for_gateway => {
                let message = "`*` cannot be routed inside of the mesh";
                let found = Diagnostic::new(&INVALID_HOST, at.value(), message);
                out.push(
                    found
                        .label("every host")
                        .help("name the hosts, or the gateways that the routes are for"),
                );
            }
            Ok(()) => {}
        }
    }
    if out.len() == before {
        check_overlap(&spec.hosts, at, out);
    }
}

fn check_overlap(hosts: &[String], at: &At<'_>, out: &mut Vec<Diagnostic>) {
    // A host that is no wildcard overlaps itself and wildcards; of those there are few.
    let mut first: HashMap<&str, usize> = HashMap::new();
    let mut wildcards = Vec::new();
    for (index, name) in hosts.iter().enumerate() {
        let overlaps = |earlier: &usize| {
            hosts.get(*earlier).is_some_and(|earlier| host::overlap(earlier, name))
        };
        let earlier = if name.starts_with('*') {
            (0..index).find(overlaps)
        } else {
            let wider = wildcards.iter().copied().find(overlaps);
            first.get(name.as_str()).copied().into_iter().chain(wider).min()
        };
        first.entry(name).or_insert(index);
        if name.starts_with('*') {
            wildcards.push(index);
        }
        if let Some(earlier) = earlier {
            let other = hosts.get(earlier).map_or("", String::as_str);
            let message =
                format!("`{name}` and `{other}` are hosts of one VirtualService, and overlap");
            let found = Diagnostic::new(&OVERLAPPING_HOSTS, at.index(index).value(), message);
            out.push(found.label("overlaps").also(at.index(earlier).value(), "with this"));
        }
    }
}

/// Only gateways route by the claims of a token.
fn check_claims(spec: &VirtualService, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    for (route, http) in spec.http.iter().enumerate() {
        let at = at.index(route);
        let at = at.field("match");
        for (index, test) in http.r#match.iter().enumerate() {
            let at = at.index(index);
            for (field, headers) in
                [("headers", &test.headers), ("withoutHeaders", &test.without_headers)]
            {
                let at = at.field(field);
                for name in headers.keys().filter(|name| header::is_claim(name)) {
                    let message = "only a gateway routes by the claims of a token";
                    let found = Diagnostic::new(
                        &CLAIM_ROUTE_WITHOUT_GATEWAY,
                        at.field(name).key(),
                        message,
                    );
                    out.push(
                        found.label("a claim").help("name the gateways that the routes are for"),
                    );
                }
            }
        }
    }
}

/// Where requests go.
pub(super) fn check_destination(destination: &Destination, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let host_at = at.field("host");
    if destination.host == "*" {
        let found =
            Diagnostic::new(&INVALID_HOST, host_at.value(), "requests cannot go to every host");
        out.push(found.label("name one host"));
    } else if let Err(fault) = host::wildcard(&destination.host) {
        host::report(&destination.host, &fault, &host_at, out);
    }
    if !destination.subset.is_empty() && !is_dns_label(&destination.subset) {
        super::destination_rule::report_subset_name(&destination.subset, &at.field("subset"), out);
    }
    if let Some(selector) = &destination.port {
        let at = at.field("port");
        port::check_number(selector.number, &at.field("number"), out);
    }
}
