//! `missing-port`: a destination names no port, and its host has several, or another one than the request comes by.
//!
//! Such a destination has the host's only port, or else the one that the request was sent to. Source: Istio,
//! `Destination.port`, `GetDestinationCluster`.

use std::collections::BTreeSet;

use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::host::is_wildcard;
use crate::resolve::route::{GatewayName, VirtualService};
use crate::resolve::service::Service;

pub(super) static CHECK: Check =
    Check::lint("missing-port", Severity::Error, include_str!("missing_port.md"))
        .alias(&["IST0112"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for it in mesh.virtual_services.written() {
        let arriving = arriving(mesh, it);
        for (destination, at) in it.destinations(&mesh.settings) {
            let services = mesh.services.of_host(&destination.host);
            let services: Vec<_> = services.iter().map(|id| mesh.services.get(*id)).collect();
            let [service] = services.as_slice() else { continue };
            if destination.port.is_some()
                || destination.written.port.is_some()
                || service.alias.is_some()
                || service.object.ports.len() < 2
            {
                continue;
            }
            let own: BTreeSet<u16> = service.object.ports.iter().map(|it| it.number).collect();
            let place = Place::value(at.document, at.path().field("host"));
            out.push(report(service, &own, arriving.difference(&own).next().copied(), place));
        }
    }
}

/// The ports by which requests come to the routes.
fn arriving(mesh: &Mesh<'_>, it: &VirtualService<'_>) -> BTreeSet<u16> {
    let mut ports = BTreeSet::new();
    if it.is_for_mesh() {
        for host in it.hosts.iter().filter(|host| !is_wildcard(host)) {
            let services = mesh.services.of_host(host).iter().map(|id| mesh.services.get(*id));
            ports.extend(services.flat_map(|it| &it.object.ports).map(|port| port.number));
        }
    }
    for gateway in &it.gateways {
        let GatewayName::Named(name) = gateway else { continue };
        let Some(gateway) = mesh.gateways.find(name) else { continue };
        let servers = gateway.servers.iter().filter(|server| server.is_served());
        ports.extend(servers.map(|server| server.port));
    }
    ports
}

/// `lost` is a port by which requests come and that the host does not have. Where there is none, all goes well as long as
/// nobody sends requests by another port; Istio's analyzer makes no difference.
fn report(
    service: &Service<'_>,
    own: &BTreeSet<u16>,
    lost: Option<u16>,
    place: Place,
) -> Diagnostic {
    let numbers = own.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
    let host = &service.host;
    let found =
        Diagnostic::new(&CHECK, place, format!("`{host}` has several ports, and none is named"))
            .label("which port?")
            .also(service.origin.place(), format!("there are {numbers}"))
            .help("name one of them with `port: {number: …}`");
    match lost {
        Some(port) => found.consequence(format!(
            "requests that come by port {port} are answered with 503: the host has no such port"
        )),
        None => {
            let found = found.consequence(
                "requests go to the port that they came by, and are answered with 503 where the host has no such port",
            );
            Diagnostic { severity: Severity::Warning, ..found }
        }
    }
}
