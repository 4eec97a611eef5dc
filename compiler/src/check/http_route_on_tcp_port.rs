//! `http-route-on-tcp-port`: routes for HTTP are for a host that speaks no HTTP.
//!
//! Source: Istio, `VirtualService.http`: it applies to ports whose protocol is HTTP, or is to be found out.

use mesh_snapshot::object::Protocol;

use super::shadowed_route::place;
use crate::diagnostic::{Check, Diagnostic, Severity};
use crate::resolve::Mesh;
use crate::resolve::host::is_wildcard;
use crate::resolve::service::Service;

pub(super) static CHECK: Check = Check::lint(
    "http-route-on-tcp-port",
    Severity::Warning,
    include_str!("http_route_on_tcp_port.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (_, it) in mesh.virtual_services.iter().filter(|(_, it)| it.is_for_mesh()) {
        let Some(route) = it.http.first() else { continue };
        for host in it.hosts.iter().filter(|host| !is_wildcard(host)) {
            let services = mesh.services.of_host(host).iter().map(|id| mesh.services.get(*id));
            let services: Vec<_> = services.collect();
            let Some(service) = services.first() else { continue };
            if services.iter().any(|it| it.alias.is_some() || speaks_http(it)) {
                continue;
            }
            let message = format!("`{host}` has no port for HTTP");
            out.push(
                Diagnostic::new(&CHECK, place(route), message)
                    .label("routes for HTTP")
                    .also(service.origin.place(), "none of its ports is read as HTTP")
                    .consequence("the routes are never used: bytes go to the host as they are")
                    .help("let the port's name begin with `http`, or write `tcp` routes"),
            );
        }
    }
}

fn speaks_http(service: &Service<'_>) -> bool {
    let ports = &service.object.ports;
    ports.is_empty()
        || ports.iter().any(|it| it.protocol.is_http() || it.protocol == Protocol::Detect)
}
