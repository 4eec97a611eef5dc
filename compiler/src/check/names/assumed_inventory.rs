//! `assumed-inventory`: names that nobody can check, since the repository holds nothing of their sort.
//!
//! One finding for each sort of thing, at the first name of it.

use crate::check::{credential, inventory};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::Mesh;
use crate::resolve::route::{Backend, GatewayName, InvalidBackend, Parent, RefusedParent};

pub(super) static CHECK: Check =
    Check::lint("assumed-inventory", Severity::Info, include_str!("assumed_inventory.md"));

/// How many more names are pointed at.
const SHOWN_MAX: usize = 2;

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let has_none = |kind| !inventory::has_incomplete(mesh, kind);
    if !inventory::lists_services(mesh) && has_none("Service") {
        out.extend(report(hosts(mesh), "Services", "hosts"));
    }
    if !mesh.holdings.lists_secrets() && has_none("Secret") {
        let credentials = credential::servers(mesh).flat_map(|server| server.credentials);
        out.extend(report(credentials.map(|it| it.place).collect(), "Secrets", "secrets"));
    }
    if has_none("Gateway") {
        let what = match (inventory::lists_gateways(mesh), inventory::lists_api_gateways(mesh)) {
            (true, _) => "Gateways of the Gateway API",
            (false, true) => "Gateways of Istio",
            (false, false) => "Gateways",
        };
        out.extend(report(gateways(mesh), what, "gateways"));
    }
}

fn hosts(mesh: &Mesh<'_>) -> Vec<Place> {
    let destinations = mesh.virtual_services.iter().flat_map(|(_, it)| {
        // Where there are entries, what would be none is a Service.
        let is_assumed = |host: &str| {
            !inventory::lists_hosts(mesh)
                || (inventory::is_of_unseen_services(mesh, host)
                    && !inventory::has_host(mesh, host))
        };
        let assumed = it.destinations().filter(move |(to, _)| is_assumed(&to.host));
        assumed.map(|(_, at)| Place::value(at.document, at.path().field("host")))
    });
    let routes = mesh.http_routes.iter().map(|(_, it)| it);
    let routes = routes.flat_map(|it| {
        backends(mesh, it.resource.id, it.rules.iter().map(|rule| rule.backends.as_slice()))
    });
    let streams = mesh.stream_routes.iter();
    let streams =
        streams.flat_map(|it| backends(mesh, it.resource.id, it.rules.iter().map(Vec::as_slice)));
    let paths = mesh.ingresses.hosts().iter().flat_map(|it| &it.paths).map(|path| {
        let at = path.path().field("backend").field("service").field("name");
        Place::value(path.resource.id, at)
    });
    destinations.chain(routes).chain(streams).chain(paths).collect()
}

/// Of the backends of each rule those that nobody knows. What is no backend is told.
fn backends<'r>(
    mesh: &Mesh<'_>,
    document: DocumentId,
    rules: impl Iterator<Item = &'r [Backend]>,
) -> Vec<Place> {
    let at = FieldPath::default().field("spec").field("rules");
    let all = rules.enumerate().flat_map(|(rule, backends)| {
        let at = at.clone().index(rule).field("backendRefs");
        let assumed = backends.iter().enumerate().filter(|(_, it)| {
            matches!(it.fault, None | Some(InvalidBackend::NotFound | InvalidBackend::NoPort))
                && !inventory::has_host(mesh, &it.host)
        });
        assumed.map(move |(index, _)| Place::value(document, at.clone().index(index).field("name")))
    });
    all.collect()
}

/// Names of Gateways, of Istio and of the Gateway API, where there are none.
fn gateways(mesh: &Mesh<'_>) -> Vec<Place> {
    let named = mesh.virtual_services.iter().flat_map(|(_, it)| {
        let names = it.gateways.iter().enumerate();
        let names = names.filter(|(_, name)| match name {
            GatewayName::Named(name) => !is_api_gateway(mesh, name),
            GatewayName::Mesh => false,
        });
        let at = FieldPath::default().field("spec").field("gateways");
        names.map(move |(index, _)| Place::value(it.resource.id, at.clone().index(index)))
    });
    let of_requests = mesh.http_routes.iter().map(|(_, it)| (it.resource.id, &it.parents));
    let of_streams = mesh.stream_routes.iter().map(|it| (it.resource.id, &it.parents));
    let parents = of_requests.chain(of_streams).flat_map(|(document, parents)| {
        let at = FieldPath::default().field("spec").field("parentRefs");
        let parents = parents.iter().enumerate().filter(|(_, parent)| is_gateway(parent));
        parents.map(move |(index, _)| Place::value(document, at.clone().index(index).field("name")))
    });
    let mut all = Vec::new();
    if !inventory::lists_gateways(mesh) {
        all.extend(named);
    }
    if !inventory::lists_api_gateways(mesh) {
        all.extend(parents);
    }
    all
}

/// Whether it is one of the other API's, to which no VirtualService binds.
fn is_api_gateway(mesh: &Mesh<'_>, name: &str) -> bool {
    let parts = name.split_once('/');
    parts.is_some_and(|(namespace, name)| mesh.api_gateways.find(namespace, name).is_some())
}

fn is_gateway(parent: &Parent<'_>) -> bool {
    matches!(parent, Parent::Refused(RefusedParent::Missing { kind: "Gateway", .. }))
}

fn report(places: Vec<Place>, what: &str, field: &str) -> Option<Diagnostic> {
    let count = places.len();
    let mut places = places.into_iter();
    let first = places.next()?;
    let message = match count {
        1 => format!("the repository has no {what}, and a name of one is not checked"),
        _ => format!("the repository has no {what}, and {count} names of them are not checked"),
    };
    let found = Diagnostic::new(&CHECK, first, message)
        .label("taken on trust")
        .consequence("a name that is misspelt is not found until requests fail")
        .help(format!("name a dump of the cluster (`--context`), or list what exists in `inventory.{field}` of mesh.yaml"));
    Some(places.take(SHOWN_MAX).fold(found, |found, place| found.also(place, "this one too")))
}
