//! `several-default-sidecars`: a namespace has several `Sidecar`s for all of its workloads.
//!
//! Source: Istio, `sidecar.SelectorAnalyzer`. In a namespace outside of sidecar mode they are `ineffective-sidecar`'s.

use super::ineffective_sidecar::is_for_all;
use crate::check::ambient::is_ambient_namespace;
use crate::check::overlap::several;
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check = Check::lint(
    "several-default-sidecars",
    Severity::Error,
    include_str!("several_default_sidecars.md"),
)
.alias(&["IST0111"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for all in several(&mesh.source.sidecars, is_for_all) {
        let mut all = all.into_iter();
        let (Some(first), Some(second)) = (all.next(), all.next()) else { continue };
        if is_ambient_namespace(mesh, &first.namespace) {
            continue;
        }
        let message =
            format!("namespace `{}` has several Sidecars for all workloads", first.namespace);
        let found = Diagnostic::new(&CHECK, Place::resource(second.id), message)
            .label("selects no workloads in particular")
            .also(Place::resource(first.id), "nor does this")
            .consequence("one of them holds, the oldest; the others are as if they were not there")
            .help("keep one, and give the others a `workloadSelector`");
        out.push(all.fold(found, |found, other| found.also(Place::resource(other.id), "nor this")));
    }
}
