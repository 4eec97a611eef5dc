//! `conflicting-route-kinds`: an `HTTPRoute` and a `GRPCRoute` are for one host at one listener.
//!
//! The mesh sorts the rules of both together. The Gateway API does not allow them beside each other. Source: Gateway API,
//! `GRPCRouteSpec`: "implementations MUST accept exactly one of these two routes"; the older one, else the one whose namespace and name
//! come first.

use std::collections::BTreeSet;

use crate::check::overlap::why_first;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::host::lower;
use crate::resolve::route::HttpRoute;

pub(super) static CHECK: Check = Check::lint(
    "conflicting-route-kinds",
    Severity::Warning,
    include_str!("conflicting_route_kinds.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let mut met = BTreeSet::new();
    for gateway in mesh.api_gateways.iter() {
        for listener in gateway.listeners.iter().filter(|it| it.is_served()) {
            for (host, ids) in mesh.http_routes.by_host_at(gateway, listener) {
                let mut routes = ids.iter().map(|id| mesh.http_routes.get(*id));
                let Some(first) = routes.next() else { continue };
                let is_other =
                    |it: &&HttpRoute<'_>| it.resource.spec.kind != first.resource.spec.kind;
                let others = routes.filter(is_other);
                let others = others.filter(|it| met.insert(it.resource.id));
                out.extend(others.map(|it| report(&host, first, it)).collect::<Vec<_>>());
            }
        }
    }
}

fn report(host: &str, first: &HttpRoute<'_>, later: &HttpRoute<'_>) -> Diagnostic {
    let (kind, other) = (later.resource.spec.kind.name(), first.resource.spec.kind.with_article());
    let of = if host == "*" { "every host".to_owned() } else { format!("`{host}`") };
    let message =
        format!("{of} belongs to {other} at the same listener, which rules this {kind} out");
    Diagnostic::new(&CHECK, place(later, host), message)
        .label("to be rejected")
        .also(place(first, host), format!("this one is accepted: {}", why_first(&first.age, &later.age)))
        .consequence("the mesh serves both; Istio calls both accepted and may serve one alone, and others reject this one")
        .help(format!("give the {kind} a host of its own, or write the rules of both as HTTPRoutes"))
}

/// Where the host is written, or what has none.
fn place(route: &HttpRoute<'_>, host: &str) -> Place {
    let written = route.resource.spec.hostnames.iter().position(|it| *lower(it) == *host);
    match written {
        Some(index) => {
            let path = FieldPath::default().field("spec").field("hostnames").index(index);
            Place::value(route.resource.id, path)
        }
        None => Place::resource(route.resource.id),
    }
}
