//! A port and a gateway that there are not where the routes apply.

use super::never;
use crate::check::any_match::AnyMatch;
use crate::check::inventory;
use crate::check::names::unknown_gateway;
use crate::diagnostic::{Diagnostic, FieldPath, Place};
use crate::resolve::Mesh;
use crate::resolve::host::is_wildcard;
use crate::resolve::route::{GatewayName, VirtualService, gateway_name};
use crate::resolve::service::Service;

/// A gateway that there is not, or one to which the resource is not bound.
pub(super) fn check_gateways(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    asked: &AnyMatch<'_>,
    out: &mut Vec<Diagnostic>,
) {
    for (index, written) in asked.gateways.iter().enumerate() {
        let name = gateway_name(written, it.namespace());
        if it.gateways.contains(&name) {
            continue;
        }
        let path = asked.at.clone().field("gateways").index(index);
        if let Some(found) = unknown_gateway::in_match(mesh, it, &name, path.clone()) {
            out.push(found);
            continue;
        }
        let message = format!("the routes are not bound to the gateway `{written}`");
        let bound = FieldPath::default().field("spec").field("gateways");
        let found = never(it, path, message);
        out.push(if it.resource.spec.gateways.is_empty() {
            found.help("the resource names no `gateways`, so it is for the mesh alone")
        } else {
            found.also(Place::key(it.resource.id, bound), "it is bound to these alone")
        });
    }
}

pub(super) fn check_port(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    asked: &AnyMatch<'_>,
) -> Option<Diagnostic> {
    let port = u16::try_from(asked.port).ok().filter(|port| *port != 0)?;
    let named: Vec<_> =
        asked.gateways.iter().map(|name| gateway_name(name, it.namespace())).collect();
    let places = if named.is_empty() { &it.gateways } else { &named };
    // Of a host that is for the mesh alone, and is no service, `unknown-route-host` speaks.
    let is_at_gateways = places.iter().any(|place| *place != GatewayName::Mesh);
    let may_be_service = |host: &str| !is_at_gateways || !is_known_to_be_none(mesh, host);
    if !places.iter().any(|place| may_have(mesh, it, place, port, &may_be_service)) {
        let message = format!("where the route applies, nothing has port {port}");
        let help = "on the mesh it is a port of the Service, at a gateway that of a server";
        return Some(never(it, asked.at.clone().field("port"), message).help(help));
    }
    let is_for_mesh_alone = places.iter().all(|place| *place == GatewayName::Mesh);
    let service = of_bytes(mesh, it, port).filter(|_| asked.is_http && is_for_mesh_alone)?;
    let message = format!("port {port} of `{}` is not for HTTP", service.host);
    let mut found = never(it, asked.at.clone().field("port"), message)
        .also(service.origin.place(), "the port is read as bytes")
        .help("let the port's name begin with `http`, or write `tcp` routes");
    found.consequence = Some("no route looks at what goes there: bytes go to the host".into());
    Some(found)
}

/// The service of which a port carries bytes, where every host is one of a service and none reads HTTP there. Where none reads
/// HTTP at any port, that is what is said (`http-route-on-tcp-port`).
fn of_bytes<'m, 'a>(
    mesh: &'m Mesh<'a>,
    it: &VirtualService<'_>,
    port: u16,
) -> Option<&'m Service<'a>> {
    let of_hosts = it.hosts.iter().map(|host| mesh.services.of_host(host));
    let of_hosts: Vec<_> = of_hosts.collect();
    if of_hosts.iter().any(|services| services.is_empty()) {
        return None;
    }
    let services = of_hosts.into_iter().flatten();
    let services: Vec<_> = services.map(|id| mesh.services.get(*id)).collect();
    if services.iter().any(|it| it.alias.is_some() || it.reads_http(Some(port)))
        || !services.iter().any(|it| it.reads_http(None))
    {
        return None;
    }
    services.into_iter().find(|it| it.object.ports.iter().any(|it| it.number == port))
}

/// Whether no service can have a host that none is known to have.
fn is_known_to_be_none(mesh: &Mesh<'_>, host: &str) -> bool {
    inventory::lists_hosts(mesh) && !inventory::is_of_unseen_services(mesh, host)
}

/// The port at which sidecars have routes for a host that is no service. Source: Istio,
/// `buildSidecarVirtualHostsForVirtualService`.
const OF_NO_SERVICE: u16 = 80;

/// Whether requests may arrive at a port; of what is not known, they may.
fn may_have(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    place: &GatewayName,
    port: u16,
    may_be_service: &impl Fn(&str) -> bool,
) -> bool {
    let GatewayName::Named(name) = place else {
        return it.hosts.iter().any(|host| {
            let known = mesh.services.of_host(host).iter().map(|id| mesh.services.get(*id));
            let known: Vec<_> = known.collect();
            is_wildcard(host)
                || (known.is_empty() && (port == OF_NO_SERVICE || may_be_service(host)))
                || inventory::may_have_host(mesh, host)
                || known.iter().any(|service| {
                    let mut ports = service.object.ports.iter();
                    service.alias.is_some() || ports.any(|own| own.number == port)
                })
        });
    };
    let gateway = mesh.gateways.find(name);
    gateway.is_none_or(|gateway| gateway.servers.iter().any(|server| server.port == port))
}
