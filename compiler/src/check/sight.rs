//! Who uses routes, and who sees them and the hosts that they lead to.
//!
//! What a proxy sees is decided by its own namespace, and not by that of the route. Sources: Istio, `VirtualService.exportTo`,
//! `ServiceEntry.exportTo`, `networking.istio.io/exportTo`.

use std::collections::BTreeSet;

use mesh_snapshot::object::Role;

use crate::resolve::gateway::{IstioGateway, Server};
use crate::resolve::route::{GatewayName, VirtualService};
use crate::resolve::service::Service;
use crate::resolve::{Mesh, Ruler, View, Visibility, Workload};

/// The namespaces of clients by which a `VirtualService` is judged: those that it is exported to, its own where that is
/// all, and those of the proxies of its gateways.
pub(super) fn viewers<'m>(mesh: &'m Mesh<'_>, it: &VirtualService<'m>) -> Vec<&'m str> {
    let mut viewers: Vec<_> = it.visibility.named().collect();
    if viewers.is_empty() {
        viewers.push(it.namespace());
    }
    for gateway in gateways(mesh, it) {
        viewers.push(&gateway.resource.namespace);
        viewers.extend(gateway.proxies_in.iter().map(String::as_str));
    }
    viewers.sort_unstable();
    viewers.dedup();
    viewers
}

/// The Gateways, of those that there are, that routes are bound to.
pub(super) fn gateways<'m, 'a>(
    mesh: &'m Mesh<'a>,
    it: &VirtualService<'_>,
) -> impl Iterator<Item = &'m IstioGateway<'a>> {
    it.gateways.iter().filter_map(|name| match name {
        GatewayName::Named(name) => mesh.gateways.find(name),
        GatewayName::Mesh => None,
    })
}

/// The servers of a gateway that have names in common with a host of the routes, and let their namespace in; one may come several
/// times.
pub(super) fn servers<'g, 'a>(
    gateway: &'g IstioGateway<'a>,
    it: &VirtualService<'_>,
) -> impl Iterator<Item = &'g Server<'a>> {
    let serving = it.hosts.iter().flat_map(|host| gateway.serving(host, it.namespace()));
    serving.map(|(server, _)| server)
}

/// The namespaces in which something runs that calls others.
pub(super) fn clients<'m>(mesh: &'m Mesh<'_>) -> BTreeSet<&'m str> {
    let sidecars = mesh.workloads.iter().filter(|it| it.inventory.role == Role::Sidecar);
    sidecars.map(Workload::namespace).collect()
}

/// Whether the routes of `it` rule one of its hosts for clients of a namespace.
pub(super) fn rules(mesh: &Mesh<'_>, it: &VirtualService<'_>, client: &str) -> bool {
    let is_own = |id| mesh.virtual_services.get(id).resource.id == it.resource.id;
    let view = View::of(mesh, client);
    it.hosts.iter().filter_map(|host| view.host(host)).any(|seen| {
        let http = matches!(seen.http, Some(Ruler::VirtualService(id)) if is_own(id));
        http || seen.streams.iter().any(|id| is_own(*id))
    })
}

/// Whether the gateway's proxies see the routes. Where none is known, they may be wherever somebody does.
pub(super) fn gateway_sees(gateway: &IstioGateway<'_>, it: &VirtualService<'_>) -> bool {
    if gateway.proxies_in.is_empty() {
        return it.visibility != Visibility::Nobody;
    }
    gateway.proxies_in.iter().any(|namespace| it.visibility.reaches(Some(namespace)))
}

/// Whom a host is for that is not for all.
pub(super) fn whom(hidden: &Service<'_>) -> &'static str {
    match &hidden.visibility {
        Visibility::Nobody => "no namespace",
        it if it.named().eq([hidden.namespace]) => "its own namespace alone",
        Visibility::Public | Visibility::Namespaces(_) => "other namespaces",
    }
}
