//! Which pods Istio gives a proxy to, by what is written about it.
//!
//! Sources: Istio, "Installing the Sidecar", "Canary Upgrades"; the settings of the injector, which Istio keeps in a
//! `ConfigMap` a revision.

use serde_json::Value;

use crate::api::kubernetes::{ConfigMap, Namespace};
use crate::api::{Metadata, Resource};
use crate::resolve::{Mesh, Workload};

/// On namespaces: `enabled`, or anything else for no.
pub(super) const INJECTION: &str = "istio-injection";
/// On namespaces and pods: the control plane whose proxies they get.
pub(super) const REVISION: &str = "istio.io/rev";
/// On namespaces and pods: `ambient` for no proxy of their own.
pub(super) const DATAPLANE_MODE: &str = "istio.io/dataplane-mode";
/// On pods: `true` or `false`, which outweighs the namespace.
pub(super) const INJECT: &str = "sidecar.istio.io/inject";

pub(super) const PROXY: &str = "istio-proxy";

/// Namespaces of a cluster's own, which Istio does not look at.
const OF_CLUSTER: &[&str] =
    &["kube-system", "kube-public", "kube-node-lease", "local-path-storage"];

/// The namespaces in which applications may run.
pub(super) fn namespaces<'m>(mesh: &'m Mesh<'_>) -> impl Iterator<Item = &'m Resource<Namespace>> {
    let is_own = |name: &str| name != "istio-system" && !OF_CLUSTER.contains(&name);
    mesh.namespaces.declared().filter(move |namespace| is_own(namespace.name()))
}

pub(super) fn label<'m>(metadata: &'m Metadata, name: &str) -> Option<&'m str> {
    metadata.labels.get(name).map(String::as_str)
}

/// What a pod says of its injection by itself; the label outweighs the annotation of the same name.
pub(super) fn own_choice(metadata: &Metadata) -> Option<&str> {
    let annotation = metadata.annotations.get(INJECT).map(String::as_str);
    label(metadata, INJECT).or(annotation)
}

/// Whether pods of a namespace get a proxy where they say nothing, by `istio-injection`.
pub(super) fn is_enabled(namespace: &Resource<Namespace>) -> bool {
    label(&namespace.metadata, INJECTION) == Some("enabled")
}

/// Whether a workload's pods have a proxy, or get one. Source: Istio's analyzers, `DeploymentInMesh`, `PodInMesh`.
pub(super) fn is_meshed(mesh: &Mesh<'_>, workload: &Workload<'_>) -> bool {
    let has_proxy =
        workload.pod.containers.iter().any(|it| it.name == PROXY && !it.image.is_empty());
    let by_namespace = || {
        let mut declared = mesh.namespaces.declared();
        declared.any(|it| it.name() == workload.namespace() && is_enabled(it))
    };
    has_proxy || own_choice(workload.metadata).map_or_else(by_namespace, |choice| choice == "true")
}

/// The settings of the injector of a revision, and where they stand.
pub(super) fn settings<'m>(
    mesh: &'m Mesh<'_>,
    revision: Option<&str>,
) -> Option<(&'m Resource<ConfigMap>, Value)> {
    let name = match revision {
        None | Some("" | "default") => "istio-sidecar-injector".to_owned(),
        Some(revision) => format!("istio-sidecar-injector-{revision}"),
    };
    let found = mesh.source.config_maps.iter().find(|it| it.name() == name)?;
    let values = serde_json::from_str(&found.spec.injector_values).unwrap_or_default();
    Some((found, values))
}
