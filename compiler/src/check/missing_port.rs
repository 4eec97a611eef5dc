//! `missing-port`: a destination names no port, and its host has several, or another one than the request comes by.
//!
//! Such a destination has the host's only port, or else the one that the request was sent to. Source: Istio,
//! `Destination.port`, `GetDestinationCluster`.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::host::is_wildcard;
use crate::resolve::route::{GatewayName, VirtualService};
use crate::resolve::service::Service;

pub(super) static CHECK: Check =
    Check::lint("missing-port", Severity::Error, include_str!("missing_port.md"))
        .alias(&["IST0112"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let mut opened = HashMap::new();
    for it in mesh.virtual_services.written() {
        for (destination, at) in it.destinations() {
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
            let arriving = arriving(mesh, it, &mut opened);
            let lost = arriving.iter().filter_map(|ports| ports.difference(&own).next()).min();
            // All go by ports that the host has.
            if lost.is_none() && arriving.iter().any(|ports| !ports.is_empty()) {
                continue;
            }
            let lost = lost.copied();
            let place = Place::value(at.document, at.path().field("host"));
            out.push(report(service, &own, lost, place));
        }
    }
}

/// The ports by which requests come to the routes, on the mesh and at each gateway. `opened` are those of gateways that were
/// asked for.
fn arriving<'m>(
    mesh: &'m Mesh<'_>,
    it: &VirtualService<'_>,
    opened: &mut HashMap<&'m str, Arc<BTreeSet<u16>>>,
) -> Vec<Arc<BTreeSet<u16>>> {
    let mut all = Vec::new();
    if it.is_for_mesh() {
        let hosts = it.hosts.iter().filter(|host| !is_wildcard(host));
        let services = hosts.flat_map(|host| mesh.services.of_host(host));
        let ports = services.flat_map(|id| &mesh.services.get(*id).object.ports);
        all.push(Arc::new(ports.map(|port| port.number).collect()));
    }
    for gateway in &it.gateways {
        let GatewayName::Named(name) = gateway else { continue };
        let Some(gateway) = mesh.gateways.find(name) else { continue };
        let ports = opened.entry(&gateway.full_name).or_insert_with(|| {
            let servers = gateway.servers.iter().filter(|server| server.is_served());
            Arc::new(servers.map(|server| server.port).collect())
        });
        all.push(Arc::clone(ports));
    }
    all
}

/// `lost` is a port by which requests come and that the host does not have. Where it is not known by which they come, as in
/// a part of other routes, none may be lost.
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
    if let Some(port) = lost {
        return found.consequence(format!(
            "requests that come by port {port} are answered with 503: the host has no such port"
        ));
    }
    let mut found = found.consequence(
        "requests go to the port that they came by, and are answered with 503 where the host has no such port",
    );
    found.severity = Severity::Warning;
    found
}
