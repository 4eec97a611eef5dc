//! `hidden-from-gateway`: a gateway does not see a `VirtualService` that is bound to it, or a host that this leads to.
//!
//! What a proxy sees is decided by its own namespace, and not by that of the route. Sources: Istio, `VirtualService.exportTo`,
//! `ServiceEntry.exportTo`, `networking.istio.io/exportTo`.

use std::collections::BTreeMap;

use crate::check::kept::apart;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::gateway::IstioGateway;
use crate::resolve::route::{GatewayName, VirtualService};
use crate::resolve::service::Service;

pub(super) static CHECK: Check =
    Check::lint("hidden-from-gateway", Severity::Warning, include_str!("hidden_from_gateway.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    apart::written_virtual_services(mesh, out, |it, out| {
        for (index, name) in it.gateways.iter().enumerate() {
            let GatewayName::Named(full) = name else { continue };
            let Some(gateway) = mesh.gateways.find(full) else { continue };
            match gateway.proxies_in.iter().find(|of| !it.visibility.reaches(Some(of))) {
                Some(namespace) => out.extend(report_route(it, index, full, namespace)),
                None => check_hosts(mesh, it, gateway, out),
            }
        }
    });
}

/// The hosts that its routes lead to. Of one that nobody sees `unknown-host` speaks.
fn check_hosts(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    gateway: &IstioGateway<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let mut hidden: BTreeMap<_, (&str, &Service<'_>, Vec<Place>)> = BTreeMap::new();
    for (destination, at) in it.destinations() {
        let known = mesh.services.of_host(&destination.host);
        let reach = |viewer: &str| {
            known.iter().any(|id| mesh.services.get(*id).visibility.reaches(Some(viewer)))
        };
        let Some(first) = known.first().map(|id| mesh.services.get(*id)) else { continue };
        let Some(blind) = gateway.proxies_in.iter().find(|of| !reach(of)) else { continue };
        if !super::unknown_host::viewers(mesh, it).into_iter().any(reach) {
            continue;
        }
        let entry = hidden.entry(destination.host.to_string());
        let (.., places) = entry.or_insert_with(|| (blind, first, Vec::new()));
        places.push(Place::value(at.document, at.path().field("host")));
    }
    for (host, (namespace, service, places)) in hidden {
        let mut places = places.into_iter();
        let Some(first) = places.next() else { continue };
        let message = format!("the gateway does not see `{host}`");
        out.push(
            Diagnostic::new(&CHECK, first, message)
                .label(format!("hidden from namespace `{namespace}`"))
                .also(service.origin.place(), "this is not exported there")
                .also(Place::resource(gateway.resource.id), "its proxies are there")
                .consequence("requests that take the route at the gateway are answered with 503")
                .help(format!("add `{namespace}` to its `exportTo`"))
                .and_here(places),
        );
    }
}

fn report_route(
    it: &VirtualService<'_>,
    index: usize,
    gateway: &str,
    namespace: &str,
) -> Option<Diagnostic> {
    let spec = FieldPath::default().field("spec");
    let written = it.resource.spec.gateways.get(index)?;
    let place = Place::value(it.resource.id, spec.clone().field("gateways").index(index));
    let message = format!("the Gateway `{gateway}` does not see the routes that are bound to it");
    let found = Diagnostic::new(&CHECK, place, message)
        .label(format!("its proxies are in namespace `{namespace}`"))
        .consequence("requests for these hosts are answered with 404 there")
        .help(format!("add `{namespace}` to `exportTo`, or leave `{written}` out"));
    if it.resource.spec.export_to.is_empty() {
        return Some(found);
    }
    Some(found.also(Place::value(it.resource.id, spec.field("exportTo")), "seen here alone"))
}
