//! References to other resources.

use super::super::checks::INVALID_REFERENCE;
use super::super::port;
use super::name::{self, is_subdomain};
use crate::api::gateway_api::{BackendObjectReference, ParentReference};
use crate::diagnostic::{At, Diagnostic};

pub(super) fn check_group_kind(
    group: Option<&str>,
    kind: Option<&str>,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let mut fault = |field: &str, value: &str, label: &str| {
        let message = format!("`{value}` is no {field} of resources");
        out.push(
            Diagnostic::new(&INVALID_REFERENCE, at.field(field).value(), message).label(label),
        );
    };
    if let Some(group) = group.filter(|group| !group.is_empty() && !is_subdomain(group)) {
        fault("group", group, "a domain, or empty for Kubernetes' own");
    }
    let is_kind = |kind: &str| {
        kind.len() <= 63
            && kind.starts_with(|c: char| c.is_ascii_alphabetic())
            && !kind.ends_with('-')
            && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    if let Some(kind) = kind.filter(|kind| !is_kind(kind)) {
        fault("kind", kind, "a word such as `Service`");
    }
}

pub(super) fn check_name(name: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if name.is_empty() || name.len() > 253 {
        out.push(
            Diagnostic::new(&INVALID_REFERENCE, at.value(), "the reference has no name")
                .label("1 to 253 characters"),
        );
    }
}

/// What requests may be sent to.
pub(super) fn check_backend(
    backend: &BackendObjectReference<'_>,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    check_group_kind(Some(backend.group), Some(backend.kind), at, out);
    check_name(backend.name, &at.field("name"), out);
    name::check_namespace(backend.namespace, &at.field("namespace"), out);
    match backend.port {
        Some(number) => port::check_number(number, &at.field("port"), out),
        None if backend.is_service() => {
            let found = Diagnostic::new(
                &INVALID_REFERENCE,
                at.field("name").value(),
                "a reference to a Service without a port",
            );
            out.push(found.label("needs `port`").lacking(at, &["port"]));
        }
        None => {}
    }
}

pub(super) fn check_parents(parents: &[ParentReference], at: &At<'_>, out: &mut Vec<Diagnostic>) {
    for (index, parent) in parents.iter().enumerate() {
        let at_parent = at.index(index);
        check_group_kind(parent.group.as_deref(), parent.kind.as_deref(), &at_parent, out);
        check_name(&parent.name, &at_parent.field("name"), out);
        name::check_namespace(parent.namespace.as_deref(), &at_parent.field("namespace"), out);
        name::check_section(parent.section_name.as_deref(), &at_parent.field("sectionName"), out);
        if let Some(number) = parent.port {
            port::check_number(number, &at_parent.field("port"), out);
        }
        let Some((first, other)) =
            parents.iter().take(index).enumerate().find(|(_, other)| is_same(parent, other))
        else {
            continue;
        };
        let has_section = |parent: &ParentReference| {
            parent.section_name.as_deref().is_some_and(|name| !name.is_empty())
        };
        let has_port = |parent: &ParentReference| parent.port.is_some_and(|port| port != 0);
        let (message, label) =
            if has_section(parent) != has_section(other) || has_port(parent) != has_port(other) {
                (
                    "one parent twice, once as a whole and once a part of it",
                    "say which part with `sectionName` or `port` in both",
                )
            } else if parent.section_name == other.section_name && parent.port == other.port {
                ("one parent twice", "again")
            } else {
                continue;
            };
        let found = Diagnostic::new(&INVALID_REFERENCE, at_parent.field("name").value(), message)
            .label(label);
        let first = at.index(first);
        out.push(found.also(first.field("name").value(), "first here"));
    }
}

/// Whether both name the same resource.
fn is_same(a: &ParentReference, b: &ParentReference) -> bool {
    let group = |parent: &ParentReference| {
        parent.group.clone().unwrap_or_else(|| "gateway.networking.k8s.io".into())
    };
    let kind = |parent: &ParentReference| parent.kind.clone().unwrap_or_else(|| "Gateway".into());
    let namespace = |parent: &ParentReference| parent.namespace.clone().unwrap_or_default();
    a.name == b.name && group(a) == group(b) && kind(a) == kind(b) && namespace(a) == namespace(b)
}
