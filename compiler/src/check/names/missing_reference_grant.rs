//! `missing-reference-grant`: something of the Gateway API refers to another namespace, which does not allow it.
//!
//! On the mesh (a route whose parent is a Service) nobody asks for leave. Source: Gateway API, `ReferenceGrant`.

use std::collections::BTreeMap;

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
        .label("no ReferenceGrant allows it");
        if let Some(service) = service.map(|id| mesh.services.get(*id)) {
            found = found.also(service.origin.place(), "what the route leads to");
        }
        out.push(
            found
                .consequence("requests at the gateway that take the rule are answered with 500")
                .help(grant(namespace, route.resource.spec.kind.name(), own, "Service")),
        );
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
        check_authorities(gateway, out);
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
                out.push(
                    Diagnostic::new(&CHECK, place, message)
                        .label("no ReferenceGrant allows it")
                        .consequence("the listener is not opened without another certificate")
                        .help(grant(namespace, kind, own, "Secret")),
                );
            }
        }
    }
}

/// Once for all ports of which it is said at one place.
fn check_authorities(gateway: &ApiGateway<'_>, out: &mut Vec<Diagnostic>) {
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
            out.push(
                Diagnostic::new(&CHECK, Place::value(gateway.resource.id, at), message)
                    .label("no ReferenceGrant allows it")
                    .consequence("listeners that ask for clients' certificates are not opened")
                    .help(grant(namespace, "Gateway", own, kind)),
            );
        }
    }
}

fn grant(namespace: &str, from_kind: &str, from: &str, to_kind: &str) -> String {
    format!(
        "add to namespace `{namespace}` a ReferenceGrant with `from: [{{group: gateway.networking.k8s.io, kind: {from_kind}, namespace: {from}}}]` and `to: [{{group: \"\", kind: {to_kind}}}]`"
    )
}
