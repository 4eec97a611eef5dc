//! `match-never-holds`: a match of a route asks for a port, a gateway or a namespace that there is not where the route applies.
//!
//! Only what is written in the resource itself is judged, not what a delegate inherits. Source: Istio,
//! `HTTPMatchRequest`, `L4MatchAttributes`, `TLSMatchAttributes`: `port`, `gateways`, `sourceNamespace`.

use super::{inventory, unknown_gateway};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::host::is_wildcard;
use crate::resolve::route::{GatewayName, VirtualService, gateway_name};

pub(super) static CHECK: Check =
    Check::lint("match-never-holds", Severity::Warning, include_str!("match_never_holds.md"));

/// What matches of all three sorts of routes have in common.
struct Asked<'m> {
    at: FieldPath,
    port: u32,
    gateways: &'m [String],
    source_namespace: &'m str,
}

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (_, it) in mesh.virtual_services.iter() {
        for asked in asked(it) {
            let before = out.len();
            check_gateways(mesh, it, &asked, out);
            if out.len() == before {
                out.extend(check_port(mesh, it, &asked));
                out.extend(check_namespace(mesh, it, &asked));
            }
        }
    }
}

fn asked<'m>(it: &VirtualService<'m>) -> Vec<Asked<'m>> {
    let spec = &it.resource.spec;
    let mut all = Vec::new();
    let mut add = |list: &'static str, route, index, port, gateways, source_namespace| {
        let at = FieldPath::default().field("spec").field(list).index(route);
        let at = at.field("match").index(index);
        all.push(Asked { at, port, gateways, source_namespace });
    };
    for (route, http) in spec.http.iter().enumerate().filter(|(_, it)| it.delegate.is_none()) {
        for (index, it) in http.r#match.iter().enumerate() {
            add(
                "http",
                route,
                index,
                it.port,
                it.gateways.as_slice(),
                it.source_namespace.as_str(),
            );
        }
    }
    for (route, tls) in spec.tls.iter().enumerate() {
        for (index, it) in tls.r#match.iter().enumerate() {
            add("tls", route, index, it.port, it.gateways.as_slice(), it.source_namespace.as_str());
        }
    }
    for (route, tcp) in spec.tcp.iter().enumerate() {
        for (index, it) in tcp.r#match.iter().enumerate() {
            add("tcp", route, index, it.port, it.gateways.as_slice(), it.source_namespace.as_str());
        }
    }
    all
}

fn never(it: &VirtualService<'_>, path: FieldPath, message: String) -> Diagnostic {
    Diagnostic::new(&CHECK, Place::value(it.resource.id, path), message)
        .label("never holds")
        .consequence("nothing is routed by this match: it goes by those after it, if any")
}

/// A gateway that there is not, or one to which the resource is not bound.
fn check_gateways(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    asked: &Asked<'_>,
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

fn check_port(mesh: &Mesh<'_>, it: &VirtualService<'_>, asked: &Asked<'_>) -> Option<Diagnostic> {
    let port = u16::try_from(asked.port).ok().filter(|port| *port != 0)?;
    let named: Vec<_> =
        asked.gateways.iter().map(|name| gateway_name(name, it.namespace())).collect();
    let places = if named.is_empty() { &it.gateways } else { &named };
    if places.iter().any(|place| may_have(mesh, it, place, port)) {
        return None;
    }
    let message = format!("where the route applies, nothing has port {port}");
    let help = "on the mesh it is a port of the Service, at a gateway that of a server";
    Some(never(it, asked.at.clone().field("port"), message).help(help))
}

/// Whether requests may arrive at a port; of what is not known, they may.
fn may_have(mesh: &Mesh<'_>, it: &VirtualService<'_>, place: &GatewayName, port: u16) -> bool {
    let GatewayName::Named(name) = place else {
        return it.hosts.iter().any(|host| {
            let known = mesh.services.of_host(host).iter().map(|id| mesh.services.get(*id));
            let known: Vec<_> = known.collect();
            is_wildcard(host)
                || known.is_empty()
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

fn check_namespace(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    asked: &Asked<'_>,
) -> Option<Diagnostic> {
    let name = asked.source_namespace;
    if name.is_empty() || !mesh.namespaces.are_declared() || mesh.namespaces.contains(name) {
        return None;
    }
    let path = asked.at.clone().field("sourceNamespace");
    let help = "a namespace that exists outside of this repository goes into `inventory.namespaces` of mesh.yaml";
    Some(never(it, path, format!("there is no namespace `{name}`")).help(help))
}
