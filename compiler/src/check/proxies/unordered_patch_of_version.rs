//! `unordered-patch-of-version`: as `unordered-patch`, where patches for one thing are told apart by versions of proxies.
//!
//! Source: Istio, `envoyfilter.EnvoyPatchAnalyzer`.

use super::unordered_patch::{report, unordered};
use crate::diagnostic::{Check, Diagnostic, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check = Check::lint(
    "unordered-patch-of-version",
    Severity::Warning,
    include_str!("unordered_patch_of_version.md"),
)
.alias(&["IST0155"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (_, of_version) in unordered(mesh) {
        out.extend(report(
            &CHECK,
            of_version,
            "follows a patch for some versions of proxies alone",
        ));
    }
}
