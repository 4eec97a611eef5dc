//! `subset-bypassed-at-gateway`: requests from a gateway pass by the subsets that requests from the mesh are sent to.
//!
//! A route at a gateway leads to the host itself; the host's own `VirtualService` is not asked again. Source: Istio,
//! `virtualservice.DestinationHostAnalyzer`.

use std::collections::BTreeMap;

use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::host::Host;
use crate::resolve::route::{DestinationAt, GatewayName, VirtualService};

pub(super) static CHECK: Check = Check::lint(
    "subset-bypassed-at-gateway",
    Severity::Warning,
    include_str!("subset_bypassed_at_gateway.md"),
)
.alias(&["IST0140"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let split = split_hosts(mesh);
    if split.is_empty() {
        return;
    }
    for (_, it) in mesh.virtual_services.iter() {
        let mut http = it.http.iter().flat_map(|it| &it.spec.route);
        if !it.gateways.iter().any(|name| matches!(name, GatewayName::Named(_)))
            || http.all(|route| !route.destination.subset.is_empty())
        {
            continue;
        }
        for (destination, at) in it.destinations() {
            let is_http = at.route().0 == "http" && !at.is_mirror();
            if !is_http || !destination.subset.is_empty() {
                continue;
            }
            let of_host = split.get(&destination.host).into_iter().flatten();
            let mut others = of_host.filter(|(other, _)| other.resource.id != it.resource.id);
            if let Some((other, place)) = others.next() {
                out.push(report(&destination.host, &at, other, place));
            }
        }
    }
}

/// Hosts that a `VirtualService` of their own sends to subsets, and where.
fn split_hosts<'m, 'a>(mesh: &'m Mesh<'a>) -> BTreeMap<Host, Vec<(&'m VirtualService<'a>, Place)>> {
    let mut split: BTreeMap<Host, Vec<_>> = BTreeMap::new();
    for (_, it) in mesh.virtual_services.iter().filter(|(_, it)| it.names_subsets()) {
        for (destination, at) in it.destinations() {
            if !destination.subset.is_empty() && it.hosts.contains(&destination.host) {
                let place = Place::value(at.document, at.path().field("subset"));
                split.entry(destination.host).or_default().push((it, place));
            }
        }
    }
    split
}

fn report(host: &str, at: &DestinationAt, other: &VirtualService<'_>, place: &Place) -> Diagnostic {
    let message = format!("requests from the gateway go to all of `{host}`");
    let name = other.resource.name();
    Diagnostic::new(&CHECK, Place::value(at.document, at.path().field("host")), message)
        .label("names no subset")
        .also(place.clone(), format!("`{name}` sends requests from the mesh to a subset"))
        .consequence(
            "the split of the host's own routes does not hold for what comes in by the gateway",
        )
        .help("name the same subsets here, or bind the host's own routes to the gateway too")
}
