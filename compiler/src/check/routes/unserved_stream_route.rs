//! `unserved-stream-route`: a `TLSRoute` or `TCPRoute` is attached to nothing, or leads to nothing.
//!
//! Sources: Gateway API, `ParentReference`, `Listener.allowedRoutes`, `ReferenceGrant`.

use super::unserved_backend;
use crate::check::inventory;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::route::{Backend, Parent, RefusedParent, StreamRoute};

pub(super) static CHECK: Check = Check::lint(
    "unserved-stream-route",
    Severity::Warning,
    include_str!("unserved_stream_route.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for route in mesh.stream_routes.iter() {
        for (index, parent) in route.parents.iter().enumerate() {
            out.extend(check_parent(mesh, route, index, parent));
        }
        let is_foreign = |parent: &Parent<'_>| matches!(parent, Parent::Foreign);
        if route.parents.is_empty() || !route.parents.iter().all(is_foreign) {
            check_backends(route, out);
        }
    }
}

fn check_parent(
    mesh: &Mesh<'_>,
    route: &StreamRoute<'_>,
    index: usize,
    parent: &Parent<'_>,
) -> Option<Diagnostic> {
    let path = FieldPath::default().field("spec").field("parentRefs").index(index).field("name");
    let kind = route.resource.spec.kind.name();
    let own = &route.resource.namespace;
    let (message, label, gateway) = match parent {
        Parent::Gateway { .. } | Parent::Foreign | Parent::Refused(RefusedParent::NotOpened(_)) => {
            return None;
        }
        Parent::Mesh(_) => {
            let place = Place::value(route.resource.id, path);
            return Some(
                Diagnostic::new(&CHECK, place, format!("a {kind} on a Service is not served"))
                    .label("only at Gateways")
                    .consequence(
                        "connections to the Service go there as if the route were not there",
                    )
                    .help("write a VirtualService with `tcp` or `tls`"),
            );
        }
        Parent::Refused(RefusedParent::Missing { kind, namespace, name }) => {
            let is_listed = if *kind == "Gateway" {
                inventory::lists_api_gateways(mesh)
            } else {
                inventory::lists_services(mesh)
            };
            if !is_listed || inventory::is_incomplete(mesh, kind, namespace, name) {
                return None;
            }
            let message = format!("there is no {kind} `{name}` in namespace `{namespace}`");
            (message, "attached to nothing".to_owned(), None)
        }
        Parent::Refused(RefusedParent::NoListener(gateway, _)) => {
            ("the Gateway has no such listener".into(), "no such listener".into(), Some(gateway))
        }
        Parent::Refused(RefusedParent::NoHostname(gateway, _)) => (
            "no listener of the Gateway has one of the route's names".into(),
            "no name in common".into(),
            Some(gateway),
        ),
        Parent::Refused(RefusedParent::NotAllowed(gateway, _)) => (
            format!("no listener of the Gateway lets a {kind} of namespace `{own}` in"),
            "not let in".into(),
            Some(gateway),
        ),
    };
    let mut found = Diagnostic::new(&CHECK, Place::value(route.resource.id, path), message)
        .label(label)
        .consequence("the route is not used here: its connections are closed");
    if let Some(gateway) = gateway {
        let listeners = FieldPath::default().field("spec").field("listeners");
        found = found.also(Place::key(gateway.id, listeners), "these are its listeners");
    }
    Some(found)
}

fn check_backends(route: &StreamRoute<'_>, out: &mut Vec<Diagnostic>) {
    for (index, backends) in route.rules.iter().enumerate() {
        let rule = FieldPath::default().field("spec").field("rules").index(index);
        for (place, backend) in backends.iter().enumerate() {
            let Some((message, field)) = fault(route, backend) else { continue };
            let path = rule.clone().field("backendRefs").index(place).field(field);
            out.push(
                Diagnostic::new(&CHECK, Place::value(route.resource.id, path), message)
                    .label("leads to nothing")
                    .consequence("connections that take this way are closed"),
            );
        }
    }
}

fn fault(route: &StreamRoute<'_>, backend: &Backend) -> Option<(String, &'static str)> {
    let host = &backend.host;
    if let Some(fault) = backend.fault {
        let (message, field) = unserved_backend::fault(fault)?;
        return Some((message.to_owned(), field));
    }
    let (kind, own) = (route.resource.spec.kind.name(), &route.resource.namespace);
    let message = || format!("no ReferenceGrant lets a {kind} of `{own}` lead to `{host}`");
    backend.lacks_grant.then(|| (message(), "namespace"))
}
