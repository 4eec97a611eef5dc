//! `ineffective-sidecar`: a `Sidecar` is for workloads that have no sidecar, since they are in ambient mode.
//!
//! Source: Istio, `sidecar.SelectorAnalyzer`.

use crate::api::Resource;
use crate::api::istio::Sidecar;
use crate::check::ambient::{REDIRECTION, is_ambient, namespace_label};
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("ineffective-sidecar", Severity::Warning, include_str!("ineffective_sidecar.md"))
        .alias(&["IST0167"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for sidecar in &mesh.source.sidecars {
        let ambient = if is_for_all(&sidecar.spec) {
            namespace_label(mesh, &sidecar.namespace)
        } else {
            workload_annotation(mesh, sidecar)
        };
        let Some(place) = ambient else { continue };
        let message = format!("`{}` is for workloads that have no sidecar", sidecar.name());
        out.push(
            Diagnostic::new(&CHECK, Place::resource(sidecar.id), message)
                .label("has no effect")
                .also(place, "ambient mode")
                .consequence("the workloads see every host that is exported to them, as without it")
                .help("remove it, or take the workloads out of ambient mode"),
        );
    }
}

pub(super) fn is_for_all(spec: &Sidecar) -> bool {
    spec.workload_selector.as_ref().is_none_or(|it| it.labels.is_empty())
}

fn workload_annotation(mesh: &Mesh<'_>, sidecar: &Resource<Sidecar>) -> Option<Place> {
    let labels = &sidecar.spec.workload_selector.as_ref()?.labels;
    let selected = mesh.workloads.selected(Some(&sidecar.namespace), labels);
    let ambient = selected.into_iter().find(|it| is_ambient(it))?;
    Some(Place::value(ambient.id, ambient.annotations_path().field(REDIRECTION)))
}
