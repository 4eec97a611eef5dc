//! `conflicting-sidecars`: several `Sidecar`s select one workload.
//!
//! Source: Istio, `sidecar.SelectorAnalyzer`. A workload outside of sidecar mode is `ineffective-sidecar`'s.

use mesh_snapshot::object::Labels;

use crate::api::istio::Sidecar;
use crate::check::ambient::is_ambient;
use crate::check::overlap::{Overlap, overlaps};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("conflicting-sidecars", Severity::Error, include_str!("conflicting_sidecars.md"))
        .alias(&["IST0110"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let all = overlaps(mesh, &mesh.source.sidecars, labels);
    out.extend(all.iter().filter(|it| !is_ambient(it.workload)).map(report));
}

fn labels(spec: &Sidecar) -> Option<&Labels> {
    spec.workload_selector.as_ref().map(|it| &it.labels)
}

fn report(found: &Overlap<'_, '_, Sidecar>) -> Diagnostic {
    let Overlap { earlier, later, workload } = found;
    let selector = || FieldPath::default().field("spec").field("workloadSelector");
    let message = format!("two Sidecars select `{}`", workload.name());
    Diagnostic::new(&CHECK, Place::key(later.id, selector()), message)
        .label("and so does this")
        .also(Place::key(earlier.id, selector()), "this selects it")
        .also(Place::resource(workload.id), "this workload")
        .consequence(
            "one of the two holds for the workload as a whole, the older one; nothing is merged",
        )
        .help("put both into one resource, or let their selectors differ")
}
