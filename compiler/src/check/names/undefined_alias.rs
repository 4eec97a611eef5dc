//! `undefined-alias`: a route leads to a Service that stands for a host (`ExternalName`), and the mesh knows nothing of that host.
//!
//! Whoever asks for such a Service by its name is told another name by DNS; a route does not ask, and needs what the host is served by.
//! Source: Istio, `ENABLE_EXTERNAL_NAME_ALIAS`.

use std::collections::BTreeMap;

use crate::check::inventory;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::host::Host;
use crate::resolve::route::Parent;
use crate::resolve::service::Service;

pub(super) static CHECK: Check =
    Check::lint("undefined-alias", Severity::Warning, include_str!("undefined_alias.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    // Most repositories have none, and then no route is looked at.
    if !mesh.services.iter().any(|(_, it)| it.alias.is_some()) {
        return;
    }
    let mut led: BTreeMap<Host, Vec<Place>> = BTreeMap::new();
    for (_, route) in mesh.virtual_services.iter() {
        for (destination, at) in route.destinations() {
            if undefined(mesh, &destination.host).is_some() {
                let place = Place::value(at.document, at.path().field("host"));
                led.entry(destination.host).or_default().push(place);
            }
        }
    }
    let is_foreign = |parent: &Parent<'_>| matches!(parent, Parent::Foreign);
    let routes = mesh.http_routes.iter().map(|(_, it)| it);
    for route in routes.filter(|it| !it.parents.iter().all(is_foreign)) {
        let rules = FieldPath::default().field("spec").field("rules");
        for (index, rule) in route.rules.iter().enumerate() {
            for (place, backend) in rule.backends.iter().enumerate() {
                if undefined(mesh, &backend.host).is_some() {
                    let path = rules.clone().index(index).field("backendRefs").index(place);
                    let place = Place::value(route.resource.id, path.field("name"));
                    led.entry(backend.host.clone()).or_default().push(place);
                }
            }
        }
    }
    for (host, places) in led {
        let mut places = places.into_iter();
        let (Some(first), Some((service, target))) = (places.next(), undefined(mesh, &host)) else {
            continue;
        };
        let message = format!("`{host}` stands for `{target}`, which is no host of the mesh");
        out.push(
            Diagnostic::new(&CHECK, first, message)
                .label("leads to nothing")
                .also(service.origin.place(), "this Service is another name alone")
                .consequence("requests that take the route are answered with 503")
                .help(format!("add a ServiceEntry for `{target}`"))
                .and_here(places),
        );
    }
}

/// The Service that stands for a host of which nothing is known, and that host.
fn undefined<'m>(mesh: &'m Mesh<'_>, host: &Host) -> Option<(&'m Service<'m>, &'m Host)> {
    let alias = |host: &Host| match mesh.services.of_host(host) {
        [id] => mesh.services.get(*id).alias.as_ref().map(|alias| (mesh.services.get(*id), alias)),
        _ => None,
    };
    let (service, mut target) = alias(host)?;
    // A chain of aliases that is longer than this is a loop.
    for _ in 0..8 {
        match alias(target) {
            Some((_, next)) => target = next,
            None => break,
        }
    }
    // What is within a wildcard stands for nothing by itself.
    let is_defined = !mesh.services.of_host(target).is_empty() && alias(target).is_none();
    let is_known = is_defined
        || inventory::may_have_host(mesh, target)
        || inventory::is_of_unseen_services(mesh, target);
    (!is_known).then_some((service, target))
}
