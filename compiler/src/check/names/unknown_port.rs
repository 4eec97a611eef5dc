//! `unknown-port`: a route leads to a port that its host does not have.
//!
//! Sources: Istio, `Destination.port`; Gateway API, `HTTPBackendRef.port`. It is the service's port that is named, never
//! that of its pods.

use mesh_snapshot::object::TargetPort;

use super::unknown_host::is_seen;
use crate::api::nearest;
use crate::check::alias::Alias;
use crate::check::kept::apart;
use crate::check::sight::viewers;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::host::lower;
use crate::resolve::ingress::Backend;
use crate::resolve::route::{HttpRoute, MeshParent, Parent};
use crate::resolve::service::Service;

pub(in crate::check) static CHECK: Check =
    Check::lint("unknown-port", Severity::Error, include_str!("unknown_port.md"))
        .alias(&["IST0101", "KIA1105"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    apart::written_virtual_services(mesh, out, |it, out| {
        for (destination, at) in it.destinations() {
            let Some(port) = destination.port else { continue };
            let place = || Place::value(at.document, at.path().field("port").field("number"));
            let found = check(mesh, &destination.host, port, place, ANSWERED_503);
            // Of a host that they do not see, `unknown-host` tells.
            out.extend(found.filter(|_| is_seen(mesh, &viewers(mesh, it), &destination.host)));
        }
    });
    for (_, route) in mesh.http_routes.iter() {
        check_parents(mesh, route, out);
        for (index, rule) in route.rules.iter().enumerate() {
            let at = FieldPath::default().field("spec").field("rules").index(index);
            for (backend, it) in rule.backends.iter().enumerate().filter(|(_, it)| it.port != 0) {
                let path = at.clone().field("backendRefs").index(backend).field("port");
                let place = || Place::value(route.resource.id, path);
                out.extend(check(mesh, &it.host, it.port, place, ANSWERED_500));
            }
        }
    }
    check_ingresses(mesh, out);
}

const ANSWERED_500: &str = "requests that take the route are answered with 500";
const ANSWERED_503: &str = "requests that take the route are answered with 503";

/// A route of the mesh may be for one port of a Service. Source: Gateway API, `ParentReference.port`, GEP-1426.
fn check_parents(mesh: &Mesh<'_>, route: &HttpRoute<'_>, out: &mut Vec<Diagnostic>) {
    for (index, parent) in route.parents.iter().enumerate() {
        let Parent::Mesh(MeshParent { hosts, port: Some(port), .. }) = parent else { continue };
        let Some(host) = hosts.first() else { continue };
        let path = FieldPath::default().field("spec").field("parentRefs").index(index);
        let place = || Place::value(route.resource.id, path.field("port"));
        let found = check(mesh, host, *port, place, "the route is not used here");
        out.extend(found.map(|mut found| {
            found.severity = Severity::Warning;
            found
        }));
    }
}

/// A path names a port of its Service, by number or by name.
fn check_ingresses(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for path in mesh.ingresses.hosts().iter().flat_map(|it| &it.paths) {
        let at = path.path().field("backend").field("service").field("port");
        let place = |field| Place::value(path.resource.id, at.clone().field(field));
        match &path.backend {
            Backend::Port(host, port) if *port != 0 => {
                out.extend(check(mesh, host, *port, || place("number"), ANSWERED_503));
            }
            Backend::UnknownPort(host, name) if !name.is_empty() => {
                out.extend(unknown_name(mesh, host, name, place("name")));
            }
            Backend::Port(..) | Backend::UnknownPort(..) | Backend::NoService => {}
        }
    }
}

fn unknown_name(mesh: &Mesh<'_>, host: &str, name: &str, place: Place) -> Option<Diagnostic> {
    let service = mesh.services.get(*mesh.services.of_host(host).first()?);
    let names = service.object.ports.iter().map(|port| port.name.as_str());
    let near = nearest(name, names.filter(|name| !name.is_empty()));
    let found = Diagnostic::new(&CHECK, place, format!("`{host}` has no port `{name}`"))
        .meant(near, "no such port")
        .also(service.origin.place(), ports(service))
        .consequence(
            "the path is left out: its requests are answered by a shorter one, or with 404",
        );
    Some(found)
}

fn check(
    mesh: &Mesh<'_>,
    host: &str,
    port: u16,
    place: impl FnOnce() -> Place,
    effect: &str,
) -> Option<Diagnostic> {
    let named = |host: &str| mesh.services.of_host(host).iter().map(|id| mesh.services.get(*id));
    let mut services: Vec<_> = named(host).collect();
    if services.is_empty() {
        // What is within a wildcard has the ports of the wildcard.
        let wider = mesh.services.ends.overlapping(host).into_iter();
        services = wider.flat_map(|wide| named(wide)).collect();
    }
    // An alias has the ports of what it stands for.
    let mut host = host;
    if let Some(alias) = Alias::of(mesh, &lower(host)) {
        services = alias.concrete(mesh);
        host = services.first().map_or(host, |it| &*it.host);
    }
    let has_port = |it: &&Service<'_>| it.object.ports.iter().any(|own| own.number == port);
    if services.iter().any(|it| it.alias.is_some() || has_port(it)) {
        return None;
    }
    let service = services.first()?;
    let near = meant(service, port).map(|number| number.to_string());
    let mut found = Diagnostic::new(&CHECK, place(), format!("`{host}` has no port {port}"))
        .meant(near.as_deref(), "no such port")
        .also(service.origin.place(), ports(service))
        .consequence(effect);
    for it in &services {
        let written = FieldPath::default().field("spec").field("ports");
        found = found.supposing(Place::value(it.origin.document(), written));
    }
    let targets = service.object.ports.iter().find(|it| it.target == TargetPort::Number(port));
    if let Some(own) = targets {
        let help = format!(
            "{port} is the port of the pods; routes name the service's, which is {}",
            own.number
        );
        found = found.help(help);
    }
    Some(found)
}

/// The port that leads to the pods' port of this number, or the only one there is.
fn meant(service: &Service<'_>, port: u16) -> Option<u16> {
    let ports = &service.object.ports;
    let by_target = ports.iter().find(|it| it.target == TargetPort::Number(port));
    let only = || if let [only] = ports.as_slice() { Some(only) } else { None };
    by_target.or_else(only).map(|it| it.number)
}

fn ports(service: &Service<'_>) -> String {
    let numbers: Vec<_> = service.object.ports.iter().map(|port| port.number.to_string()).collect();
    let kind = service.origin.kind();
    match numbers.as_slice() {
        [] => format!("this {kind} has no ports"),
        [one] => format!("this {kind} has port {one}"),
        several => format!("this {kind} has ports {}", several.join(", ")),
    }
}
