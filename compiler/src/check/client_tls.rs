//! What a `DestinationRule` says of the security of connections to a port. Source: Istio, `TrafficPolicy.portLevelSettings`: what is
//! said of a port is said in place of what is said of the host.

use crate::api::istio::{ClientTlsSettings, PortTrafficPolicy, TrafficPolicy};
use crate::diagnostic::FieldPath;

/// At the port, else of the host; and where, the policy being `at`.
pub(super) fn of_port(
    traffic: &TrafficPolicy,
    at: FieldPath,
    port: u16,
) -> Option<(&ClientTlsSettings, FieldPath)> {
    match own(traffic, port) {
        Some((index, own)) => {
            Some((own.tls.as_ref()?, at.field("portLevelSettings").index(index).field("tls")))
        }
        None => Some((traffic.tls.as_ref()?, at.field("tls"))),
    }
}

/// Whether something is said of the port itself.
pub(super) fn names_port(traffic: &TrafficPolicy, port: u16) -> bool {
    own(traffic, port).is_some()
}

fn own(traffic: &TrafficPolicy, port: u16) -> Option<(usize, &PortTrafficPolicy)> {
    let is_own = |number: u32| number == u32::from(port);
    let mut ports = traffic.port_level_settings.iter().enumerate();
    ports.find(|(_, it)| it.port.as_ref().is_some_and(|it| is_own(it.number)))
}
