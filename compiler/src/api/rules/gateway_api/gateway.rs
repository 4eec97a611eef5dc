//! Rules of the Gateway API's `Gateway`.

use std::collections::BTreeMap;

use super::super::checks::{DUPLICATE_PORT, INVALID_ADDRESS, INVALID_LABEL, INVALID_LISTENER};
use super::super::gateway::unserved_suites;
use super::super::{label, port};
use super::{name, reference};
use crate::api::Resource;
use crate::api::gateway_api::{Address, CIPHER_SUITES, Gateway, Listener, ListenerSet, TlsMode};
use crate::api::istio::TlsProtocol;
use crate::diagnostic::{At, Diagnostic, Place};

/// The most listeners that a Gateway has.
const LISTENERS_MAX: usize = 64;

pub(in crate::api) fn check(
    resource: &Resource<Gateway>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let (spec, at) = (&resource.spec, root.field("spec"));
    let listeners = at.field("listeners");
    let fault = |place: Place, message: String, label: &str| {
        Diagnostic::new(&INVALID_LISTENER, place, message).label(label)
    };
    if spec.gateway_class_name.is_empty() {
        out.push(fault(
            at.field("gatewayClassName").value(),
            "the Gateway names no class".into(),
            "such as `istio`",
        ));
    }
    let infrastructure = at.field("infrastructure");
    label::check_values(&spec.infrastructure.labels, &infrastructure.field("labels"), out);
    let annotations = infrastructure.field("annotations");
    check_keys(&spec.infrastructure.labels, "label", &infrastructure.field("labels"), out);
    check_keys(&spec.infrastructure.annotations, "annotation", &annotations, out);
    check_addresses(&spec.addresses, &at.field("addresses"), out);
    if let Some(frontend) = &spec.tls.frontend {
        let ports: Vec<_> = frontend.per_port.iter().map(|it| it.port).collect();
        check_ports(&ports, &at.field("tls").field("frontend").field("perPort"), out);
    }
    check_listeners(&spec.listeners, "Gateway", &listeners, out);
}

/// Addresses of one type differ, and a name is one. Without a type it is an IP address.
fn check_addresses(addresses: &[Address], at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let known = |it: &Address| {
        let kind = it.r#type.clone().unwrap_or_else(|| "IPAddress".to_owned());
        Some((kind, it.value.clone()?))
            .filter(|(kind, _)| matches!(kind.as_str(), "IPAddress" | "Hostname"))
    };
    for (index, address) in addresses.iter().enumerate() {
        let Some((kind, value)) = known(address) else { continue };
        if kind == "Hostname" {
            name::check_hostname(&value, true, &at.index(index).field("value"), out);
        }
        let own = Some((kind, value));
        if let Some(first) = addresses.iter().take(index).position(|it| known(it) == own) {
            let place = |index: usize| at.index(index).field("value").value();
            let found = Diagnostic::new(&INVALID_ADDRESS, place(index), "an address stands twice");
            out.push(found.label("again").also(place(first), "first here"));
        }
    }
}

/// What is said of a port is said once.
fn check_ports(ports: &[i32], at: &At<'_>, out: &mut Vec<Diagnostic>) {
    for (index, port) in ports.iter().enumerate() {
        let place = |index: usize| at.index(index).field("port").value();
        if let Some(first) = ports.iter().take(index).position(|other| other == port) {
            let message = format!("port {port} has two settings");
            let found = Diagnostic::new(&DUPLICATE_PORT, place(index), message);
            out.push(found.label("again").also(place(first), "first here"));
        }
    }
}

pub(in crate::api) fn check_listener_set(
    resource: &Resource<ListenerSet>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let (spec, at) = (&resource.spec, root.field("spec"));
    let (parent, at_parent) = (&spec.parent_ref, at.field("parentRef"));
    reference::check_group_kind(parent.group.as_deref(), parent.kind.as_deref(), &at_parent, out);
    reference::check_name(&parent.name, &at_parent.field("name"), out);
    name::check_namespace(parent.namespace.as_deref(), &at_parent.field("namespace"), out);
    check_listeners(&spec.listeners, "ListenerSet", &at.field("listeners"), out);
}

/// Keys are those of Kubernetes, and the domain in front of one is in lower case.
fn check_keys(
    pairs: &BTreeMap<String, String>,
    what: &str,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    for key in pairs.keys() {
        let domain = key.split_once('/').map(|(domain, _)| domain);
        if !label::is_key(key) || !domain.is_none_or(name::is_subdomain) {
            let message = format!("`{key}` cannot be the key of a {what}");
            let found = Diagnostic::new(&INVALID_LABEL, at.field(key).key(), message);
            out.push(found.label(
                "letters, digits, `-`, `_` and `.`, perhaps after a domain in lower case and `/`",
            ));
        }
    }
}

fn check_listeners(listeners: &[Listener], kind: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let message = match listeners.len() {
        0 => Some((format!("the {kind} opens nothing"), "needs a listener")),
        count if count > LISTENERS_MAX => {
            Some((format!("the {kind} has {count} listeners"), "at most 64"))
        }
        _ => None,
    };
    if let Some((message, label)) = message {
        out.push(Diagnostic::new(&INVALID_LISTENER, at.key(), message).label(label));
    }
    for (index, listener) in listeners.iter().enumerate() {
        check_listener(listener, &at.index(index), out);
        check_unique(listeners, index, at, out);
    }
}

fn check_listener(listener: &Listener, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    name::check_section(Some(&listener.name), &at.field("name"), out);
    port::check_number(listener.port, &at.field("port"), out);
    if let Some(hostname) = &listener.hostname {
        name::check_hostname(hostname, true, &at.field("hostname"), out);
    }
    let mut fault = |place: Place, message: String, label: &str| {
        out.push(Diagnostic::new(&INVALID_LISTENER, place, message).label(label));
    };
    let protocol = listener.protocol.as_str();
    let is_named = !protocol.is_empty() && protocol.len() <= 255;
    if !is_named {
        fault(
            at.field("protocol").value(),
            "the listener names no protocol".into(),
            "HTTP, HTTPS, TLS, TCP or UDP",
        );
    }
    if matches!(protocol, "HTTP" | "TCP" | "UDP") && listener.tls.is_some() {
        fault(
            at.field("tls").key(),
            format!("a listener for {protocol} takes no TLS settings"),
            "no TLS here",
        );
    }
    if matches!(protocol, "TCP" | "UDP")
        && listener.hostname.as_deref().is_some_and(|name| !name.is_empty())
    {
        let message = format!("a listener for {protocol} is not asked for by name");
        fault(at.field("hostname").key(), message, "remove this");
    }
    let mode = listener.tls.as_ref().and_then(|tls| tls.mode);
    let tls_at = at.field("tls");
    if protocol == "HTTPS" && mode == Some(TlsMode::Passthrough) {
        fault(
            tls_at.field("mode").value(),
            "a listener for HTTPS ends its clients' TLS".into(),
            "`Terminate`, or `protocol: TLS`",
        );
    }
    // The schema fills in the mode wherever there is `tls`.
    if protocol == "TLS" && listener.tls.is_none() {
        fault(
            at.field("protocol").value(),
            "a listener for TLS must say what becomes of it".into(),
            "needs `tls.mode`",
        );
    }
    if let Some(tls) = &listener.tls {
        let terminates = mode.is_none_or(|mode| mode == TlsMode::Terminate);
        if terminates && tls.certificate_refs.is_empty() && tls.options.is_empty() {
            fault(
                tls_at.key(),
                "the listener has no certificate to show".into(),
                "needs `certificateRefs`",
            );
        }
        if terminates && let Some(names) = tls.options.get(CIPHER_SUITES) {
            let place = tls_at.field("options");
            let place = place.field(CIPHER_SUITES).value();
            let names = names.split(',').map(str::trim).filter(|name| !name.is_empty());
            let names: Vec<_> = names.map(|name| (name, place.clone())).collect();
            out.extend(unserved_suites(&names, TlsProtocol::Auto));
        }
    }
    let references = tls_at.field("certificateRefs");
    for (index, certificate) in
        listener.tls.iter().flat_map(|tls| &tls.certificate_refs).enumerate()
    {
        let at = references.index(index);
        reference::check_group_kind(
            certificate.group.as_deref(),
            certificate.kind.as_deref(),
            &at,
            out,
        );
        name::check_namespace(certificate.namespace.as_deref(), &at.field("namespace"), out);
    }
}

/// Listeners are told apart by name, and by port, protocol and host.
fn check_unique(listeners: &[Listener], index: usize, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let Some(own) = listeners.get(index) else { return };
    let mut fault = |first: usize, field: &'static str, message: String| {
        let place = |index: usize| at.index(index).field(field).value();
        let found = Diagnostic::new(&INVALID_LISTENER, place(index), message).label("again");
        out.push(found.also(place(first), "first here"));
    };
    let before = || listeners.iter().take(index);
    if let Some(first) = before().position(|other| other.name == own.name) {
        fault(first, "name", format!("two listeners are named `{}`", own.name));
    }
    let is_same = |other: &Listener| {
        other.port == own.port && other.protocol == own.protocol && other.hostname == own.hostname
    };
    if let Some(first) = before().position(is_same) {
        fault(first, "port", "two listeners have the same port, protocol and host".into());
    }
}
