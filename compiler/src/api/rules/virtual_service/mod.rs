//! Rules of `VirtualService`.

mod action;
mod http;
mod matching;
mod policy;
mod stream;

pub(super) use policy::check_retries;

use std::collections::{BTreeMap, BTreeSet};

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
    let mut met = Ends::default();
    for (index, name) in hosts.iter().enumerate() {
        let earlier = met.first_overlapping(name);
        met.insert(name, index);
        if let Some(earlier) = earlier {
            let other = hosts.get(earlier).map_or("", String::as_str);
            let message =
                format!("`{name}` and `{other}` are hosts of one VirtualService, and overlap");
            let found = Diagnostic::new(&OVERLAPPING_HOSTS, at.index(index).value(), message);
            out.push(found.label("overlaps").also(at.index(earlier).value(), "with this"));
        }
    }
}

/// Hosts by their ends, and the place at which each stands first.
#[derive(Default)]
struct Ends {
    /// By the bytes from the last to the first.
    names: BTreeMap<Vec<u8>, usize>,
    /// The same, without the star.
    wildcards: BTreeMap<Vec<u8>, usize>,
    /// Of the keys of `wildcards`.
    lengths: BTreeSet<usize>,
}

impl Ends {
    fn insert(&mut self, host: &str, place: usize) {
        if let Some(suffix) = host.strip_prefix('*') {
            self.lengths.insert(suffix.len());
            self.wildcards.entry(reversed(suffix)).or_insert(place);
        } else {
            self.names.entry(reversed(host)).or_insert(place);
        }
    }

    /// The first place of a host that has names in common with `host`. Source: Istio, `host.Name.Matches`.
    fn first_overlapping(&self, host: &str) -> Option<usize> {
        let suffix = host.strip_prefix('*');
        let key = reversed(suffix.unwrap_or(host));
        let wider = self.lengths.iter().filter_map(|length| key.get(..*length));
        let wider = wider.filter_map(|end| self.wildcards.get(end)).copied();
        let narrower = [&self.names, &self.wildcards].into_iter().filter(|_| suffix.is_some());
        let narrower = narrower.flat_map(|hosts| {
            let within = hosts.range(key.clone()..).take_while(|(end, _)| end.starts_with(&key));
            within.map(|(_, place)| *place)
        });
        wider.chain(narrower).chain(self.names.get(&key).copied()).min()
    }
}

fn reversed(text: &str) -> Vec<u8> {
    text.bytes().rev().collect()
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

#[cfg(test)]
mod tests {
    use super::Ends;

    #[test]
    fn hosts_overlap_where_one_ends_like_the_other() {
        let first = |hosts: &[&str], host: &str| {
            let mut met = Ends::default();
            for (place, host) in hosts.iter().enumerate() {
                met.insert(host, place);
            }
            met.first_overlapping(host)
        };
        assert_eq!(first(&["x", "*.com"], "*.a.com"), Some(1));
        assert_eq!(first(&["*.a.com", "*.b.a.com", "b.com"], "*.com"), Some(0));
        assert_eq!(first(&["a", "b"], "*"), Some(0));
        assert_eq!(first(&["a", "b", "b"], "b"), Some(1));
        assert_eq!(first(&["*"], "a"), Some(0));
        assert_eq!(first(&["*.a.com", "xa.com"], "a.com"), None);
        assert_eq!(first(&["a.com"], "*.a.com"), None);
    }
}
