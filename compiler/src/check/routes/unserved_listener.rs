//! `unserved-listener`: a listener of a Gateway is not opened, for what it asks of TLS or for its protocol.
//!
//! That a certificate is missing or stands where it may not be used is `unknown-secret`'s and `missing-reference-grant`'s
//! to say; that another listener comes first is `unserved-listener-set`'s. Source: Istio, `buildListener`, `buildTLS`.

use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::gateway::{ApiGateway, Class, ClientCheck, Listener, TerminateMode};

pub(super) static CHECK: Check =
    Check::lint("unserved-listener", Severity::Warning, include_str!("unserved_listener.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for gateway in mesh.api_gateways.iter().filter(|it| it.class == Class::Mesh) {
        for listener in gateway.listeners.iter().filter(|it| it.conflict.is_none()) {
            out.extend(protocol(listener));
            out.extend(own_identity(listener));
        }
        // What is said of all ports is said once.
        let ends_tls = |it: &&Listener<'_>| it.needs_tls() && !it.passes_through();
        let mut checks: Vec<_> = gateway
            .listeners
            .iter()
            .filter(ends_tls)
            .filter_map(|it| Some((it, it.client.as_ref()?)))
            .collect();
        checks.sort_by_key(|(_, check)| check.path.clone());
        checks.dedup_by_key(|(_, check)| check.path.clone());
        out.extend(checks.into_iter().filter_map(|(it, check)| authority(gateway, it, check)));
    }
}

fn say(place: Place, message: String, label: &str) -> Diagnostic {
    Diagnostic::new(&CHECK, place, message)
        .label(label)
        .consequence("the listener is not opened: connections to it are refused")
}

fn protocol(listener: &Listener<'_>) -> Option<Diagnostic> {
    let protocol = listener.spec.protocol.as_str();
    if listener.protocol.is_some() || protocol.is_empty() {
        return None;
    }
    let place = Place::value(listener.document, listener.path().field("protocol"));
    let found = say(place, format!("no gateway speaks `{protocol}`"), "not served");
    let upper = protocol.to_ascii_uppercase();
    Some(if upper != protocol && matches!(upper.as_str(), "HTTP" | "HTTPS" | "TLS" | "TCP") {
        found.help(format!("write `{upper}`: protocols are in capitals"))
    } else {
        found.help("HTTP, HTTPS, TLS and TCP are served")
    })
}

fn own_identity(listener: &Listener<'_>) -> Option<Diagnostic> {
    (listener.terminate_mode() == TerminateMode::IstioSimple).then(|| {
        let path = listener.path().field("tls").field("options");
        let place =
            Place::value(listener.document, path.field("gateway.istio.io/tls-terminate-mode"));
        let message = "clients from outside of the mesh are not shown its identities".to_owned();
        say(place, message, "not served").help("name a certificate in `certificateRefs`")
    })
}

/// One authority, a `ConfigMap` or a Secret, and no more.
fn authority(
    gateway: &ApiGateway<'_>,
    listener: &Listener<'_>,
    check: &ClientCheck<'_>,
) -> Option<Diagnostic> {
    let path = check.path.clone().field("caCertificateRefs");
    let (place, message, label) = match check.authorities.as_slice() {
        [] => return None,
        [it] if it.is_readable => return None,
        [_] => (
            Place::value(gateway.resource.id, path.index(0).field("kind")),
            "an authority is a ConfigMap or a Secret".to_owned(),
            "neither of them",
        ),
        _ => (
            Place::value(gateway.resource.id, path.index(1)),
            "clients' certificates are verified by one authority".to_owned(),
            "more than one",
        ),
    };
    let listens = Place::value(listener.document, listener.path().field("name"));
    Some(say(place, message, label).also(listens, "a listener that asks for certificates"))
}
