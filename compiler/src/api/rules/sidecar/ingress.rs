//! Where a sidecar is reached, and where it hands on to.

use super::super::checks::{
    CONFLICTING_TLS_SETTINGS, DUPLICATE_PORT, INEFFECTIVE_CONNECTION_POOL, INVALID_SIDECAR,
};
use super::super::destination_rule::check_connection_pool;
use super::super::port::{self, Protocol};
use super::super::{address, gateway};
use crate::api::istio::{IngressListener, ServerTlsMode, ServerTlsSettings};
use crate::diagnostic::{At, Diagnostic};

pub(super) fn check(listeners: &[IngressListener], at: &At<'_>, out: &mut Vec<Diagnostic>) {
    for (index, listener) in listeners.iter().enumerate() {
        let at_listener = at.index(index);
        let at_port = at_listener.field("port");
        super::check_port(&listener.port, &at_port, out);
        port::check_number(listener.port.number, &at_port.field("number"), out);
        super::check_bind(&listener.bind, &at_listener, out);
        let number = listener.port.number;
        let first = listeners.iter().take(index).position(|other| other.port.number == number);
        if let Some(first) = first {
            let place = |index: usize| at.index(index).field("port").field("number").value();
            let message = format!("two listeners have the port {number}");
            let found = Diagnostic::new(&DUPLICATE_PORT, place(index), message);
            out.push(found.label("again").also(place(first), "first here"));
        }
        check_endpoint(&listener.default_endpoint, &at_listener.field("defaultEndpoint"), out);
        let protocol = Protocol::parse(&listener.port.protocol);
        if let Some(tls) = &listener.tls {
            check_tls(tls, protocol, &at_listener, out);
        }
        check_pool(listener, protocol, &at_listener, out);
    }
}

/// The addresses of the application: this machine's.
const LOCAL: &[&str] = &["", "127.0.0.1", "0.0.0.0", "[::1]", "[::]"];

fn check_endpoint(endpoint: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let mut fault = |label: &str| {
        let message = format!("`{endpoint}` is nowhere that the application can listen");
        out.push(Diagnostic::new(&INVALID_SIDECAR, at.value(), message).label(label));
    };
    if endpoint.is_empty() {
        return;
    }
    if let Some(path) = endpoint.strip_prefix(address::UNIX) {
        if let Some(reason) = address::socket_path_fault(path) {
            fault(reason);
        }
        return;
    }
    let Some((host, number)) = endpoint.rsplit_once(':') else {
        return fault("needs a port: `127.0.0.1:8080`");
    };
    if !LOCAL.contains(&host) {
        fault("one of `127.0.0.1`, `[::1]`, `0.0.0.0`, `[::]`, with a port");
    } else if !number.parse::<u16>().is_ok_and(|number| number > 0) {
        fault("a port is 1 to 65535");
    }
}

/// `at` is the listener.
fn check_tls(
    tls: &ServerTlsSettings,
    protocol: Option<Protocol>,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let at_tls = at.field("tls");
    let unsupported = [
        ("subjectAltNames", !tls.subject_alt_names.is_empty()),
        ("httpsRedirect", tls.https_redirect),
        ("credentialName", !tls.credential_name.is_empty()),
        ("credentialNames", !tls.credential_names.is_empty()),
        ("caCertCredentialName", !tls.ca_cert_credential_name.is_empty()),
    ];
    for (name, _) in unsupported.iter().filter(|(_, is_set)| *is_set) {
        let message = format!("a listener of a sidecar does not support `{name}`");
        let found = Diagnostic::new(&CONFLICTING_TLS_SETTINGS, at_tls.field(name).key(), message);
        out.push(found.label("not here").help("give the files of a certificate"));
    }
    if matches!(tls.mode, ServerTlsMode::IstioMutual | ServerTlsMode::AutoPassthrough) {
        let found = Diagnostic::new(
            &CONFLICTING_TLS_SETTINGS,
            at_tls.field("mode").value(),
            "a listener of a sidecar cannot have this mode",
        );
        out.push(
            found
                .label("not here")
                .help("mutual TLS inside of the mesh is a PeerAuthentication's to ask for"),
        );
    }
    if !protocol.is_some_and(Protocol::is_tls) {
        let message = "only a port for HTTPS or TLS takes TLS settings";
        let place = at.field("port");
        let found =
            Diagnostic::new(&CONFLICTING_TLS_SETTINGS, at_tls.key(), message).label("not here");
        out.push(found.also(place.field("protocol").value(), "the port's protocol"));
    }
    gateway::check_tls(Some(tls), &at_tls, out);
}

/// `at` is the listener.
fn check_pool(
    listener: &IngressListener,
    protocol: Option<Protocol>,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let at_pool = at.field("connectionPool");
    check_connection_pool(listener.connection_pool.as_ref(), &at_pool, out);
    let has_http = listener.connection_pool.as_ref().is_some_and(|pool| pool.http.is_some());
    if has_http && !protocol.is_some_and(Protocol::is_http) {
        let message = "no requests are read at this port, so limits for them have no meaning";
        let found =
            Diagnostic::new(&INEFFECTIVE_CONNECTION_POOL, at_pool.field("http").key(), message);
        let place = at.field("port");
        let found = found.label("has no effect").also(place.field("protocol").value(), "not HTTP");
        out.push(found.consequence("connections to the port have no such limit"));
    }
}
