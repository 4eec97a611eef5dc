//! `several-default-telemetries`: a namespace has several `Telemetry`s for all of its workloads.
//!
//! One with `targetRefs` is for what these name. Source: Istio, `telemetry.DefaultSelectorAnalyzer`.

use crate::api::istio::{Attached, Telemetry};
use crate::check::overlap::several;
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check = Check::lint(
    "several-default-telemetries",
    Severity::Error,
    include_str!("several_default_telemetries.md"),
)
.alias(&["IST0160"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for all in several(&mesh.source.telemetries, is_for_all) {
        let mut all = all.into_iter();
        let (Some(first), Some(second)) = (all.next(), all.next()) else { continue };
        let message =
            format!("namespace `{}` has several Telemetries for all workloads", first.namespace);
        let found = Diagnostic::new(&CHECK, Place::resource(second.id), message)
            .label("selects no workloads in particular")
            .also(Place::resource(first.id), "nor does this")
            .consequence("they are put together by their ages: which setting holds may change when one of them is made anew")
            .help("put all into one resource, or give the others a `selector`");
        out.push(all.fold(found, |found, other| found.also(Place::resource(other.id), "nor this")));
    }
}

fn is_for_all(spec: &Telemetry) -> bool {
    spec.selector.is_none() && !spec.attachment().is_targeted()
}
