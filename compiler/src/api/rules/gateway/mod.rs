//! Rules of Istio's `Gateway`.

mod tls;

use std::collections::HashMap;

pub(super) use tls::{check as check_tls, unserved_suites};

use super::checks::{DUPLICATE_PORT, INEFFECTIVE_TLS_SETTING, INVALID_HOST, INVALID_SERVER};
use super::label::is_dns_label;
use super::port::{self, Protocol};
use super::{address, annotation, host};
use crate::api::istio::{Gateway, Server, ServerTlsMode};
use crate::api::{Metadata, Resource};
use crate::diagnostic::{At, Diagnostic};

pub(in crate::api) fn check(
    resource: &Resource<Gateway>,
    root: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    annotation::check(&resource.metadata, false, root, out);
    let (spec, at) = (&resource.spec, root.field("spec"));
    if !is_dns_label(resource.name()) && !resource.name().is_empty() {
        let metadata = root.field("metadata");
        let message = format!("`{}` cannot be the name of a Gateway", resource.name());
        let found = Diagnostic::new(&INVALID_SERVER, metadata.field("name").value(), message);
        out.push(found.label("letters, digits and `-`: it is a part of addresses"));
    }
    if spec.servers.is_empty() {
        out.push(
            Diagnostic::new(&INVALID_SERVER, at.key(), "the Gateway opens nothing")
                .label("needs `servers`")
                .lacking(&at, &["servers"]),
        );
    }
    let at = at.field("servers");
    let mut names = HashMap::new();
    for (index, server) in spec.servers.iter().enumerate() {
        check_server(server, &at.index(index), out);
        check_hosts(server, &resource.metadata, &at.index(index), out);
        check_port_name(server, index, &mut names, &at, out);
    }
}

/// Statistics and merging know servers by the name of their port.
///
/// `known` are the names of those before it, each with the first that has it.
fn check_port_name<'s>(
    server: &'s Server,
    index: usize,
    known: &mut HashMap<&'s str, usize>,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let own = server.port.name.as_str();
    if own.is_empty() {
        return;
    }
    let first = *known.entry(own).or_insert(index);
    if first != index {
        let place = |index: usize| at.index(index).field("port").field("name").value();
        let found = Diagnostic::new(
            &DUPLICATE_PORT,
            place(index),
            format!("two servers have a port named `{own}`"),
        );
        out.push(
            found
                .label("again")
                .also(place(first), "first here")
                .help("give each port a name of its own"),
        );
    }
}

fn check_server(server: &Server, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if server.hosts.is_empty() {
        out.push(
            Diagnostic::new(&INVALID_SERVER, at.field("hosts").value(), "a server without hosts")
                .label("needs `hosts`")
                .lacking(at, &["hosts"]),
        );
    }
    let before = out.len();
    check_port(server, at, out);
    let is_port_right = out.len() == before;
    tls::check(server.tls.as_ref(), &at.field("tls"), out);
    if is_port_right && let Some(protocol) = Protocol::parse(&server.port.protocol) {
        check_protocol(server, protocol, at, out);
    }
}

/// Whether Istio made it of a listener of the Gateway API. Source: Istio, `constants.InternalGatewaySemantics`.
fn is_converted(metadata: &Metadata) -> bool {
    const SEMANTICS: &str = "internal.istio.io/gateway-semantics";
    metadata.annotations.get(SEMANTICS).is_some_and(|value| value == "gateway")
}

/// A listener that no route is attached to has hosts of the namespace `~`, which is nobody's.
fn check_hosts(server: &Server, metadata: &Metadata, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let at = at.field("hosts");
    for (index, name) in server.hosts.iter().enumerate() {
        if !(is_converted(metadata) && name.starts_with("~/")) {
            check_host(name, &at.index(index), out);
        }
    }
}

/// `host`, `namespace/host`, `./host` or `*/host`, where the host is an address, complete, or `*`.
fn check_host(text: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let (offset, name) = match text.split_once('/') {
        Some((scheme, _)) if scheme.ends_with(':') => (0, text),
        Some((namespace, name)) => {
            if !matches!(namespace, "*" | ".") && !is_dns_label(namespace) {
                let found = Diagnostic::new(
                    &INVALID_HOST,
                    at.within(0..namespace.len().max(1)),
                    format!("`{namespace}` is no namespace"),
                );
                out.push(found.label("a namespace, `.` or `*`"));
            }
            (namespace.len() + 1, name)
        }
        None => (0, text),
    };
    // One of version 6 has no dot, and Istio takes it for a short name.
    if address::is_address(name) && name.contains('.') {
        return;
    }
    if let Err(fault) = host::wildcard(name) {
        return host::report_from(name, offset, &fault, at, out);
    }
    let fault = |message: String, label: &str| {
        Diagnostic::new(&INVALID_HOST, at.value(), message).label(label)
    };
    if host::is_partial_wildcard(name) {
        out.push(fault(
            format!("`{name}` is a part of a label"),
            "a `*` stands for whole labels: `*.example.com`",
        ));
    } else if name != "*" && !name.contains('.') {
        out.push(fault(
            format!("`{name}` is a short name, and clients of a gateway know no namespace"),
            "write the whole name",
        ));
    }
}

fn check_port(server: &Server, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let socket = server.bind.strip_prefix(address::UNIX);
    let bind = at.field("bind");
    let fault = |message: String, label: &str| {
        Diagnostic::new(&INVALID_SERVER, bind.value(), message).label(label)
    };
    match socket {
        Some(path) => {
            if let Some(reason) = address::socket_path_fault(path) {
                out.push(fault(format!("`{}` is no socket", server.bind), reason));
            }
            if server.port.number != 0 {
                out.push(fault("a socket has no port".into(), "set the port's number to 0"));
            }
        }
        None if !server.bind.is_empty() && !address::is_address(&server.bind) => {
            out.push(fault(
                format!("`{}` is no address", server.bind),
                "an IP address, or `unix://` and a path",
            ));
        }
        None => {}
    }
    let at = at.field("port");
    port::check_protocol(&server.port.protocol, &at.field("protocol"), out);
    if socket.is_none() {
        port::check_number(server.port.number, &at.field("number"), out);
    }
    if server.port.name.is_empty() {
        let found = Diagnostic::new(
            &INVALID_SERVER,
            at.field("name").value(),
            "the port of a server has no name",
        );
        out.push(found.label("needs a name"));
    }
}

/// Whether the TLS settings are there for a protocol that has them, and not for one that has none.
fn check_protocol(server: &Server, protocol: Protocol, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let protocol_at = at.field("port");
    let place = protocol_at.field("protocol").value();
    match &server.tls {
        None if protocol.is_tls() => {
            let message = format!("a server for {} needs TLS settings", server.port.protocol);
            out.push(
                Diagnostic::new(&INVALID_SERVER, place, message)
                    .label("needs `tls`")
                    .lacking(at, &["tls"]),
            );
        }
        Some(tls) if !protocol.is_tls() => {
            let passes =
                matches!(tls.mode, ServerTlsMode::Passthrough | ServerTlsMode::AutoPassthrough);
            let files = [&tls.ca_certificates, &tls.private_key, &tls.server_certificate];
            let is_redirect =
                protocol.is_http() && passes && files.iter().all(|file| file.is_empty());
            if !is_redirect {
                let message = format!(
                    "a server for {} is plain text, and takes no TLS settings",
                    server.port.protocol
                );
                let found = Diagnostic::new(&INVALID_SERVER, at.field("tls").key(), message);
                let found = found.label("no TLS here").also(place, "plain text");
                out.push(found.help(
                    "write `protocol: HTTPS` or `TLS`; a plain one takes `httpsRedirect` alone",
                ));
            }
        }
        Some(_) | None => {}
    }
    if !protocol.is_http() && server.tls.as_ref().is_some_and(|tls| tls.https_redirect) {
        let tls = at.field("tls");
        let message = "only plain requests can be redirected to `https`";
        let found =
            Diagnostic::new(&INEFFECTIVE_TLS_SETTING, tls.field("httpsRedirect").key(), message);
        out.push(found.label("has no effect").consequence("nothing is redirected"));
    }
}
