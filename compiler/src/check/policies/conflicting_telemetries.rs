//! `conflicting-telemetries`: several `Telemetry`s select one workload.
//!
//! Source: Istio, `telemetry.SelectorAnalyzer`.

use mesh_snapshot::object::Labels;

use crate::api::istio::Telemetry;
use crate::check::overlap::{Overlap, overlaps};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check = Check::lint(
    "conflicting-telemetries",
    Severity::Error,
    include_str!("conflicting_telemetries.md"),
)
.alias(&["IST0159"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    out.extend(overlaps(mesh, &mesh.source.telemetries, labels).iter().map(report));
}

fn labels(spec: &Telemetry) -> Option<&Labels> {
    spec.selector.as_ref().map(|it| &it.match_labels)
}

fn report(found: &Overlap<'_, '_, Telemetry>) -> Diagnostic {
    let Overlap { earlier, later, workload } = found;
    let selector = || FieldPath::default().field("spec").field("selector");
    let message = format!("two Telemetries select `{}`", workload.name());
    Diagnostic::new(&CHECK, Place::key(later.id, selector()), message)
        .label("and so does this")
        .also(Place::key(earlier.id, selector()), "this selects it")
        .also(Place::resource(workload.id), "this workload")
        .consequence("they are put together by their ages: which setting holds may change when one of them is made anew")
        .help("put both into one resource, or let their selectors differ")
}
