//! Which workloads are in ambient mode, and so without a proxy of their own.
//!
//! Source: Istio, "Add workloads to the mesh" of ambient mode.

use crate::check::injection::{self, DATAPLANE_MODE, REVISION};
use crate::diagnostic::{FieldPath, Place};
use crate::resolve::{Mesh, Workload};

pub(super) const REDIRECTION: &str = "ambient.istio.io/redirection";

/// Istio's CNI agent marks the pods that it has taken in.
pub(super) fn is_ambient(workload: &Workload<'_>) -> bool {
    workload.metadata.annotations.get(REDIRECTION).is_some_and(|it| it == "enabled")
}

pub(super) fn is_ambient_namespace(mesh: &Mesh<'_>, namespace: &str) -> bool {
    namespace_label(mesh, namespace).is_some()
}

/// Where a namespace says so. Injection outweighs it.
pub(super) fn namespace_label(mesh: &Mesh<'_>, name: &str) -> Option<Place> {
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
