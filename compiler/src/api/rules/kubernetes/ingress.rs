//! What Kubernetes refuses of an `Ingress`. Source: Kubernetes, `ValidateIngressSpec`, `validateHTTPIngressPath`.

use super::super::checks::INVALID_INGRESS;
use super::super::{gateway_api, port};
use crate::api::Resource;
use crate::api::kubernetes::{
    Ingress, IngressBackend, IngressClass, IngressPath, IngressPathType, IngressService,
};
use crate::diagnostic::{At, Diagnostic, Place};

pub(super) fn check(resource: &Resource<Ingress>, root: &At<'_>, out: &mut Vec<Diagnostic>) {
    let (spec, at) = (&resource.spec, root.field("spec"));
    if spec.rules.is_empty() && spec.default_backend.is_none() {
        let message = "the Ingress leads nowhere";
        let found = fault(at.value(), message.to_owned(), "needs `rules` or a `defaultBackend`");
        out.push(found.supposing(at.field("rules").value()));
    }
    let is_annotated = resource.metadata.annotations.contains_key("kubernetes.io/ingress.class");
    if is_annotated && spec.ingress_class_name.is_some() {
        let other = root.field("metadata");
        let other = other.field("annotations");
        let other = other.field("kubernetes.io/ingress.class").value();
        let message = "the class is named twice".to_owned();
        out.push(
            fault(at.field("ingressClassName").value(), message, "remove one")
                .also(other, "also here"),
        );
    }
    if let Some(backend) = &spec.default_backend {
        check_backend(backend, &at.field("defaultBackend"), out);
    }
    let tls = at.field("tls");
    for (index, entry) in spec.tls.iter().enumerate() {
        let hosts = tls.index(index);
        let hosts = hosts.field("hosts");
        for (index, host) in entry.hosts.iter().enumerate() {
            gateway_api::check_hostname(host, true, &hosts.index(index), out);
        }
    }
    let rules = at.field("rules");
    for (index, rule) in spec.rules.iter().enumerate() {
        let at = rules.index(index);
        if !rule.host.is_empty() {
            gateway_api::check_hostname(&rule.host, true, &at.field("host"), out);
        }
        let Some(http) = &rule.http else { continue };
        let at = at.field("http");
        let at = at.field("paths");
        if http.paths.is_empty() {
            out.push(fault(at.value(), "the rule has no paths".to_owned(), "needs a path"));
        }
        for (index, path) in http.paths.iter().enumerate() {
            check_path(path, &at.index(index), out);
        }
    }
}

pub(super) fn check_class(
    resource: &Resource<IngressClass>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    if resource.spec.controller.is_empty() {
        let at = root.field("spec");
        let at = at.field("controller");
        let message = "the class names no controller".to_owned();
        let found = fault(at.value(), message, "`istio.io/ingress-controller` for the mesh");
        out.push(found.supposing(at.value()));
    }
}

fn fault(place: Place, message: String, label: &str) -> Diagnostic {
    Diagnostic::new(&INVALID_INGRESS, place, message)
        .label(label)
        .consequence("Kubernetes refuses the resource, so nothing of it takes effect")
}

fn check_path(path: &IngressPath, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let text = path.path.as_str();
    let place = || at.field("path").value();
    match path.path_type {
        None => {
            let message = "nothing says how the path is compared".to_owned();
            let found = fault(at.value(), message, "needs `pathType`: `Prefix` or `Exact`");
            out.push(found.supposing(at.field("pathType").value()));
        }
        Some(IngressPathType::ImplementationSpecific) => {
            if !text.is_empty() && !text.starts_with('/') {
                out.push(relative(text, place()));
            }
        }
        Some(IngressPathType::Exact | IngressPathType::Prefix) => {
            if !text.starts_with('/') {
                out.push(relative(text, place()));
            } else if let Some(part) = unclean(text) {
                let message = format!("no path of a request has `{part}` in it");
                out.push(fault(place(), message, "remove this part"));
            }
        }
    }
    check_backend(&path.backend, &at.field("backend"), out);
}

fn relative(text: &str, place: Place) -> Diagnostic {
    fault(place, format!("`{text}` is no path"), "a path begins with `/`")
}

/// What normalisation takes away. Source: Kubernetes, `invalidPathSequences`, `invalidPathSuffixes`.
fn unclean(path: &str) -> Option<&'static str> {
    let inner = ["//", "/./", "/../", "%2f", "%2F"].into_iter();
    let mut inner = inner.filter(|part| path.contains(part));
    let mut last = ["/..", "/."].into_iter().filter(|part| path.ends_with(part));
    inner.next().or_else(|| last.next())
}

fn check_backend(backend: &IngressBackend, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    match (&backend.service, backend.resource.is_some()) {
        (Some(service), false) => check_service(service, &at.field("service"), out),
        (None, true) => {}
        (None, false) => {
            let message = "the backend is nothing".to_owned();
            let found = fault(at.value(), message, "needs a `service`");
            out.push(found.supposing(at.value()));
        }
        (Some(_), true) => {
            let message = "the backend is two things".to_owned();
            let other = at.field("service").key();
            out.push(
                fault(at.field("resource").key(), message, "remove one").also(other, "also this"),
            );
        }
    }
}

fn check_service(service: &IngressService, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if service.name.is_empty() {
        let found = fault(at.value(), "the Service has no name".to_owned(), "needs `name`");
        out.push(found.supposing(at.value()));
    }
    let at = at.field("port");
    match (service.port.name.as_str(), service.port.number) {
        ("", 0) => {
            let message = "the Service's port is not named".to_owned();
            let found = fault(at.value(), message, "needs a `number` or a `name`");
            out.push(found.supposing(at.value()));
        }
        ("", number) => port::check_number(number, &at.field("number"), out),
        (name, 0) => port::check_name(name, &at.field("name"), out),
        _ => {
            let message = "the Service's port is named twice".to_owned();
            let other = at.field("number").value();
            out.push(
                fault(at.field("name").value(), message, "remove one").also(other, "also here"),
            );
        }
    }
}
