//! `unsupported-replace`: an `EnvoyFilter` replaces what can only be changed.
//!
//! Source: Istio, `envoyfilter.EnvoyPatchAnalyzer`; `EnvoyFilter.Patch.Operation`.

use crate::api::istio::{ApplyTo, PatchOperation};
use crate::check::envoy_patch::{self, At};
use crate::diagnostic::{Check, Diagnostic, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("unsupported-replace", Severity::Error, include_str!("unsupported_replace.md"))
        .alias(&["IST0152"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (_, patches) in envoy_patch::all(mesh) {
        let unsupported = patches.into_iter().filter(is_unsupported);
        let message = "`REPLACE` is for filters and virtual hosts alone";
        let found = envoy_patch::report(&CHECK, unsupported, message, "cannot be replaced");
        out.extend(found.map(|found| {
            found
                .consequence("Istio passes over the patch: what it should replace stays as it was")
                .help("use `MERGE` to change it in part")
        }));
    }
}

/// Whether a patch replaces something else than a filter or a virtual host.
pub(super) fn is_unsupported(patch: &At<'_>) -> bool {
    let is_replaceable = matches!(
        patch.config.apply_to,
        ApplyTo::NetworkFilter | ApplyTo::HttpFilter | ApplyTo::VirtualHost
    );
    patch.patch.operation == PatchOperation::Replace && !is_replaceable
}
