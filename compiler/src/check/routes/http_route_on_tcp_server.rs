//! `http-route-on-tcp-server`: a server of a Gateway carries bytes, and what is bound to it has routes for HTTP alone.
//!
//! Source: Istio, `buildGatewayNetworkFiltersFromTCPRoutes`, `buildGatewayNetworkFiltersFromTLSRoutes`: such a server takes the
//! `tcp` routes, or, where TLS passes through, the `tls` routes.

use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::gateway::{IstioGateway, Server};
use crate::resolve::host::overlap;
use crate::resolve::route::VirtualService;

pub(super) static CHECK: Check = Check::lint(
    "http-route-on-tcp-server",
    Severity::Warning,
    include_str!("http_route_on_tcp_server.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for gateway in mesh.gateways.iter() {
        let bound = mesh.virtual_services.of_gateway(&gateway.full_name);
        let bound: Vec<_> = bound.iter().map(|id| mesh.virtual_services.get(*id)).collect();
        for server in gateway.servers.iter().filter(|it| it.is_served() && !it.is_http()) {
            out.extend(check(gateway, server, &bound));
        }
    }
}

fn check(
    gateway: &IstioGateway<'_>,
    server: &Server<'_>,
    bound: &[&VirtualService<'_>],
) -> Option<Diagnostic> {
    let shares = |it: &&&VirtualService<'_>| {
        let mut own = server.hosts.iter().filter(|own| own.admits(it.namespace()));
        own.any(|own| it.hosts.iter().any(|host| overlap(&own.host, host)))
    };
    let sharing: Vec<_> = bound.iter().filter(shares).collect();
    let list = if server.passes_through() { "tls" } else { "tcp" };
    let is_taken = |it: &&&&VirtualService<'_>| {
        let spec = &it.resource.spec;
        if list == "tls" { !spec.tls.is_empty() } else { !spec.tcp.is_empty() }
    };
    // Where routes are of another kind yet, `unused-stream-route` speaks of them.
    let only_http = |it: &&&&VirtualService<'_>| {
        let spec = &it.resource.spec;
        !spec.http.is_empty() && spec.tcp.is_empty() && spec.tls.is_empty()
    };
    if sharing.iter().any(|it| is_taken(&it)) {
        return None;
    }
    let route = sharing.iter().find(|it| only_http(it))?;
    let port = server.spec.port.number;
    let message = format!(
        "port {port} carries bytes, and `{}` has routes for HTTP alone",
        route.resource.name()
    );
    let spec = || FieldPath::default().field("spec");
    let at = spec().field("servers").index(server.index).field("port").field("protocol");
    let found = Diagnostic::new(&CHECK, Place::value(gateway.resource.id, at), message);
    Some(
        found
            .label(format!("takes `{list}` routes"))
            .also(Place::key(route.resource.id, spec().field("http")), "never used at this port")
            .consequence("nothing leads on from the port: connections to it are closed")
            .help(format!("write `{list}` routes, or let the server speak HTTP or HTTPS")),
    )
}
