//! Rules of the routes of connections. Source: the schemas and CEL rules of `TLSRoute`, `TCPRoute` and `UDPRoute`.

use super::super::checks::INVALID_STREAM_ROUTE;
use super::http_route::WEIGHT_MAX;
use super::{name, reference};
use crate::api::gateway_api::{ParentReference, StreamBackendRef, StreamRouteRule, TlsRoute};
use crate::diagnostic::{At, Diagnostic, Place};

/// The most of each. Older versions of the kinds took more rules than the one that there is now.
const HOSTNAMES_MAX: usize = 1024;
const RULES_MAX: usize = 16;
const BACKENDS_MAX: usize = 16;

pub(in crate::api) fn check_tls(spec: &TlsRoute, root: &At<'_>, out: &mut Vec<Diagnostic>) {
    let at = root.field("spec");
    let hostnames = at.field("hostnames");
    for (index, hostname) in spec.hostnames.iter().enumerate() {
        name::check_hostname(hostname, true, &hostnames.index(index), out);
    }
    if spec.hostnames.len() > HOSTNAMES_MAX {
        let message = format!("the route has {} hostnames", spec.hostnames.len());
        out.push(fault(hostnames.key(), message, "at most 1024"));
    }
    check(&spec.parent_refs, &spec.rules, root, out);
}

pub(in crate::api) fn check(
    parents: &[ParentReference],
    rules: &[StreamRouteRule],
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let at = root.field("spec");
    reference::check_parents(parents, &at.field("parentRefs"), out);
    let at_rules = at.field("rules");
    if rules.is_empty() || rules.len() > RULES_MAX {
        let message = format!("the route has {} rules", rules.len());
        out.push(fault(at_rules.key(), message, "1 to 16"));
    }
    for (index, rule) in rules.iter().enumerate() {
        let at_rule = at_rules.index(index);
        name::check_section(rule.name.as_deref(), &at_rule.field("name"), out);
        let earlier = rules.iter().take(index);
        let first = earlier.enumerate().find(|(_, it)| it.name.is_some() && it.name == rule.name);
        if let Some((first, _)) = first {
            let place = |index: usize| at_rules.index(index).field("name").value();
            let found = fault(place(index), "two rules have the same name".into(), "again");
            out.push(found.also(place(first), "first here"));
        }
        let at_backends = at_rule.field("backendRefs");
        if rule.backend_refs.is_empty() || rule.backend_refs.len() > BACKENDS_MAX {
            let message = format!("the rule has {} `backendRefs`", rule.backend_refs.len());
            out.push(fault(at_backends.key(), message, "1 to 16"));
        }
        for (place, backend) in rule.backend_refs.iter().enumerate() {
            check_backend(backend, &at_backends.index(place), out);
        }
    }
}

fn check_backend(backend: &StreamBackendRef, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    reference::check_backend(&backend.object(), at, out);
    if let Some(weight) = backend.weight.filter(|weight| !(0..=WEIGHT_MAX).contains(weight)) {
        let place = at.field("weight").value();
        out.push(fault(place, format!("`{weight}` is no weight"), "0 to 1000000"));
    }
}

fn fault(place: Place, message: String, label: &str) -> Diagnostic {
    Diagnostic::new(&INVALID_STREAM_ROUTE, place, message).label(label)
}
