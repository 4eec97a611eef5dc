//! `unused-stream-route`: no proxy uses the `tcp` or `tls` routes of a `VirtualService`.
//!
//! Routes for bytes hold where there is something to connect to: on the mesh a port of a host, at a gateway a server that
//! reads no HTTP. Source: Istio, `VirtualService.tcp`, `VirtualService.tls`; `buildSidecarOutboundTCPFilterChainOpts`,
//! `buildGatewayNetworkFiltersFromTCPRoutes`.

use super::inventory;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::gateway::{IstioGateway, Server};
use crate::resolve::host::is_wildcard;
use crate::resolve::route::{GatewayName, VirtualService};

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
        Reason::NoServer(servers) => {
            let wanted = if list == "tls" { "mode: PASSTHROUGH" } else { "protocol: TCP" };
            found
                .also(servers, "no server with the host is for such routes")
                .help(format!("they need a server with `{wanted}`; HTTP is routed by `http`"))
        }
    })
}

enum Reason {
    /// Nothing of the mesh has the name.
    NoHost,
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
        return (!is_used).then_some(Reason::NoHost);
    };
    let gateway: &IstioGateway<'_> = mesh.gateways.find(name)?;
    let meeting = it.hosts.iter().flat_map(|host| gateway.meeting(host));
    let admits = |(server, host): &(&Server<'_>, usize)| {
        server.hosts.get(*host).is_some_and(|own| own.admits(it.namespace()))
    };
    let takes =
        |server: &Server<'_>| !server.is_http() && (server.passes_through() == (list == "tls"));
    let mut sharing = meeting.filter(admits).peekable();
    sharing.peek()?;
    let servers = FieldPath::default().field("spec").field("servers");
    let place = Place::key(gateway.resource.id, servers);
    (!sharing.any(|(server, _)| takes(server))).then_some(Reason::NoServer(place))
}
