//! `host-not-on-gateway`: a route is for a host that its gateway does not answer for.
//!
//! Source: Istio, `Gateway.servers.hosts`: a `VirtualService` is bound only for hosts that it has in common with a server
//! which lets its namespace in.

use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::gateway::IstioGateway;
use crate::resolve::host::overlap;
use crate::resolve::route::{GatewayName, VirtualService};

pub(super) static CHECK: Check =
    Check::lint("host-not-on-gateway", Severity::Warning, include_str!("host_not_on_gateway.md"))
        .alias(&["IST0132"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (_, it) in mesh.virtual_services.iter() {
        for gateway in &it.gateways {
            let GatewayName::Named(name) = gateway else { continue };
            if let Some(gateway) = mesh.gateways.find(name) {
                check(it, gateway, out);
            }
        }
    }
}

fn check(it: &VirtualService<'_>, gateway: &IstioGateway<'_>, out: &mut Vec<Diagnostic>) {
    let is_for_services = it.is_for_mesh();
    for (index, host) in it.hosts.iter().enumerate() {
        let servers = gateway.servers.iter().flat_map(|server| {
            server.hosts.iter().enumerate().map(move |(place, host)| (server.index, place, host))
        });
        let shared: Vec<_> = servers.filter(|(.., own)| overlap(&own.host, host)).collect();
        if shared.iter().any(|(.., own)| own.admits(it.namespace())) {
            continue;
        }
        // Of a route for the mesh and a gateway some hosts are for the one and some for the other.
        if is_for_services && shared.is_empty() {
            continue;
        }
        out.push(describe(it, index, gateway, shared.first().map(|(a, b, _)| (*a, *b))));
    }
}

fn describe(
    it: &VirtualService<'_>,
    index: usize,
    gateway: &IstioGateway<'_>,
    closed: Option<(usize, usize)>,
) -> Diagnostic {
    let host = it.hosts.get(index).map_or("", |host| host);
    let path = FieldPath::default().field("spec").field("hosts").index(index);
    let message = format!("the Gateway `{}` is not open for `{host}`", gateway.full_name);
    let found = Diagnostic::new(&CHECK, Place::value(it.resource.id, path), message)
        .label("not routed there")
        .consequence("requests for it at the gateway are answered with 404");
    let servers = FieldPath::default().field("spec").field("servers");
    match closed {
        Some((server, place)) => {
            let at = Place::value(
                gateway.resource.id,
                servers.index(server).field("hosts").index(place),
            );
            found
                .also(at, format!("this server does not let namespace `{}` in", it.namespace()))
                .help("change the namespace before the `/`, or move the route there")
        }
        None => found
            .also(Place::key(gateway.resource.id, servers), "no server here has the host")
            .help("add the host to a server of the Gateway, or correct it here"),
    }
}
