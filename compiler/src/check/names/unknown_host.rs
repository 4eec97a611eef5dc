//! `unknown-host`: a route leads to a host that nobody defines, or that is not exported to where the route is used.
//!
//! A destination within a wildcard of some `ServiceEntry` is taken to be one of its hosts, as Istio's analyzer does.
//! Sources: Istio, `VirtualService.http.route.destination.host`, `ServiceEntry.exportTo`; Gateway API, `HTTPBackendRef`.

use std::collections::{BTreeMap, HashMap};

use crate::check::kept::apart;
use crate::check::sight::{viewers, whom};
use crate::check::{inventory, suggestion};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::Mesh;
use crate::resolve::ingress;
use crate::resolve::route::{Backend, Destination, InvalidBackend, Parent, VirtualService};
use crate::resolve::service::ServiceId;

pub(in crate::check) static CHECK: Check =
    Check::lint("unknown-host", Severity::Error, include_str!("unknown_host.md"))
        .alias(&["IST0101", "KIA1101"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    if !inventory::lists_hosts(mesh) {
        return;
    }
    apart::written_virtual_services(mesh, out, |it, out| check_virtual_service(mesh, it, out));
    for (_, route) in mesh.http_routes.iter().filter(|(_, route)| !is_foreign(&route.parents)) {
        let effect = "requests that take the rule are answered with 500";
        let own = (route.resource.id, route.resource.namespace.as_str(), effect);
        let spec = FieldPath::default().field("spec");
        for (index, rule) in route.rules.iter().enumerate() {
            let at = spec.clone().field("rules").index(index);
            for (place, backend) in rule.backends.iter().enumerate() {
                let path = at.clone().field("backendRefs").index(place);
                check_backend(mesh, own, path, backend, out);
            }
            for (place, backend) in &rule.mirrors {
                let filter = at.clone().field("filters").index(*place);
                let path = filter.field("requestMirror").field("backendRef");
                check_backend(mesh, own, path, backend, out);
            }
        }
    }
    check_stream_routes(mesh, out);
    check_ingresses(mesh, out);
}

/// Whether others than the mesh serve a route.
fn is_foreign(parents: &[Parent<'_>]) -> bool {
    !parents.is_empty() && parents.iter().all(|parent| matches!(parent, Parent::Foreign))
}

fn check_stream_routes(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for route in mesh.stream_routes.iter().filter(|route| !is_foreign(&route.parents)) {
        let effect = "connections that take this way are closed";
        let own = (route.resource.id, route.resource.namespace.as_str(), effect);
        for (index, backends) in route.rules.iter().enumerate() {
            let rule = FieldPath::default().field("spec").field("rules").index(index);
            for (place, backend) in backends.iter().enumerate() {
                let path = rule.clone().field("backendRefs").index(place);
                check_backend(mesh, own, path, backend, out);
            }
        }
    }
}

/// A path leads to a Service of the Ingress's namespace.
fn check_ingresses(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for path in mesh.ingresses.hosts().iter().flat_map(|it| &it.paths) {
        let (host, effect) = match &path.backend {
            ingress::Backend::Port(host, _) => {
                (host, "requests that take the path are answered with 503")
            }
            ingress::Backend::UnknownPort(host, _) => (
                host,
                "the path is left out: its requests are answered by a shorter one, or with 404",
            ),
            ingress::Backend::NoService => continue,
        };
        if host.starts_with('.')
            || inventory::has_host(mesh, host)
            || inventory::is_of_unseen_services(mesh, host)
        {
            continue;
        }
        let at = path.path().field("backend").field("service").field("name");
        let place = Place::value(path.resource.id, at);
        out.push(describe_backend(mesh, place, host, &path.resource.namespace, effect));
    }
}

/// One finding for all the destinations with the same host.
fn check_virtual_service(mesh: &Mesh<'_>, it: &VirtualService<'_>, out: &mut Vec<Diagnostic>) {
    let mut unknown: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let viewers = viewers(mesh, it);
    let mut known = HashMap::new();
    for (destination, at) in it.destinations() {
        let is_seen = known
            .entry(destination.host.clone())
            .or_insert_with(|| is_seen(mesh, &viewers, &destination.host));
        if *is_seen {
            continue;
        }
        unknown.entry(destination.host.to_string()).or_default().push((destination, at));
    }
    for destinations in unknown.into_values() {
        let mut destinations = destinations.into_iter();
        let Some((first, at)) = destinations.next() else { continue };
        let place = Place::value(at.document, at.path().field("host"));
        let effect = if at.is_mirror() {
            "copies of requests that go there are lost"
        } else {
            "requests that take the route are answered with 503"
        };
        let found = describe(mesh, it, &first, place).consequence(effect);
        out.push(destinations.fold(found, |found, (_, at)| {
            found.also(Place::value(at.document, at.path().field("host")), "and here")
        }));
    }
}

fn describe(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    destination: &Destination<'_>,
    place: Place,
) -> Diagnostic {
    let (host, written) = (&destination.host, &destination.written.host);
    let namespace = it.namespace();
    // Nobody who uses the routes sees it, so the first of them stands for all.
    let viewer = viewers(mesh, it).first().copied().unwrap_or(namespace);
    let mut wider = mesh.services.ends.overlapping(host).into_iter();
    let own = mesh.services.of_host(host).first();
    if let Some(hidden) = own.or_else(|| wider.find_map(|it| mesh.services.of_host(it).first())) {
        let hidden = mesh.services.get(*hidden);
        let message = format!("`{written}` is not exported to namespace `{viewer}`");
        return Diagnostic::new(&CHECK, place, message)
            .label("not visible from here")
            .also(
                hidden.origin.place(),
                format!("this {} is for {}", hidden.origin.kind(), whom(hidden)),
            )
            .help(format!("add `{viewer}` to its `exportTo`"));
    }
    let near = suggestion::host(mesh, written, namespace);
    Diagnostic::new(&CHECK, place, format!("there is no host `{host}`"))
        .meant(near.as_deref(), "no Service and no ServiceEntry")
        .help(HELP)
}

const HELP: &str =
    "a host that exists outside of this repository goes into `inventory.hosts` of mesh.yaml";

/// Whether any of `viewers` sees the host, or a wildcard that it is within.
pub(super) fn is_seen(mesh: &Mesh<'_>, viewers: &[&str], host: &str) -> bool {
    let is_visible = |id: &ServiceId| {
        let visibility = &mesh.services.get(*id).visibility;
        viewers.iter().any(|viewer| visibility.reaches(Some(viewer)))
    };
    let known = mesh.services.of_host(host);
    if !known.is_empty() {
        return known.iter().any(is_visible);
    }
    let mut wider = mesh.services.ends.overlapping(host).into_iter();
    wider.any(|wide| mesh.services.of_host(wide).iter().any(is_visible))
        || inventory::may_have_host(mesh, host)
        || inventory::is_of_unseen_services(mesh, host)
}

/// A backend of a route, which is a document of a namespace and has that effect where the backend is none.
fn check_backend(
    mesh: &Mesh<'_>,
    (document, namespace, effect): (DocumentId, &str, &str),
    path: FieldPath,
    backend: &Backend,
    out: &mut Vec<Diagnostic>,
) {
    if backend.fault != Some(InvalidBackend::NotFound)
        || inventory::has_host(mesh, &backend.host)
        || inventory::is_of_unseen_services(mesh, &backend.host)
    {
        return;
    }
    let place = Place::value(document, path.field("name"));
    out.push(describe_backend(mesh, place, &backend.host, namespace, effect));
}

/// A Service that there is not, in a route of `own` namespace.
fn describe_backend(
    mesh: &Mesh<'_>,
    place: Place,
    host: &str,
    own: &str,
    effect: &str,
) -> Diagnostic {
    let (name, namespace) = match host.split('.').collect::<Vec<_>>().as_slice() {
        [name, namespace, ..] => (*name, *namespace),
        _ => (host, own),
    };
    let own = mesh.services.of_namespace(namespace).iter().map(|id| mesh.services.get(*id));
    let own = own.filter(|it| it.origin.is_kubernetes()).map(|it| it.origin.name());
    let near = crate::api::nearest(name, own);
    Diagnostic::new(&CHECK, place, format!("there is no host `{host}`"))
        .meant(near, format!("no such Service in namespace `{namespace}`"))
        .consequence(effect)
        .help(HELP)
}
