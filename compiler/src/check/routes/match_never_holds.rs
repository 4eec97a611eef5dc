//! `match-never-holds`: a match of a route asks for a port, a gateway, or a caller's namespace or labels that there are not where the
//! route applies.
//!
//! Only what is written in the resource itself is judged, not what a delegate inherits. Source: Istio,
//! `HTTPMatchRequest`, `L4MatchAttributes`, `TLSMatchAttributes`: `port`, `gateways`, `sourceNamespace`, `sourceLabels`.

use crate::check::asked::{self, Asked};
use crate::check::inventory;
use crate::check::kept::apart;
use crate::check::names::unknown_gateway;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::host::is_wildcard;
use crate::resolve::route::{GatewayName, VirtualService, gateway_name};

pub(super) static CHECK: Check =
    Check::lint("match-never-holds", Severity::Warning, include_str!("match_never_holds.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    apart::virtual_services(mesh, out, |it, out| {
        for asked in asked::of(it.resource) {
            let before = out.len();
            check_gateways(mesh, it, &asked, out);
            if out.len() == before {
                out.extend(check_port(mesh, it, &asked));
                out.extend(check_namespace(mesh, it, &asked));
                out.extend(check_labels(mesh, it, &asked));
            }
        }
    });
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

/// At a gateway it is its own labels that are compared with those that are asked for. Source: Istio, `sourceMatchHTTP`.
fn check_labels(mesh: &Mesh<'_>, it: &VirtualService<'_>, asked: &Asked<'_>) -> Option<Diagnostic> {
    let labels = asked.source_labels;
    if labels.is_empty() || !asked.gateways.is_empty() || it.gateways.contains(&GatewayName::Mesh) {
        return None;
    }
    for name in &it.gateways {
        let GatewayName::Named(name) = name else { continue };
        let proxies = mesh.gateways.find(name)?.proxies(&mesh.workloads);
        if proxies.is_empty() || proxies.iter().any(|proxy| proxy.inventory.has(labels)) {
            return None;
        }
    }
    let bound = FieldPath::default().field("spec").field("gateways");
    let message = "no proxy of the gateways has these labels, and they are compared with its own";
    let found = never(it, asked.at.clone().field("sourceLabels"), message.to_owned());
    let found = found.also(Place::key(it.resource.id, bound), "the routes are for these alone");
    Some(found.help("callers are told apart by labels where `gateways` holds `mesh`"))
}
