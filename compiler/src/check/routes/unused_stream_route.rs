//! `unused-stream-route`: no proxy uses the `tcp` or `tls` routes of a `VirtualService`.
//!
//! Routes for bytes hold where there is something to connect to: on the mesh a port of a host, at a gateway a server that
//! reads no HTTP. Source: Istio, `VirtualService.tcp`, `VirtualService.tls`; `buildSidecarOutboundTCPFilterChainOpts`,
//! `buildGatewayNetworkFiltersFromTCPRoutes`.

use crate::check::inventory;
use crate::check::names::unknown_route_host;
use crate::check::sight::servers;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::gateway::{IstioGateway, Server};
use crate::resolve::host::is_wildcard;
use crate::resolve::route::{GatewayName, VirtualService};
use crate::resolve::service::Service;

pub(super) static CHECK: Check =
    Check::lint("unused-stream-route", Severity::Warning, include_str!("unused_stream_route.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (_, it) in mesh.virtual_services.iter() {
        let spec = &it.resource.spec;
        for (list, is_empty) in [("tcp", spec.tcp.is_empty()), ("tls", spec.tls.is_empty())] {
            if !is_empty {
                out.extend(check(mesh, it, list));
            }
        }
    }
}

fn check(mesh: &Mesh<'_>, it: &VirtualService<'_>, list: &'static str) -> Option<Diagnostic> {
    let reasons: Option<Vec<Reason>> =
        it.gateways.iter().map(|name| reason(mesh, it, list, name)).collect();
    let reason = reasons?.into_iter().next()?;
    let place = Place::key(it.resource.id, FieldPath::default().field("spec").field(list));
    let found = Diagnostic::new(&CHECK, place, format!("no proxy uses the `{list}` routes"))
        .label("never used")
        .consequence("connections go where they would go without the routes");
    Some(match reason {
        Reason::NoHost => {
            let hosts = FieldPath::default().field("spec").field("hosts");
            found
                .also(
                    Place::key(it.resource.id, hosts),
                    "no Service and no ServiceEntry is called so",
                )
                .help("correct the host, or define it with a ServiceEntry")
        }
        Reason::HttpAlone(service) => found
            .also(service, "each of its ports is read as HTTP")
            .help("write `http` routes, or let the port's name begin with `tcp`"),
        Reason::NoServer(servers) => {
            let wanted = if list == "tls" { "mode: PASSTHROUGH" } else { "protocol: TCP" };
            found
                .also(servers, "no server with the host is for such routes")
                .help(format!("they need a server with `{wanted}`; HTTP is routed by `http`"))
        }
    })
}

/// One of the services whose hosts these are, where all of them are known and read as HTTP at each of their ports: there the
/// routes of requests count, and no others.
fn http_alone(mesh: &Mesh<'_>, it: &VirtualService<'_>) -> Option<Place> {
    let mut first = None;
    for host in &it.hosts {
        let services = mesh.services.of_host(host).iter().map(|id| mesh.services.get(*id));
        let services: Vec<_> = services.collect();
        let is_http = |it: &&Service<'_>| {
            let ports = &it.object.ports;
            it.alias.is_none() && !ports.is_empty() && ports.iter().all(|it| it.protocol.is_http())
        };
        if is_wildcard(host) || services.is_empty() || !services.iter().all(is_http) {
            return None;
        }
        first = first.or_else(|| services.first().map(|it| it.origin.place()));
    }
    first
}

enum Reason {
    /// Nothing of the mesh has the name.
    NoHost,
    /// Nothing but HTTP is spoken to the hosts.
    HttpAlone(Place),
    /// The gateway reads the host's requests, or does not end its TLS.
    NoServer(Place),
}

/// Why the routes are not used at a gateway, or on the mesh. That there is no such gateway, or none of its hosts, others say.
fn reason(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    list: &str,
    name: &GatewayName,
) -> Option<Reason> {
    let GatewayName::Named(name) = name else {
        let is_known = |host: &str| is_wildcard(host) || inventory::has_host(mesh, host);
        let is_used = !inventory::lists_hosts(mesh) || it.hosts.iter().any(|host| is_known(host));
        // Of a VirtualService that routes HTTP besides the host alone is told.
        let is_told =
            || !it.http.is_empty() && unknown_route_host::unknown(mesh, it).next().is_some();
        if !is_used {
            return (!is_told()).then_some(Reason::NoHost);
        }
        return http_alone(mesh, it).map(Reason::HttpAlone);
    };
    let gateway: &IstioGateway<'_> = mesh.gateways.find(name)?;
    let takes =
        |server: &Server<'_>| !server.is_http() && (server.passes_through() == (list == "tls"));
    let mut sharing = servers(gateway, it).peekable();
    sharing.peek()?;
    let servers = FieldPath::default().field("spec").field("servers");
    let place = Place::key(gateway.resource.id, servers);
    (!sharing.any(takes)).then_some(Reason::NoServer(place))
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    /// How often it is told of routes for bytes of a service with these ports.
    fn count(ports: &str, list: &str) -> usize {
        let folder = Folder::new();
        let text = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: a, namespace: shop}}\nspec: {{ports: [{ports}]}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: shop}}\nspec:\n  hosts: [a]\n  {list}\n"
        );
        folder.write("a.yaml", text);
        findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
    }

    #[test]
    fn what_is_read_as_http_has_no_routes_for_bytes() {
        let tcp = "tcp: [{route: [{destination: {host: a, port: {number: 80}}}]}]";
        assert_eq!(count("{name: http, port: 80}, {name: grpc, port: 81}", tcp), 1);
        assert_eq!(count("{name: http, port: 80}, {name: tcp, port: 81}", tcp), 0);
        assert_eq!(count("{name: http, port: 80}, {name: https, port: 81}", tcp), 0);
        // What it speaks is found out.
        assert_eq!(count("{name: web, port: 80}", tcp), 0);
        let http = "http: [{route: [{destination: {host: a}}]}]";
        assert_eq!(count("{name: http, port: 80}", http), 0);
    }
}
