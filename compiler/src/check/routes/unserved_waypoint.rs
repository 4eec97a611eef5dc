//! `unserved-waypoint`: a waypoint or an east-west gateway of an ambient mesh, which nobody here serves.
//!
//! Here every workload has a proxy of its own, and requests go from one to the other. Source: Istio, "Configure waypoint
//! proxies"; the labels `istio.io/use-waypoint` and `istio.io/use-waypoint-namespace`.

use std::collections::BTreeMap;

use crate::api::istio::TargetReference;
use crate::api::{Metadata, Resource};
use crate::check::inventory::in_namespace;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::gateway::{ApiGateway, Class};

pub(in crate::check) static CHECK: Check =
    Check::lint("unserved-waypoint", Severity::Warning, include_str!("unserved_waypoint.md"));

const USE: &str = "istio.io/use-waypoint";
const NAMESPACE: &str = "istio.io/use-waypoint-namespace";

/// How many users of a waypoint are pointed at.
const SHOWN_MAX: usize = 3;

/// Namespace and name of a waypoint → the labels that ask for it.
type Users<'m> = BTreeMap<(&'m str, &'m str), Vec<Place>>;

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let mut users = users(mesh);
    for gateway in mesh.api_gateways.iter() {
        let name = (gateway.resource.namespace.as_str(), gateway.resource.name());
        let own = users.remove(&name).unwrap_or_default();
        match gateway.class {
            Class::Waypoint => out.push(waypoint(gateway, &own)),
            Class::EastWest => out.push(east_west(gateway)),
            Class::Mesh | Class::Remote | Class::Foreign | Class::Unknown => {}
        }
    }
    for ((namespace, name), places) in users {
        let Some((first, others)) = places.split_first() else { continue };
        let message = format!("the waypoint `{name}` of namespace `{namespace}` is not used");
        let found = Diagnostic::new(&CHECK, first.clone(), message)
            .label("no waypoint is served here")
            .consequence(CONSEQUENCE)
            .help("remove the label");
        out.push(also(found, others));
    }
}

/// Whether of what a policy of `namespace` targets it is said here that nobody serves its waypoint.
pub(super) fn tells_of(mesh: &Mesh<'_>, namespace: &str, target: &TargetReference) -> bool {
    let mut waypoints = mesh.api_gateways.iter().filter(|it| it.class == Class::Waypoint);
    if target.kind == "GatewayClass" {
        // Only the root namespace speaks of a class.
        return namespace == mesh.settings.root_namespace && waypoints.next().is_some();
    }
    let asks = |metadata: &Metadata| asked(metadata).is_some();
    let source = mesh.source;
    let is_target = |kind: &str, name: &str| target.kind == kind && target.name == name;
    let services = in_namespace(&source.services, namespace).iter();
    let entries = in_namespace(&source.service_entries, namespace).iter();
    waypoints.any(|it| it.resource.namespace == namespace)
        || mesh.namespaces.find(namespace).is_some_and(|it| asks(&it.metadata))
        || services.into_iter().any(|it| is_target("Service", it.name()) && asks(&it.metadata))
        || entries.into_iter().any(|it| is_target("ServiceEntry", it.name()) && asks(&it.metadata))
}

/// The waypoint that is asked for.
fn asked(metadata: &Metadata) -> Option<&String> {
    metadata.labels.get(USE).filter(|name| !name.is_empty() && *name != "none")
}

const CONSEQUENCE: &str = "requests go straight to the workloads' own proxies: policies whose `targetRefs` name the waypoint are enforced by nobody";

fn users<'m>(mesh: &'m Mesh<'_>) -> Users<'m> {
    let mut users = Users::new();
    let source = mesh.source;
    for it in &source.namespaces {
        add(it, it.name(), &mut users);
    }
    for it in &source.services {
        add(it, &it.namespace, &mut users);
    }
    for it in &source.service_entries {
        add(it, &it.namespace, &mut users);
    }
    users
}

fn add<'m, T>(resource: &'m Resource<T>, own: &'m str, users: &mut Users<'m>) {
    let Some(name) = asked(&resource.metadata) else { return };
    let namespace = resource.metadata.labels.get(NAMESPACE).map_or(own, String::as_str);
    let path = FieldPath::default().field("metadata").field("labels").field(USE);
    users.entry((namespace, name)).or_default().push(Place::value(resource.id, path));
}

fn waypoint(gateway: &ApiGateway<'_>, users: &[Place]) -> Diagnostic {
    let message = format!("the waypoint `{}` is not served", gateway.resource.name());
    let found = Diagnostic::new(&CHECK, class_of(gateway), message)
        .label("nothing listens for it")
        .consequence(CONSEQUENCE)
        .help("select workloads in such policies instead, and remove the waypoint");
    also(found, users)
}

fn east_west(gateway: &ApiGateway<'_>) -> Diagnostic {
    let message = format!("the east-west gateway `{}` is not served", gateway.resource.name());
    Diagnostic::new(&CHECK, class_of(gateway), message)
        .label("nothing listens for it")
        .consequence("other networks reach no workload through it, and its routes are not used")
        .help("write a Gateway of class `istio` with a listener for TLS that passes through")
}

fn class_of(gateway: &ApiGateway<'_>) -> Place {
    let path = FieldPath::default().field("spec").field("gatewayClassName");
    Place::value(gateway.resource.id, path)
}

fn also(found: Diagnostic, users: &[Place]) -> Diagnostic {
    let shown = users.iter().take(SHOWN_MAX);
    shown.fold(found, |found, place| found.also(place.clone(), "asks for it"))
}
