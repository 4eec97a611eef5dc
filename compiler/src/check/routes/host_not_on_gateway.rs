//! `host-not-on-gateway`: a route is for a host that its gateway does not answer for.
//!
//! Sources: Istio, `Gateway.servers.hosts`: a `VirtualService` is bound only for hosts that it has in common with a server
//! which lets its namespace in; Gateway API, `HTTPRoute.hostnames`: names that a listener does not have are left out there.

use crate::api::Words;
use crate::check::kept::apart;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::gateway::IstioGateway;
use crate::resolve::host::{Host, is_wildcard, overlap};
use crate::resolve::route::{GatewayName, HttpRoute, Parent, VirtualService};

pub(super) static CHECK: Check =
    Check::lint("host-not-on-gateway", Severity::Warning, include_str!("host_not_on_gateway.md"))
        .alias(&["IST0132"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    apart::virtual_services(mesh, out, |it, out| {
        for (index, gateway) in it.gateways.iter().enumerate() {
            let GatewayName::Named(name) = gateway else { continue };
            match mesh.gateways.find(name) {
                Some(gateway) => out.extend(check(mesh, it, gateway)),
                None => out.extend(check_api_gateway(mesh, it, index, name)),
            }
        }
    });
    for (_, route) in mesh.http_routes.iter() {
        out.extend(check_names(mesh, route));
    }
}

/// Names that none of the listeners has to which a route is attached; on a Service they say nothing. That it is not attached at all
/// is told by others.
fn check_names(mesh: &Mesh<'_>, route: &HttpRoute<'_>) -> Option<Diagnostic> {
    let mut gateways = Vec::new();
    for parent in &route.parents {
        let (gateway, listeners) = match parent {
            Parent::Gateway { gateway, listeners } => (gateway, listeners),
            Parent::Mesh(_) => continue,
            Parent::Refused(_) | Parent::Foreign => return None,
        };
        gateways.push((mesh.api_gateways.find(&gateway.namespace, gateway.name())?, listeners));
    }
    let (first, _) = gateways.first()?;
    let has = |name: &Host| {
        gateways.iter().any(|(gateway, attached)| {
            let mut attached = attached.iter().filter_map(|index| gateway.listeners.get(*index));
            attached.any(|listener| overlap(&listener.hostname, name))
        })
    };
    let spec = || FieldPath::default().field("spec");
    let place = |index| Place::value(route.resource.id, spec().field("hostnames").index(index));
    let mut lost = route.hostnames.iter().enumerate().filter(|(_, name)| !has(name));
    let (index, name) = lost.next()?;
    let message = format!("no listener that the route is attached to is open for `{name}`");
    Some(
        Diagnostic::new(&CHECK, place(index), message)
            .label("not routed there")
            .also(
                Place::key(first.resource.id, spec().field("listeners")),
                "no listener here has the host",
            )
            .consequence("requests for it at the gateway are answered with 404")
            .help("add a listener for the host, or correct it here")
            .and_here(lost.map(|(index, _)| place(index))),
    )
}

/// Where a gateway answers for none of the hosts, that is one fault; where it answers for some, the others may be for
/// other gateways, or for the mesh.
fn check(mesh: &Mesh<'_>, it: &VirtualService<'_>, gateway: &IstioGateway<'_>) -> Vec<Diagnostic> {
    let lost = lost(mesh, it, gateway);
    if lost.len() == it.hosts.len() {
        return describe(it, &lost, gateway).into_iter().collect();
    }
    lost.into_iter().filter_map(|index| describe(it, &[index], gateway)).collect()
}

/// The hosts that a gateway is said not to be open for, by their places.
fn lost(mesh: &Mesh<'_>, it: &VirtualService<'_>, gateway: &IstioGateway<'_>) -> Vec<usize> {
    let mut missing: Vec<_> =
        (0..it.hosts.len()).filter(|index| !is_served(it, *index, gateway)).collect();
    if missing.len() < it.hosts.len() {
        missing.retain(|index| !it.is_for_mesh() && !is_served_elsewhere(mesh, it, *index));
    }
    missing
}

/// Whether it is said of a route that a gateway is not open for some host that `host` is for.
pub(super) fn tells(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    gateway: &IstioGateway<'_>,
    host: &Host,
) -> bool {
    let lost = lost(mesh, it, gateway);
    lost.iter().filter_map(|index| it.hosts.get(*index)).any(|own| overlap(own, host))
}

/// The hosts of a gateway that routes bound to it are for, by misspelt names.
pub(super) fn misspelt(mesh: &Mesh<'_>, gateway: &IstioGateway<'_>) -> Vec<String> {
    let open = open(gateway);
    let bound = mesh.virtual_services.of_gateway(&gateway.full_name);
    let bound = bound.iter().map(|id| mesh.virtual_services.get(*id));
    let hosts = bound.flat_map(|it| {
        let lost = lost(mesh, it, gateway);
        lost.into_iter().filter_map(|index| it.hosts.get(index)).collect::<Vec<_>>()
    });
    hosts.filter_map(|host| open.nearest(host)).map(str::to_owned).collect()
}

/// What its servers are open for by name.
fn open(gateway: &IstioGateway<'_>) -> Words {
    let hosts = gateway.servers.iter().flat_map(|server| &server.hosts);
    Words::of(hosts.map(|it| &*it.host).filter(|it| !is_wildcard(it)))
}

fn is_served(it: &VirtualService<'_>, index: usize, gateway: &IstioGateway<'_>) -> bool {
    it.hosts.get(index).is_some_and(|host| !gateway.serving(host, it.namespace()).is_empty())
}

fn is_served_elsewhere(mesh: &Mesh<'_>, it: &VirtualService<'_>, index: usize) -> bool {
    it.gateways.iter().any(|name| match name {
        GatewayName::Named(name) => {
            mesh.gateways.find(name).is_none_or(|gateway| is_served(it, index, gateway))
        }
        GatewayName::Mesh => true,
    })
}

/// One finding for hosts that are missing at one gateway.
fn describe(
    it: &VirtualService<'_>,
    missing: &[usize],
    gateway: &IstioGateway<'_>,
) -> Option<Diagnostic> {
    let index = missing.first()?;
    let at = FieldPath::default().field("spec").field("hosts");
    let place = |index: usize| Place::value(it.resource.id, at.clone().index(index));
    let names: Vec<_> = missing.iter().filter_map(|index| it.hosts.get(*index)).collect();
    let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
    let message = format!("the Gateway `{}` is not open for {}", gateway.full_name, list(&names));
    let closed = closed(it, *index, gateway);
    let open = open(gateway);
    let near = it.hosts.get(*index).filter(|_| closed.is_none());
    let near = near.and_then(|host| open.nearest(host));
    let found = Diagnostic::new(&CHECK, place(*index), message)
        .meant(near, "not routed there")
        .consequence("requests for it at the gateway are answered with 404");
    let rest = missing.iter().skip(1);
    let found = rest.fold(found, |found, index| found.also(place(*index), "nor this"));
    let servers = FieldPath::default().field("spec").field("servers");
    Some(match closed {
        Some((server, host)) => {
            let path = servers.index(server).field("hosts").index(host);
            let text = format!("this server does not let namespace `{}` in", it.namespace());
            found
                .also(Place::value(gateway.resource.id, path), text)
                .help("change the namespace before the `/`, or move the route there")
        }
        None => found
            .also(Place::key(gateway.resource.id, servers), "no server here has the host")
            .help("add the host to a server of the Gateway, or correct it here"),
    })
}

fn list(names: &[String]) -> String {
    match names {
        [] | [_] => names.concat(),
        [first, second] => format!("{first} or {second}"),
        [first, second, rest @ ..] => format!("{first}, {second} or {} more", rest.len()),
    }
}

/// The server that has the host and does not let the namespace in.
fn closed(
    it: &VirtualService<'_>,
    index: usize,
    gateway: &IstioGateway<'_>,
) -> Option<(usize, usize)> {
    let host = it.hosts.get(index)?;
    let (server, place) = gateway.meeting(host).into_iter().next()?;
    Some((server.index, place))
}

/// A Gateway of the Gateway API: each listener is for one name, or for all.
fn check_api_gateway(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    index: usize,
    name: &str,
) -> Option<Diagnostic> {
    let (namespace, name) = name.split_once('/')?;
    let gateway = mesh.api_gateways.find(namespace, name)?;
    let mut listeners = gateway.listeners.iter();
    if listeners.any(|listener| it.hosts.iter().any(|host| overlap(&listener.hostname, host))) {
        return None;
    }
    let path = FieldPath::default().field("spec").field("gateways").index(index);
    let listeners = FieldPath::default().field("spec").field("listeners");
    let message = format!("no listener of the Gateway `{namespace}/{name}` has one of these hosts");
    Some(
        Diagnostic::new(&CHECK, Place::value(it.resource.id, path), message)
            .label("no host in common")
            .also(Place::key(gateway.resource.id, listeners), "these are its listeners")
            .consequence("requests for the hosts at the gateway are answered with 404")
            .help("add a listener for the host, or correct the host here"),
    )
}
