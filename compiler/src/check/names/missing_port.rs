//! `missing-port`: a destination names no port, and its host has several, or another one than the request comes by.
//!
//! At a gateway such a destination has the host's only port, or else the one that the request was sent to. On the mesh it always
//! has the latter, though the host has one port alone: the routes of sidecars are made for one port each, and know the services
//! that have it. Source: Istio, `Destination.port`, `GetDestinationCluster`; observed of Istio.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use mesh_snapshot::object::Protocol;

use crate::check::alias::Alias;
use crate::check::kept::apart;
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::host::is_wildcard;
use crate::resolve::route::{DestinationAt, GatewayName, MergedHttp, VirtualService};
use crate::resolve::service::Service;

pub(super) static CHECK: Check =
    Check::lint("missing-port", Severity::Error, include_str!("missing_port.md"))
        .alias(&["IST0112"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let opened = RefCell::new(HashMap::new());
    apart::written_virtual_services(mesh, out, |it, out| {
        for (destination, at) in it.destinations() {
            if destination.port.is_some() || destination.written.port.is_some() {
                continue;
            }
            let services = mesh.services.of_host(&destination.host);
            let mut services: Vec<_> = services.iter().map(|id| mesh.services.get(*id)).collect();
            // An alias has the ports of what it stands for.
            if let Some(alias) = Alias::of(mesh, &destination.host) {
                services = alias.concrete(mesh);
            }
            let [service] = services.as_slice() else { continue };
            if service.alias.is_some() {
                continue;
            }
            if let [only] = service.object.ports.as_slice() {
                let arriving = of_mesh(mesh, it, &at).filter(|port| *port != only.number);
                let place = Place::value(at.document, at.path().field("host"));
                let lost: BTreeSet<u16> = arriving.collect();
                if let Some(port) = lost.first() {
                    out.push(elsewhere(service, only.number, *port, &at, place));
                }
            }
            if service.object.ports.len() < 2 {
                continue;
            }
            let own: BTreeSet<u16> = service.object.ports.iter().map(|it| it.number).collect();
            let arriving = arriving(mesh, it, &mut opened.borrow_mut());
            let lost = arriving.iter().filter_map(|ports| ports.difference(&own).next()).min();
            // All go by ports that the host has.
            if lost.is_none() && arriving.iter().any(|ports| !ports.is_empty()) {
                continue;
            }
            let lost = lost.copied();
            let place = Place::value(at.document, at.path().field("host"));
            out.push(report(service, &own, lost, place));
        }
    });
}

/// The ports by which requests of sidecars come to a route for HTTP.
fn of_mesh<'m>(
    mesh: &'m Mesh<'_>,
    it: &'m VirtualService<'_>,
    at: &DestinationAt,
) -> impl Iterator<Item = u16> {
    let is_routed = it.is_for_mesh() && it.http_at(at).is_some_and(MergedHttp::is_for_mesh);
    let hosts = it.hosts.iter().filter(move |host| is_routed && !is_wildcard(host));
    let services = hosts.flat_map(|host| mesh.services.of_host(host));
    let ports = services.flat_map(|id| &mesh.services.get(*id).object.ports);
    let read = ports.filter(|it| it.protocol.is_http() || it.protocol == Protocol::Detect);
    read.map(|port| port.number)
}

/// The host has one port alone, and requests come by `lost`: a warning, since a gateway would send them to its only one.
fn elsewhere(
    service: &Service<'_>,
    own: u16,
    lost: u16,
    at: &DestinationAt,
    place: Place,
) -> Diagnostic {
    let host = &service.host;
    let message = format!("`{host}` has no port {lost}, by which requests come, and none is named");
    let effect = if at.is_mirror() {
        format!("copies of requests that come by port {lost} are lost")
    } else {
        format!(
            "requests that come by port {lost} are answered with 503: they go to that port of `{host}`"
        )
    };
    let mut found = Diagnostic::new(&CHECK, place, message)
        .label(format!("port {lost}, since none is named"))
        .also(service.origin.place(), format!("there is {own} alone"))
        .consequence(effect)
        .help(format!("name its port: `port: {{number: {own}}}`"));
    found.severity = Severity::Warning;
    found
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

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    /// What is told of a route of `ui`, which has these ports, to `reviews` with its one port 9080.
    fn told(ports: &str, destination: &str, gateways: &str) -> Vec<&'static str> {
        let folder = Folder::new();
        let text = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: reviews, namespace: shop}}\nspec: {{ports: [{{name: http, port: 9080}}]}}\n---\n\
             apiVersion: v1\nkind: Service\nmetadata: {{name: ui, namespace: shop}}\nspec: {{ports: [{ports}]}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: g, namespace: shop}}\nspec: {{selector: {{a: b}}, servers: [{{port: {{number: 80, name: http, protocol: HTTP}}, hosts: ['*']}}]}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: shop}}\nspec:\n  hosts: [ui, ui.example.com]\n  gateways: [{gateways}]\n  http: [{{route: [{{destination: {destination}}}]}}]\n"
        );
        folder.write("a.yaml", text);
        let found = findings(folder.path());
        found.iter().filter(|it| it.check == &CHECK).map(|it| it.severity.name()).collect()
    }

    #[test]
    fn on_the_mesh_the_only_port_has_to_be_the_one_that_was_asked_for() {
        let plain = "{host: reviews}";
        assert_eq!(told("{name: http, port: 80}", plain, "mesh"), ["warning"]);
        assert_eq!(
            told("{name: http, port: 80}, {name: http-b, port: 9080}", plain, "mesh"),
            ["warning"]
        );
        assert_eq!(told("{name: http, port: 9080}", plain, "mesh"), [""; 0]);
        assert_eq!(told("{name: http, port: 9080}, {name: tcp, port: 90}", plain, "mesh"), [""; 0]);
        let named = "{host: reviews, port: {number: 9080}}";
        assert_eq!(told("{name: http, port: 80}", named, "mesh"), [""; 0]);
        assert_eq!(told("{name: http, port: 80}", plain, "g"), [""; 0]);
    }
}
