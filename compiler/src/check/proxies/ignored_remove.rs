//! `ignored-remove`: an `EnvoyFilter` removes what cannot be removed.
//!
//! Source: Istio, `envoyfilter.EnvoyPatchAnalyzer`; `EnvoyFilter.Patch.Operation`.

use super::ignored_add::is_ignored;
use crate::api::istio::PatchOperation;
use crate::check::envoy_patch;
use crate::diagnostic::{Check, Diagnostic, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("ignored-remove", Severity::Error, include_str!("ignored_remove.md"))
        .alias(&["IST0154"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (_, patches) in envoy_patch::all(mesh) {
        let ignored = patches.into_iter().filter(|it| is_ignored(it, PatchOperation::Remove));
        let message = "`REMOVE` does nothing to a route or a route configuration";
        let found = envoy_patch::report(&CHECK, ignored, message, "passed over");
        out.extend(found.map(|found| {
            found.consequence("Istio passes over the patch: requests take the route as before")
        }));
    }
}
