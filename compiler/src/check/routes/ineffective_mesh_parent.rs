//! `ineffective-mesh-parent`: a route on a Service says something that holds at Gateways alone.
//!
//! Source: Gateway API, `HTTPRoute.hostnames` ("ignored" for routes of a mesh, GEP-1294); Istio, which knows a Service's ports by
//! `port` alone.

use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::route::Parent;

pub(super) static CHECK: Check = Check::lint(
    "ineffective-mesh-parent",
    Severity::Warning,
    include_str!("ineffective_mesh_parent.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (_, route) in mesh.http_routes.iter() {
        let spec = FieldPath::default().field("spec");
        let id = route.resource.id;
        let is_mesh = |parent: &Parent<'_>| matches!(parent, Parent::Mesh(_));
        let names = &route.resource.spec.hostnames;
        if !names.is_empty() && !route.parents.is_empty() && route.parents.iter().all(is_mesh) {
            let place = Place::key(id, spec.clone().field("hostnames"));
            out.push(
                Diagnostic::new(&CHECK, place, "a route on a Service has no names of its own")
                    .label("has no effect")
                    .also(Place::key(id, spec.clone().field("parentRefs")), "it is on a Service")
                    .consequence(
                        "the route is for every request to the Service, under whatever name",
                    )
                    .help("remove `hostnames`, or match the header `Host`"),
            );
        }
        let parents = route.parents.iter().zip(&route.resource.spec.parent_refs).enumerate();
        for (index, (_, reference)) in parents.filter(|(_, (parent, _))| is_mesh(parent)) {
            if reference.section_name.is_none() {
                continue;
            }
            let path = spec.clone().field("parentRefs").index(index).field("sectionName");
            let effect = match reference.port {
                Some(_) => "the route is for the port that `port` names",
                None => "the route is for every port of the Service",
            };
            out.push(
                Diagnostic::new(&CHECK, Place::value(id, path), "a Service has no sections")
                    .label("has no effect")
                    .consequence(effect)
                    .help("name one port with `port`"),
            );
        }
    }
}
