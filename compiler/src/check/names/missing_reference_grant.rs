//! `missing-reference-grant`: something of the Gateway API refers to another namespace, which does not allow it.
//!
//! On the mesh (a route whose parent is a Service) nobody asks for leave. Source: Gateway API, `ReferenceGrant`.

use std::collections::BTreeMap;

use super::unserved_reference_grant::{Wanted, nearly};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::gateway::{ApiGateway, Class};
use crate::resolve::route::{Backend, HttpRoute, Parent};

pub(in crate::check) static CHECK: Check = Check::lint(
    "missing-reference-grant",
    Severity::Error,
    include_str!("missing_reference_grant.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (_, route) in mesh.http_routes.iter() {
        let is_at_gateway = |parent: &Parent<'_>| matches!(parent, Parent::Gateway { .. });
        if route.parents.iter().any(is_at_gateway) {
            check_route(mesh, route, out);
        }
    }
    check_certificates(mesh, out);
}

fn check_route(mesh: &Mesh<'_>, route: &HttpRoute<'_>, out: &mut Vec<Diagnostic>) {
    let mut report = |path: FieldPath, backend: &Backend, written: Option<&str>| {
        let (true, Some(namespace)) = (backend.lacks_grant && backend.fault.is_none(), written)
        else {
            return;
        };
        let service = mesh.services.of_host(&backend.host).first();
        let own = &route.resource.namespace;
        let message = format!("namespace `{namespace}` does not let routes of `{own}` lead there");
        let mut found = Diagnostic::new(
            &CHECK,
            Place::value(route.resource.id, path.field("namespace")),
            message,
        )
        .label("no ReferenceGrant allows it")
        .consequence("requests at the gateway that take the rule are answered with 500");
        let kind = route.resource.spec.kind.name();
        let wanted = Wanted { from_kind: kind, from: own, to_kind: "Service", to: namespace };
        found = grant(mesh, found, &wanted);
        if let Some(service) = service.map(|id| mesh.services.get(*id)) {
            found = found.also(service.origin.place(), "what the route leads to");
        }
        out.push(found);
    };
    for (index, (rule, written)) in route.rules.iter().zip(&route.resource.spec.rules).enumerate() {
        let at = FieldPath::default().field("spec").field("rules").index(index);
        for (place, (backend, it)) in rule.backends.iter().zip(&written.backend_refs).enumerate() {
            let path = at.clone().field("backendRefs").index(place);
            report(path, backend, it.namespace.as_deref());
        }
        for (place, backend) in &rule.mirrors {
            let filter = written.filters.get(*place).and_then(|it| it.request_mirror.as_ref());
            let path = at.clone().field("filters").index(*place);
            let namespace = filter.and_then(|it| it.backend_ref.namespace.as_deref());
            report(path.field("requestMirror").field("backendRef"), backend, namespace);
        }
    }
}

fn check_certificates(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for gateway in mesh.api_gateways.iter().filter(|it| it.class == Class::Mesh) {
        check_authorities(mesh, gateway, out);
        for listener in &gateway.listeners {
            for (index, it) in listener.certificates.iter().enumerate() {
                if !it.lacks_grant || !it.is_secret {
                    continue;
                }
                let (namespace, name) = (&it.credential.namespace, &it.credential.name);
                let at = listener.path().field("tls").field("certificateRefs");
                let (kind, own) = match listener.set {
                    None => ("Gateway", &gateway.resource.namespace),
                    Some(set) => ("ListenerSet", &set.namespace),
                };
                let place = Place::value(listener.document, at.index(index).field("namespace"));
                let message = format!(
                    "namespace `{namespace}` does not let a {kind} of `{own}` use its Secret `{name}`"
                );
                let found = Diagnostic::new(&CHECK, place, message)
                    .label("no ReferenceGrant allows it")
                    .consequence("the listener is not opened without another certificate");
                let wanted =
                    Wanted { from_kind: kind, from: own, to_kind: "Secret", to: namespace };
                out.push(grant(mesh, found, &wanted));
            }
        }
    }
}

/// Once for all ports of which it is said at one place.
fn check_authorities(mesh: &Mesh<'_>, gateway: &ApiGateway<'_>, out: &mut Vec<Diagnostic>) {
    let checks = gateway.listeners.iter().filter_map(|it| it.client.as_ref());
    let by_path: BTreeMap<_, _> = checks.map(|check| (&check.path, check)).collect();
    for (path, check) in by_path {
        let references = check.validation.ca_certificate_refs.iter().zip(&check.authorities);
        for (index, (reference, it)) in references.enumerate() {
            if !it.lacks_grant || !it.is_readable {
                continue;
            }
            let own = &gateway.resource.namespace;
            let (namespace, name) = (&it.credential.namespace, &it.credential.name);
            let kind = &reference.kind;
            let at = path.clone().field("caCertificateRefs").index(index).field("namespace");
            let message = format!(
                "namespace `{namespace}` does not let a Gateway of `{own}` use its {kind} `{name}`"
            );
            let found = Diagnostic::new(&CHECK, Place::value(gateway.resource.id, at), message)
                .label("no ReferenceGrant allows it")
                .consequence("listeners that ask for clients' certificates are not opened");
            let wanted = Wanted { from_kind: "Gateway", from: own, to_kind: kind, to: namespace };
            out.push(grant(mesh, found, &wanted));
        }
    }
}

/// Says what would allow it, and which grant was to.
fn grant(mesh: &Mesh<'_>, found: Diagnostic, wanted: &Wanted<'_>) -> Diagnostic {
    let Wanted { from_kind, from, to_kind, to } = wanted;
    let text = format!(
        "`from: [{{group: gateway.networking.k8s.io, kind: {from_kind}, namespace: {from}}}]` and `to: [{{group: \"\", kind: {to_kind}}}]`"
    );
    match nearly(mesh, wanted) {
        Some((place, why)) => found.also(place, why).help(format!("let the grant have {text}")),
        None => found.help(format!("add to namespace `{to}` a ReferenceGrant with {text}")),
    }
}
