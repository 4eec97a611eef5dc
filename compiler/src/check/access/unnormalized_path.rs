//! `unnormalized-path`: a policy keeps requests out by their paths, and a path has spellings that the mesh does not undo.
//!
//! `//admin` and `/x%2Fadmin` are other texts than `/admin` and `/x/admin`, and many applications serve all of them alike. A policy
//! is told of for which there is such a request, which the finding shows. Sources: Istio, "Security best practices: customize your
//! system on path normalization"; CVE-2021-31920.

use std::cell::OnceCell;

use mesh_engine::path::normalize_path;
use mesh_snapshot::object::PathNormalization;

use crate::check::barred::{Barred, Values};
use crate::check::kept::apart;
use crate::check::matching::form::Form;
use crate::check::operation::{self, PATHS, keeping_out};
use crate::check::policy_value::is_path_within;
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;

pub(in crate::check) static CHECK: Check =
    Check::lint("unnormalized-path", Severity::Warning, include_str!("unnormalized_path.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let mode = mesh.settings.path_normalization;
    if !matches!(mode, PathNormalization::None | PathNormalization::Base) {
        return;
    }
    let by_root = OnceCell::new();
    apart::authorization_policies_by_namespace(mesh, out, |all, out| {
        let barred = Barred::of(&all, &by_root, &PATHS);
        for policy in all.own {
            let Ok(scope) = &policy.scope else { continue };
            let may_pass = |sent: &str| barred.lets_pass(scope, sent);
            let lists = keeping_out(policy.resource, &PATHS);
            let mut gaps = lists.filter_map(|operation::Values { all, at, .. }| {
                let kept_out = Values::of(all, &PATHS);
                let gap = all.iter().find_map(|path| gap(path, &kept_out, mode, may_pass))?;
                Some((gap, Place::key(policy.resource.id, at)))
            });
            if let Some((gap, first)) = gaps.next() {
                out.push(report(&gap, first).and_here(gaps.map(|(_, place)| place)));
            }
        }
    });
}

/// A path that is kept out, and another spelling of it that is not.
struct Gap {
    kept_out: String,
    spelling: String,
}

/// A way past all of `paths`, for what one of them keeps out, that others let pass, too.
fn gap(
    path: &str,
    paths: &Values,
    mode: PathNormalization,
    may_pass: impl Fn(&str) -> bool,
) -> Option<Gap> {
    let kept_out = example(path);
    // What no request has anyway is not kept out: `policy-never-matches` says so.
    let is_normal = normalize_path(&kept_out, mode).is_ok_and(|normal| normal == kept_out);
    if !is_normal || !is_path_within(&kept_out, path) {
        return None;
    }
    let is_past = |spelling: &String| {
        let seen = normalize_path(spelling, mode);
        seen.is_ok_and(|seen| !paths.take(&seen) && may_pass(&seen))
    };
    let spelling = spellings(&kept_out).find(is_past)?;
    Some(Gap { kept_out, spelling })
}

/// The shortest text that a pattern of paths stands for, or nearly.
fn example(pattern: &str) -> String {
    let filled = pattern.replace("{**}", "a").replace("{*}", "a");
    match Form::of_policy(&filled) {
        None => String::new(),
        Some(Form::Suffix(suffix)) => format!("/a{suffix}"),
        Some(form) => form.text().to_owned(),
    }
}

/// The same path with each of its slashes written otherwise. The first one cannot be escaped.
fn spellings(path: &str) -> impl Iterator<Item = String> {
    let slashes = path.match_indices('/').map(|(at, _)| at);
    let written = slashes.flat_map(|at| [(at, "//"), (at, "%2F")]);
    written.filter(|it| *it != (0, "%2F")).map(|(at, slash)| {
        let (before, after) = path.split_at(at);
        format!("{before}{slash}{}", after.get(1..).unwrap_or_default())
    })
}

fn report(gap: &Gap, place: Place) -> Diagnostic {
    let Gap { kept_out, spelling } = gap;
    Diagnostic::new(&CHECK, place, "the paths can be written in other ways that the rule misses")
        .label("compared as text")
        .consequence(format!("a request for `{spelling}` goes past the rule for `{kept_out}`, and many applications serve it alike"))
        .help("set `pathNormalization.normalization: MERGE_SLASHES` or `DECODE_AND_MERGE_SLASHES` in the MeshConfig")
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::object::PathNormalization;

    use super::{PATHS, Values, gap};

    fn past(paths: &[&str]) -> Option<String> {
        let paths: Vec<String> = paths.iter().map(|&it| it.to_owned()).collect();
        let kept_out = Values::of(paths.iter(), &PATHS);
        let gap = |path: &String| gap(path, &kept_out, PathNormalization::Base, |_| true);
        paths.iter().find_map(gap).map(|it| it.spelling)
    }

    #[test]
    fn the_request_is_made_of_the_first_path_that_can_be_gone_past() {
        for (paths, spelling) in [
            (&["/a", "/b"][..], "//a"),
            (&["/a*"], "//a"),
            (&["/a/b", "//*"], "/a//b"),
            (&["*/secret"], "/a%2Fsecret"),
            (&["/a/{*}/b"], "//a/a/b"),
            (&["*.php", "*/x"], "/a%2Fx"),
            (&["/"], "//"),
        ] {
            assert_eq!(past(paths).as_deref(), Some(spelling), "{paths:?}");
        }
        for paths in [&["*"][..], &["/*"], &["*.php"], &["/*", "/a"]] {
            assert_eq!(past(paths), None, "{paths:?}");
        }
    }
}
