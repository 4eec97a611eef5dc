//! `unnormalized-path`: a policy keeps requests out by their paths, and a path has spellings that the mesh does not undo.
//!
//! `//admin` and `/%2Fadmin` are other texts than `/admin`, and many applications serve all of them alike. Sources: Istio,
//! "Security best practices: customize your system on path normalization"; CVE-2021-31920.

use mesh_snapshot::object::PathNormalization;

use super::operation::operations;
use crate::api::istio::{Action, Operation};
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("unnormalized-path", Severity::Warning, include_str!("unnormalized_path.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let is_loose = matches!(
        mesh.settings.path_normalization,
        PathNormalization::None | PathNormalization::Base
    );
    if !is_loose {
        return;
    }
    for policy in mesh.policies.authorization_policies.iter().filter(|it| it.scope.is_ok()) {
        let action = policy.resource.spec.action;
        let mut places = operations(policy.resource).filter_map(|(operation, at)| {
            let field = keeps_out(operation, action)?;
            Some(Place::key(policy.resource.id, at.field(field)))
        });
        if let Some(first) = places.next() {
            out.push(report(first).and_here(places));
        }
    }
}

/// The field that keeps somebody out as long as the path is written as it says.
fn keeps_out(operation: &Operation, action: Action) -> Option<&'static str> {
    let is_named = |paths: &[String]| paths.iter().any(|path| path != "*");
    match action {
        Action::Deny if is_named(&operation.paths) => Some("paths"),
        Action::Allow if is_named(&operation.not_paths) => Some("notPaths"),
        _ => None,
    }
}

fn report(place: Place) -> Diagnostic {
    Diagnostic::new(&CHECK, place, "the paths can be written in other ways that the rule misses")
        .label("compared as text")
        .consequence("a request for `//admin` or `/x%2Fadmin` goes past a rule for `/admin`")
        .help("set `pathNormalization.normalization: MERGE_SLASHES` or `DECODE_AND_MERGE_SLASHES` in the MeshConfig")
}
