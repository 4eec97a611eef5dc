//! `ineffective-sidecar`: a `Sidecar` is for workloads that have no sidecar, since they are in ambient mode.
//!
//! Source: Istio, `sidecar.SelectorAnalyzer`.

use crate::api::Resource;
use crate::api::istio::Sidecar;
use crate::check::injection::{self, DATAPLANE_MODE, REVISION};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::{Mesh, Workload};

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

pub(in crate::check) fn is_for_all(spec: &Sidecar) -> bool {
    spec.workload_selector.as_ref().is_none_or(|it| it.labels.is_empty())
}

const REDIRECTION: &str = "ambient.istio.io/redirection";

/// Istio's CNI agent marks the pods that it has taken in.
pub(in crate::check) fn is_ambient(workload: &Workload<'_>) -> bool {
    workload.metadata.annotations.get(REDIRECTION).is_some_and(|it| it == "enabled")
}

pub(in crate::check) fn is_ambient_namespace(mesh: &Mesh<'_>, namespace: &str) -> bool {
    namespace_label(mesh, namespace).is_some()
}

/// Where a namespace says so. Injection outweighs it.
pub(in crate::check) fn namespace_label(mesh: &Mesh<'_>, name: &str) -> Option<Place> {
    let namespace = mesh.namespaces.find(name)?;
    let label = |name| injection::label(&namespace.metadata, name);
    let has_revision = label(REVISION).is_some_and(|revision| !revision.is_empty());
    if injection::is_enabled(namespace) || has_revision || label(DATAPLANE_MODE) != Some("ambient")
    {
        return None;
    }
    let labels = FieldPath::default().field("metadata").field("labels");
    Some(Place::value(namespace.id, labels.field(DATAPLANE_MODE)))
}

fn workload_annotation(mesh: &Mesh<'_>, sidecar: &Resource<Sidecar>) -> Option<Place> {
    let labels = &sidecar.spec.workload_selector.as_ref()?.labels;
    let selected = mesh.workloads.selected(Some(&sidecar.namespace), labels);
    let ambient = selected.into_iter().find(|it| is_ambient(it))?;
    Some(Place::value(ambient.id, ambient.annotations_path().field(REDIRECTION)))
}
