//! `unknown-grant-namespace`: a `ReferenceGrant` is for, or stands in, a namespace that there is not.
//!
//! Said where the repository declares namespaces, so that one which it does not know may be a mistake; a note, since grants are
//! often written before those who use them. Source: Gateway API, `ReferenceGrant`.

use crate::api::nearest;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(in crate::check) static CHECK: Check = Check::lint(
    "unknown-grant-namespace",
    Severity::Info,
    include_str!("unknown_grant_namespace.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    if !mesh.namespaces.are_declared() {
        return;
    }
    for grant in &mesh.source.reference_grants {
        if !mesh.namespaces.contains(&grant.namespace) {
            let path = FieldPath::default().field("metadata").field("namespace");
            let place = Place::value(grant.id, path);
            let effect = "there is nothing there that it could open";
            out.push(report(mesh, place, &grant.namespace, effect));
        }
        for (index, from) in grant.spec.from.iter().enumerate() {
            if mesh.namespaces.contains(&from.namespace) {
                continue;
            }
            let path = FieldPath::default().field("spec").field("from").index(index);
            let place = Place::value(grant.id, path.field("namespace"));
            let effect = "nobody is there whom it lets in; whoever makes the namespace is let in";
            out.push(report(mesh, place, &from.namespace, effect));
        }
    }
}

fn report(mesh: &Mesh<'_>, place: Place, name: &str, effect: &str) -> Diagnostic {
    let near = nearest(name, mesh.namespaces.names());
    Diagnostic::new(&CHECK, place, format!("there is no namespace `{name}`"))
        .meant(near, "no such namespace")
        .consequence(effect)
        .help("a namespace that exists outside of this repository goes into `inventory.namespaces` of mesh.yaml")
}
