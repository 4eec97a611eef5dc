//! `hidden-from-proxy`: a gateway does not see a `VirtualService` that is bound to it, or who uses one does not see a host that it leads to.
//!
//! What a proxy sees is decided by its own namespace, and not by that of the route. Sources: Istio, `VirtualService.exportTo`,
//! `ServiceEntry.exportTo`, `networking.istio.io/exportTo`.

use std::cell::LazyCell;
use std::collections::{BTreeMap, HashMap};
use std::ops::Deref;
use std::sync::Arc;

use crate::api::istio::HttpMatch;
use crate::check::destinations::{is_for, is_idle, led};
use crate::check::kept::apart;
use crate::check::sight::{clients, rules, viewers};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::host::Host;
use crate::resolve::route::{DestinationAt, GatewayName, HttpRoute, Parent, VirtualService};
use crate::resolve::service::Service;
use crate::resolve::{Mesh, Visibility};

pub(super) static CHECK: Check =
    Check::lint("hidden-from-proxy", Severity::Warning, include_str!("hidden_from_proxy.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let clients = LazyCell::new(|| {
        let root = mesh.settings.root_namespace;
        let mut clients = clients(mesh);
        // What a Sidecar lets be seen it may have said on purpose.
        clients.retain(|of| !mesh.sidecars.limit(of, root));
        clients
    });
    apart::written_virtual_services(mesh, out, |it, out| {
        let viewers = LazyCell::new(|| viewers(mesh, it));
        let mut at_gateways = Hidden::new();
        for (index, name) in it.gateways.iter().enumerate() {
            let GatewayName::Named(full) = name else { continue };
            let Some(gateway) = mesh.gateways.find(full) else { continue };
            if let Some(of) = gateway.proxies_in.iter().find(|of| !it.visibility.reaches(Some(of)))
            {
                out.extend(report_route(it, index, full, of));
                continue;
            }
            look_for(mesh, it, (name, &viewers), &mut at_gateways, |reach| {
                let blind = gateway.proxies_in.iter().find(|of| !reach(of))?;
                Some((blind, Some(gateway.resource.id)))
            });
        }
        let mut on_mesh = Hidden::new();
        if it.is_for_mesh() {
            // To who does not see the host of the routes as a service, they are nothing.
            let sees = |of: &str| {
                let ids = it.hosts.iter().flat_map(|host| mesh.services.of_host(host));
                ids.map(|id| mesh.services.get(*id)).any(|own| own.visibility.reaches(Some(of)))
            };
            let takes =
                |of: &str| it.visibility.reaches(Some(of)) && sees(of) && rules(mesh, it, of);
            look_for(mesh, it, (&GatewayName::Mesh, &viewers), &mut on_mesh, |reach| {
                Some((clients.iter().copied().find(|of| !reach(of) && takes(of))?, None))
            });
        }
        let hidden = at_gateways.into_iter().chain(on_mesh);
        out.extend(hidden.filter_map(|(host, of)| report_host(&host, of)));
    });
    for (_, route) in mesh.http_routes.iter() {
        let hidden = hidden_at_gateways(mesh, route);
        out.extend(hidden.into_iter().filter_map(|(host, of)| report_host(&host, of)));
    }
}

/// The hosts that a route of the Gateway API leads to from a gateway whose proxies do not see them. They are where the Gateway is.
fn hidden_at_gateways<'m>(mesh: &'m Mesh<'_>, route: &'m HttpRoute<'_>) -> Hidden<'m> {
    let mut hidden = Hidden::new();
    let gateways = route.parents.iter().filter_map(|parent| match parent {
        Parent::Gateway { gateway, .. } => Some(gateway),
        Parent::Mesh(_) | Parent::Refused(_) | Parent::Foreign => None,
    });
    let gateways: Vec<_> = gateways.collect();
    for (backend, path, is_mirror) in led(route).filter(|_| !gateways.is_empty()) {
        let known = mesh.services.of_host(&backend.host);
        let known = || known.iter().map(|id| mesh.services.get(*id));
        let sees = |of: &str| known().any(|it| it.visibility.reaches(Some(of)));
        let mut blind = gateways.iter().filter(|it| !sees(&it.namespace));
        let (Some(service), Some(gateway)) = (known().next(), blind.next()) else { continue };
        let new = || OfHost {
            namespace: &gateway.namespace,
            gateway: Some(gateway.id),
            service,
            is_mirror,
            places: BTreeMap::new(),
        };
        let of = hidden.entry(backend.host.to_string()).or_insert_with(new);
        of.is_mirror &= is_mirror;
        of.places.insert(of.places.len(), Place::value(route.resource.id, path.field("name")));
    }
    hidden
}

/// By host, those that some proxies do not see.
type Hidden<'m> = BTreeMap<String, OfHost<'m>>;

struct OfHost<'m> {
    /// Where the proxies are.
    namespace: &'m str,
    /// The Gateway that is theirs; absent: they are clients in the mesh.
    gateway: Option<DocumentId>,
    service: &'m Service<'m>,
    /// Whether copies alone go there.
    is_mirror: bool,
    /// By their order.
    places: BTreeMap<usize, Place>,
}

/// Who does not see a host: a namespace, and the Gateway whose proxies are there.
type Blind<'m> = (&'m str, Option<DocumentId>);

/// The hosts that the routes for a gateway, or for the mesh, lead to. Of one that nobody sees `unknown-host` speaks. `find` tells who
/// does not see what `reach` knows.
fn look_for<'m, 'v>(
    mesh: &'m Mesh<'_>,
    it: &VirtualService<'_>,
    (user, viewers): (&GatewayName, &impl Deref<Target = Vec<&'v str>>),
    hidden: &mut Hidden<'m>,
    find: impl Fn(&dyn Fn(&str) -> bool) -> Option<Blind<'m>>,
) {
    let mut known: HashMap<Host, Option<(Blind<'m>, &'m Service<'m>)>> = HashMap::new();
    let blind_to = |host: &Host| {
        let known = mesh.services.of_host(host);
        let known = || known.iter().map(|id| mesh.services.get(*id));
        let service = known().next()?;
        let reach = |viewer: &str| known().any(|it| it.visibility.reaches(Some(viewer)));
        if known().any(|it| matches!(it.visibility, Visibility::Public))
            || !viewers.iter().any(|it| reach(it))
        {
            return None;
        }
        Some((find(&reach)?, service))
    };
    for (number, (destination, at)) in it.destinations().enumerate() {
        let is_led = || is_for(it, &at, user) && is_used(it, &at);
        let host = &destination.host;
        if mesh.services.of_host(host).is_empty() || !is_led() {
            continue;
        }
        let blind = *known.entry(Arc::clone(host)).or_insert_with(|| blind_to(host));
        let Some(((namespace, gateway), service)) = blind else { continue };
        let (is_mirror, places) = (true, BTreeMap::new());
        let new = || OfHost { namespace, gateway, service, is_mirror, places };
        let of = hidden.entry(host.to_string()).or_insert_with(new);
        of.is_mirror &= at.is_mirror();
        // Several gateways may use the same route.
        of.places.insert(number, Place::value(at.document, at.path().field("host")));
    }
}

/// Whether everybody who uses the routes may be led there: not of some callers alone, and not by a weight of nothing.
fn is_used(it: &VirtualService<'_>, at: &DestinationAt) -> bool {
    let Some(http) = it.http_at(at) else { return true };
    let is_of_some =
        |it: &HttpMatch| !it.source_labels.is_empty() || !it.source_namespace.is_empty();
    !http.spec.r#match.iter().any(is_of_some) && !is_idle(it, at)
}

fn report_host(host: &str, of: OfHost<'_>) -> Option<Diagnostic> {
    let OfHost { namespace, gateway, service, is_mirror, places } = of;
    let mut places = places.into_values();
    let message = match gateway {
        Some(_) => format!("the gateway does not see `{host}`"),
        None => {
            format!("clients in namespace `{namespace}` take the route and do not see `{host}`")
        }
    };
    let effect = match gateway {
        _ if is_mirror => "copies of requests that go there are lost",
        Some(_) => "requests that take the route at the gateway are answered with 503",
        None => "their requests that take the route are answered with 503",
    };
    let mut found = Diagnostic::new(&CHECK, places.next()?, message);
    if gateway.is_none() {
        // Who of them uses the routes nobody can tell.
        found.severity = Severity::Info;
    }
    let found = found
        .label(format!("hidden from namespace `{namespace}`"))
        .also(service.origin.place(), "this is not exported there");
    let found = match gateway {
        Some(gateway) => found.also(Place::resource(gateway), "its proxies are there"),
        None => found,
    };
    let help = match gateway {
        Some(_) => format!("add `{namespace}` to its `exportTo`"),
        None => format!("add `{namespace}` to its `exportTo`, or export the routes to fewer"),
    };
    Some(found.consequence(effect).help(help).and_here(places))
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
