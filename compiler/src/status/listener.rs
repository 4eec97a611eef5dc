//! The status of a listener. Source: Istio, `buildListener`, `ReportListenerConflict`, `GenerateGatewaySupportedKinds`.

use serde::Serialize;

use super::condition::{Condition, Fault, Truth, update};
use super::existing::Existing;
use super::{Facts, GROUP, material};
use crate::api::gateway_api::{self, TlsMode};
use crate::resolve::gateway::{ApiGateway, Class, Listener, ListenerConflict};

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListenerStatus {
    pub name: String,
    /// How many routes are attached, whether or not they get requests.
    pub attached_routes: usize,
    pub supported_kinds: Vec<SupportedKind>,
    pub conditions: Vec<Condition>,
}

/// A kind of routes that may attach.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SupportedKind {
    pub group: String,
    pub kind: String,
}

const NO_ERRORS: &str = "No errors found";
/// Where waypoints are spoken to.
const HBONE_PORT: i32 = 15008;
const HBONE: &str = "HBONE";

/// Whether a listener counts as one that works. Source: Istio, `buildListener`.
pub(super) fn is_valid(class: Class, listener: &Listener<'_>) -> bool {
    let set_without_tls = listener.set.is_some() && is_without_tls(listener);
    listener.conflict.is_none()
        && listener.fault().is_none()
        && !set_without_tls
        && unsupported(class, &listener.spec.protocol).is_none()
}

/// Whether a port is asked for on its account.
pub(super) fn is_opened(listener: &Listener<'_>) -> bool {
    listener.conflict.is_none() && !is_without_tls(listener)
}

fn is_without_tls(listener: &Listener<'_>) -> bool {
    listener.needs_tls() && listener.spec.tls.is_none()
}

impl Facts<'_, '_> {
    pub(super) fn listener(
        &self,
        gateway: &ApiGateway<'_>,
        listener: &Listener<'_>,
        existing: &Existing,
    ) -> ListenerStatus {
        let owner = listener.set.map_or(&gateway.resource.namespace, |set| &set.namespace);
        let (kinds, has_others) = listener.kinds();
        let mut conditions = match listener.conflict {
            Some(conflict) => in_conflict(conflict),
            None => opened(gateway.class, listener, owner),
        };
        if has_others {
            conditions.retain(|it| it.r#type != "ResolvedRefs");
            let message = "Invalid route kinds";
            let fault = Condition::new("ResolvedRefs", Truth::False, "InvalidRouteKinds", message);
            conditions.push(fault);
        }
        let name = listener.spec.name.as_str();
        let before = existing.conditions_of("listeners", name);
        let kind = |kind: &str| SupportedKind { group: GROUP.into(), kind: kind.into() };
        ListenerStatus {
            name: name.to_owned(),
            attached_routes: self.attached(gateway, listener),
            supported_kinds: kinds.into_iter().map(kind).collect(),
            conditions: update(before, conditions, existing.generation),
        }
    }

    fn attached(&self, gateway: &ApiGateway<'_>, listener: &Listener<'_>) -> usize {
        let place = (gateway.resource.id, listener.index);
        self.mesh.http_routes.of_listener(place.0, place.1).len()
            + self.mesh.stream_routes.of_listener(place.0, place.1).count()
    }
}

fn in_conflict(conflict: ListenerConflict) -> Vec<Condition> {
    let reason = match conflict {
        ListenerConflict::Protocol => "ProtocolConflict",
        ListenerConflict::Hostname => "HostnameConflict",
    };
    let say = |r#type, status| {
        let message = "Listener has a conflict with another listener attached to the same Gateway";
        Condition::new(r#type, status, reason, message)
    };
    vec![
        say("Accepted", Truth::False),
        say("Conflicted", Truth::True),
        say("Programmed", Truth::False),
    ]
}

fn opened(class: Class, listener: &Listener<'_>, owner: &str) -> Vec<Condition> {
    let tls = material::listener(listener, owner);
    let set_without_tls = listener.set.is_some() && is_without_tls(listener);
    let programmed =
        (tls.is_some() || set_without_tls).then(|| Fault::new("Invalid", "Bad TLS configuration"));
    let accepted = unaccepted(class, listener, tls.as_ref());
    vec![
        Condition::unless(accepted, "Accepted", "Accepted", NO_ERRORS),
        Condition::new("Conflicted", Truth::False, "NoConflicts", NO_ERRORS),
        Condition::unless(programmed, "Programmed", "Programmed", NO_ERRORS),
        Condition::unless(tls, "ResolvedRefs", "ResolvedRefs", NO_ERRORS),
    ]
}

/// The last fault counts.
fn unaccepted(class: Class, listener: &Listener<'_>, tls: Option<&Fault>) -> Option<Fault> {
    let protocol = listener.spec.protocol.as_str();
    if listener.set.is_some() && is_without_tls(listener) {
        let message = format!("protocol is {protocol} but no TLS section is defined");
        return Some(Fault::new("UnsupportedProtocol", message));
    }
    let expected = unexpected(class, listener.spec).or_else(|| unsupported(class, protocol));
    if let Some(message) = expected {
        return Some(Fault::new("UnsupportedProtocol", message));
    }
    let tls = tls.filter(|it| {
        matches!(
            it.reason,
            "InvalidCACertificateRef" | "InvalidCACertificateKind" | "RefNotPermitted"
        )
    })?;
    Some(Fault::new("NoValidCACertificate", tls.message.clone()))
}

/// Source: Istio, `listenerProtocolToIstio`.
fn unsupported(class: Class, protocol: &str) -> Option<String> {
    const SUPPORTED: &[&str] = &["HTTP", "HTTPS", "TLS", "TCP", HBONE];
    if protocol == HBONE && !matches!(class, Class::Waypoint | Class::EastWest) {
        return Some(format!("protocol {protocol:?} is only supported for waypoint proxies"));
    }
    if SUPPORTED.contains(&protocol) {
        return None;
    }
    let upper = protocol.to_ascii_uppercase();
    Some(if SUPPORTED.contains(&upper.as_str()) {
        format!(
            "protocol {protocol:?} is unsupported. hint: {upper:?} (uppercase) may be supported"
        )
    } else {
        format!("protocol {protocol:?} is unsupported")
    })
}

/// Source: Istio, `unexpectedWaypointListener`, `unexpectedEastWestWaypointListener`.
fn unexpected(class: Class, spec: &gateway_api::Listener) -> Option<String> {
    let is_tunnel = spec.port == HBONE_PORT && spec.protocol == HBONE;
    let mode = spec.tls.as_ref().map(|tls| tls.mode.unwrap_or(TlsMode::Terminate));
    match class {
        Class::Waypoint if !is_tunnel => {
            Some(r#"Expected a single listener on port 15008 with protocol "HBONE""#.to_owned())
        }
        Class::EastWest => {
            let is_expected = if spec.port == HBONE_PORT {
                is_tunnel && mode == Some(TlsMode::Terminate)
            } else {
                spec.protocol == "TLS" && mode == Some(TlsMode::Passthrough)
            };
            let message = r#"East-west gateway listeners must be either port 15008 with protocol "HBONE" and TLS.Mode == Terminate, or TLS with TLS.Mode == Passthrough"#;
            (!is_expected).then(|| message.to_owned())
        }
        _ => None,
    }
}
