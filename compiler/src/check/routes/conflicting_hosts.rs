//! `conflicting-hosts`: several `VirtualService`s, or one and `HTTPRoute`s, route one host of the mesh for the same clients.
//!
//! On the mesh routes are not merged: one resource rules the host, and the others are as if they were not there. That a
//! narrower `exportTo` wins over a wider one is a rule, and no more than a warning. At a gateway routes are merged.
//! Source: Istio, `SelectVirtualServices`.

use std::collections::BTreeMap;

use crate::check::overlap::why_first;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::host::{is_wildcard, is_within};
use crate::resolve::route::{MergedHttp, Parent, VirtualService};
use crate::resolve::{Mesh, Ruler, Visibility};

pub(super) static CHECK: Check =
    Check::lint("conflicting-hosts", Severity::Error, include_str!("conflicting_hosts.md"))
        .alias(&["IST0109", "KIA1106"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let mut by_host: BTreeMap<&str, Vec<At<'_, '_>>> = BTreeMap::new();
    for (_, it) in mesh.virtual_services.iter().filter(|(_, it)| it.is_for_mesh()) {
        for (index, host) in it.hosts.iter().enumerate() {
            let all = by_host.entry(host).or_default();
            // That it stands there twice is told.
            if all.last().is_none_or(|(last, _)| last.resource.id != it.resource.id) {
                all.push((it, index));
            }
        }
    }
    for (host, all) in &by_host {
        // From the oldest on.
        for (position, (loser, at)) in all.iter().enumerate() {
            let earlier = all.iter().take(position);
            let mut earlier = earlier.filter(|(it, _)| it.resource.id != loser.resource.id);
            let winner = earlier.find(|(it, _)| meets(&it.visibility, &loser.visibility));
            if let Some((winner, first)) = winner {
                out.push(report(host, (winner, *first), (loser, *at)));
            }
        }
    }
    check_overruled(&by_host, out);
    for host in mesh.http_routes.mesh_hosts() {
        let all = by_host.get(&**host).map_or(&[][..], Vec::as_slice);
        let is_public = |it: &&At<'_, '_>| it.0.visibility == Visibility::Public;
        let has_http = |it: &&At<'_, '_>| it.0.http.iter().any(MergedHttp::is_for_mesh);
        if let Some(own) = all.iter().filter(is_public).find(has_http) {
            out.extend(check_routes(mesh, host, *own));
        }
    }
}

/// A host's `VirtualService` for everybody, beside the `HTTPRoute`s of the host's namespace. Those of others are for them alone.
fn check_routes(mesh: &Mesh<'_>, host: &str, own: At<'_, '_>) -> Option<Diagnostic> {
    let namespace = mesh.services.get(*mesh.services.of_host(host).first()?).namespace;
    let attached = mesh.http_routes.of_mesh_host(host).find(|(of, _)| *of == namespace);
    let routes = attached.into_iter().flat_map(|(_, all)| all);
    let routes = routes.map(|(id, _)| mesh.http_routes.get(*id));
    let route = routes.min_by_key(|route| route.age)?;
    let parent = route.parents.iter().position(|it| match it {
        Parent::Mesh(parent) => parent.hosts.iter().any(|it| **it == *host),
        _ => false,
    });
    let path = FieldPath::default().field("spec").field("parentRefs").index(parent?);
    let parent = Place::value(route.resource.id, path);
    let one = route.resource.spec.kind.with_article();
    let message = format!("`{host}` is routed by a VirtualService and {one}");
    let found = match mesh.rulers.of_host(host, Some(namespace), None, |_| true)? {
        Ruler::HttpRoutes(_) => Diagnostic::new(&CHECK, place(own), message)
            .label("these routes are not used")
            .also(parent, format!("this one rules: {}", why_first(&route.age, &own.0.age)))
            .consequence("no request inside of the mesh takes the routes of the VirtualService"),
        Ruler::VirtualService(_) => {
            let reason = why_first(&own.0.age, &route.age);
            let rules = format!("this one rules elsewhere: {reason}");
            Diagnostic::new(&CHECK, parent, message)
                .label(format!("these routes are for clients of `{namespace}` alone"))
                .also(place(own), rules)
                .consequence(
                    "requests for one host take different routes, by the namespace of the client",
                )
        }
    };
    Some(found.help("put all routes of the host into resources of one kind"))
}

/// A `VirtualService`, and the place of one of its hosts.
type At<'m, 'a> = (&'m VirtualService<'a>, usize);

/// Whether for some client neither is narrower than the other.
fn meets(a: &Visibility<'_>, b: &Visibility<'_>) -> bool {
    match (a, b) {
        (Visibility::Public, Visibility::Public) => true,
        (Visibility::Namespaces(a), Visibility::Namespaces(b)) => !a.is_disjoint(b),
        _ => false,
    }
}

/// What is for some namespaces there overrules what is for all. Istio's analyzer calls that a conflict, since it is as
/// often an accident; a name that is within another one's wildcard is enough for it.
fn check_overruled(by_host: &BTreeMap<&str, Vec<At<'_, '_>>>, out: &mut Vec<Diagnostic>) {
    let is_public = |it: &&At<'_, '_>| it.0.visibility == Visibility::Public;
    let is_narrow = |it: &&At<'_, '_>| matches!(it.0.visibility, Visibility::Namespaces(_));
    let wildcards: Vec<_> = by_host
        .iter()
        .filter(|(host, _)| is_wildcard(host))
        .filter_map(|(host, all)| Some((*host, *all.iter().find(is_public)?)))
        .collect();
    for (host, all) in by_host {
        for narrow in all.iter().filter(is_narrow) {
            let same = all.iter().find(is_public).map(|it| (*host, *it));
            let wider = || wildcards.iter().find(|(wide, _)| is_within(host, wide)).copied();
            if let Some((wide, other)) = same.or_else(wider) {
                out.push(overruled(host, *narrow, wide, other));
            }
        }
    }
}

fn overruled(host: &str, narrow: At<'_, '_>, wide: &str, other: At<'_, '_>) -> Diagnostic {
    let message = format!("routes of `{host}` that are for all do not hold for some namespaces");
    let mut found = Diagnostic::new(&CHECK, place(narrow), message)
        .label("these routes hold there, by `exportTo`")
        .also(place(other), format!("and these of `{wide}` hold elsewhere"))
        .consequence("requests for one host take different routes, by the namespace of the client")
        .help("keep all routes of the host in one resource, unless this is meant");
    // It is decided, other than between equals.
    found.severity = Severity::Warning;
    found
}

fn place((it, index): At<'_, '_>) -> Place {
    let path = FieldPath::default().field("spec").field("hosts").index(index);
    Place::value(it.resource.id, path)
}

fn report(host: &str, winner: At<'_, '_>, loser: At<'_, '_>) -> Diagnostic {
    let reason = why_first(&winner.0.age, &loser.0.age);
    Diagnostic::new(&CHECK, place(loser), format!("`{host}` is routed by two VirtualServices"))
        .label("these routes are not used")
        .also(place(winner), format!("this one rules: {reason}"))
        .consequence("no request inside of the mesh takes the routes of the second one")
        .help("put all routes of the host into one resource, or let the other one be its delegate")
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    /// Where something is found of a host's `VirtualService` and of an `HTTPRoute` of these names, with more of each.
    fn found(own: &str, (route, namespace): (&str, &str), more: &str) -> Vec<String> {
        let folder = Folder::new();
        let service = "apiVersion: v1\nkind: Service\nmetadata: {name: shop, namespace: shop}\nspec: {ports: [{name: http, port: 80}]}\n";
        folder.write("a.yaml", service);
        folder.write("own.yaml", format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: {own}, namespace: shop}}\nspec: {{hosts: [shop], {more}: [{{route: [{{destination: {{host: shop}}}}]}}]}}\n"
        ));
        folder.write("route.yaml", format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: {route}, namespace: {namespace}}}\nspec: {{parentRefs: [{{group: '', kind: Service, name: shop, namespace: shop}}], rules: [{{backendRefs: [{{name: shop, namespace: shop, port: 80}}]}}]}}\n"
        ));
        let found = findings(folder.path());
        let of_check = found.iter().filter(|it| it.check == &CHECK);
        of_check.map(|it| it.primary.resource.as_deref().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn the_loser_of_both_kinds_is_told() {
        let [of_virtual_service] = &*found("b", ("a", "shop"), "http") else { panic!() };
        let [of_route] = &*found("a", ("b", "shop"), "http") else { panic!() };
        assert!(of_virtual_service.contains("VirtualService"), "{of_virtual_service}");
        assert!(of_route.contains("HTTPRoute"), "{of_route}");
        assert!(found("b", ("a", "web"), "http").is_empty(), "for its own clients alone");
        assert!(found("b", ("a", "shop"), "exportTo: ['.'], http").is_empty());
        assert!(found("b", ("a", "shop"), "tcp").is_empty());
    }
}
