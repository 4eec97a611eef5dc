//! `ignored-add`: an `EnvoyFilter` adds to where nothing can be added.
//!
//! Source: Istio, `envoyfilter.EnvoyPatchAnalyzer`; `EnvoyFilter.Patch.Operation`.

use crate::api::istio::{ApplyTo, PatchOperation};
use crate::check::envoy_patch::{self, At};
use crate::diagnostic::{Check, Diagnostic, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("ignored-add", Severity::Error, include_str!("ignored_add.md")).alias(&["IST0153"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (_, patches) in envoy_patch::all(mesh) {
        let ignored = patches.into_iter().filter(|it| is_ignored(it, PatchOperation::Add));
        let message = "`ADD` does nothing to a route or a route configuration";
        let found = envoy_patch::report(&CHECK, ignored, message, "passed over");
        out.extend(found.map(|found| {
            found.consequence("Istio passes over the patch: what it should add is not there").help(
                "use `MERGE` to change a route, or `INSERT_FIRST` to put one before the others",
            )
        }));
    }
}

/// Whether `operation` is one that routes do not know.
pub(super) fn is_ignored(patch: &At<'_>, operation: PatchOperation) -> bool {
    patch.patch.operation == operation
        && matches!(patch.config.apply_to, ApplyTo::RouteConfiguration | ApplyTo::HttpRoute)
}
