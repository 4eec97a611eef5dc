//! `unordered-patch`: a patch of an `EnvoyFilter` depends on what others have done, and the filter has no priority.
//!
//! Source: Istio, `envoyfilter.EnvoyPatchAnalyzer`. Patches after one for the same thing and some versions of proxies
//! alone are `unordered-patch-of-version`'s.

use std::collections::BTreeSet;

use super::ignored_add::is_ignored;
use super::unsupported_replace::is_unsupported;
use crate::api::istio::PatchOperation;
use crate::check::envoy_patch::{self, At};
use crate::diagnostic::{Check, Diagnostic, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("unordered-patch", Severity::Warning, include_str!("unordered_patch.md"))
        .alias(&["IST0151"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (plain, _) in unordered(mesh) {
        out.extend(report(&CHECK, plain, "may find nothing to change"));
    }
}

pub(super) fn report(
    check: &'static Check,
    patches: Vec<At<'_>>,
    label: &str,
) -> Option<Diagnostic> {
    let message =
        "the patch depends on what other EnvoyFilters have done, and nothing says when it comes";
    let found = envoy_patch::report(check, patches, message, label)?;
    let found = found.consequence(
        "where the filter that it looks for is not there yet, or no more, the patch does nothing and nobody is told",
    );
    Some(found.help("set `priority`, or use `INSERT_FIRST` or `ADD`, which depend on nothing"))
}

/// For each filter: patches without an order, and those of them that follow one for the same thing and some versions.
pub(super) fn unordered<'m>(mesh: &'m Mesh<'_>) -> Vec<(Vec<At<'m>>, Vec<At<'m>>)> {
    let mut versioned = BTreeSet::new();
    let mut all = Vec::new();
    for (_, patches) in envoy_patch::all(mesh) {
        let (mut plain, mut of_version) = (Vec::new(), Vec::new());
        for patch in patches {
            let subject = patch.subject();
            let subject = (subject.0.map(str::to_owned), subject.1.map(str::to_owned));
            let (is_unordered, is_for_version) = (is_unordered(&patch), patch.is_for_version());
            if is_unordered && versioned.contains(&subject) {
                of_version.push(patch);
            } else if is_unordered {
                plain.push(patch);
            }
            if is_for_version {
                versioned.insert(subject);
            }
        }
        all.push((plain, of_version));
    }
    all
}

/// Patches that are passed over anyway have faults of their own.
fn is_unordered(patch: &At<'_>) -> bool {
    patch.is_unordered() && !is_ignored(patch, PatchOperation::Remove) && !is_unsupported(patch)
}
