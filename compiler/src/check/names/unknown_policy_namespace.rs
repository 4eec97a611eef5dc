//! `unknown-policy-namespace`: a policy stands in a namespace that there is not, and another one has nearly its name.
//!
//! Said where the repository declares namespaces. A namespace of another name may be another repository's.

use crate::api::{Resource, nearest};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(in crate::check) static CHECK: Check = Check::lint(
    "unknown-policy-namespace",
    Severity::Warning,
    include_str!("unknown_policy_namespace.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    if !mesh.namespaces.are_declared() {
        return;
    }
    let source = &mesh.source;
    out.extend(source.authorization_policies.iter().filter_map(|it| check(mesh, it)));
    out.extend(source.peer_authentications.iter().filter_map(|it| check(mesh, it)));
    out.extend(source.request_authentications.iter().filter_map(|it| check(mesh, it)));
}

fn check<T>(mesh: &Mesh<'_>, policy: &Resource<T>) -> Option<Diagnostic> {
    let name = policy.namespace.as_str();
    if mesh.namespaces.contains(name) {
        return None;
    }
    let near = nearest(name, mesh.namespaces.names())?;
    let path = FieldPath::default().field("metadata").field("namespace");
    let message = format!("there is no namespace `{name}`");
    let found = Diagnostic::new(&CHECK, Place::value(policy.id, path), message)
        .meant(Some(near), "no such namespace")
        .consequence("the policy is for nobody, and protects nothing");
    Some(found.help("a namespace that exists outside of this repository goes into `inventory.namespaces` of mesh.yaml"))
}
