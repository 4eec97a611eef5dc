//! Which pods Istio gives a proxy to, by what is written about it.
//!
//! Sources: Istio, "Installing the Sidecar", "Canary Upgrades"; the settings of the injector, which Istio keeps in a
//! `ConfigMap` a revision.

use std::collections::BTreeMap;

use mesh_snapshot::object::Role;
use serde_json::Value;

use crate::api::kubernetes::{ConfigMap, Namespace};
use crate::api::{Metadata, Resource};
use crate::check::ambient::is_ambient;
use crate::check::installation::injected_by_default;
pub(super) use crate::resolve::{DATAPLANE_MODE, INJECT, INJECTION, REVISION, own_choice};
use crate::resolve::{Mesh, Workload};

pub(super) const PROXY: &str = "istio-proxy";

/// Namespaces of a cluster's own, which Istio does not look at.
const OF_CLUSTER: &[&str] =
    &["kube-system", "kube-public", "kube-node-lease", "local-path-storage"];

/// Whether applications may run in a namespace.
pub(super) fn is_of_applications(name: &str) -> bool {
    name != "istio-system" && !OF_CLUSTER.contains(&name)
}

/// The namespaces in which applications may run.
pub(super) fn namespaces<'m>(mesh: &'m Mesh<'_>) -> impl Iterator<Item = &'m Resource<Namespace>> {
    mesh.namespaces.declared().filter(|namespace| is_of_applications(namespace.name()))
}

pub(super) fn label<'m>(metadata: &'m Metadata, name: &str) -> Option<&'m str> {
    metadata.labels.get(name).map(String::as_str)
}

/// Whether pods of a namespace get a proxy where they say nothing, by `istio-injection`.
pub(super) fn is_enabled(namespace: &Resource<Namespace>) -> bool {
    label(&namespace.metadata, INJECTION) == Some("enabled")
}

/// Whether a workload's pods have a proxy, or get one. Source: Istio's analyzers, `DeploymentInMesh`, `PodInMesh`.
pub(super) fn is_meshed(mesh: &Mesh<'_>, workload: &Workload<'_>) -> bool {
    let has_proxy =
        workload.pod.containers.iter().any(|it| it.name == PROXY && !it.image.0.is_empty());
    let by_namespace = || mesh.namespaces.find(workload.namespace()).is_some_and(is_enabled);
    has_proxy || own_choice(workload.metadata).map_or_else(by_namespace, |choice| choice == "true")
}

/// The same, of those that a control plane of some revision gives one, too.
pub(super) fn gets_proxy(mesh: &Mesh<'_>, workload: &Workload<'_>) -> bool {
    let by_revision = || mesh.namespaces.find(workload.namespace()).is_some_and(has_revision);
    is_meshed(mesh, workload) || (own_choice(workload.metadata).is_none() && by_revision())
}

/// Why pods of a workload get no proxy.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum WithoutProxy {
    /// They are on their node's network, which Istio never captures.
    HostNetwork,
    /// They say so by `sidecar.istio.io/inject`.
    Declined,
    /// Their namespace says so by `istio-injection`.
    Disabled,
    /// Their namespace says nothing, and others have injection.
    NotInjected,
}

impl WithoutProxy {
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::HostNetwork => "it is on its node's network",
            Self::Declined => "its pods decline one by `sidecar.istio.io/inject`",
            Self::Disabled => "its namespace says `istio-injection: disabled`",
            Self::NotInjected => "its namespace has no injection",
        }
    }
}

/// The workloads that Istio gives no proxy to, by `namespace/name`. Of a namespace that the repository does not declare
/// nothing is known, and where none has injection it is taken to be set up elsewhere.
pub(crate) fn without_proxy(mesh: &Mesh<'_>) -> BTreeMap<String, WithoutProxy> {
    let is_known = is_known(mesh);
    let all = mesh.workloads.iter().filter_map(|workload| {
        let why = why_without(mesh, workload).filter(|why| is_known(*why))?;
        Some((format!("{}/{}", workload.namespace(), workload.name()), why))
    });
    all.collect()
}

/// Whether pods of a namespace get no proxy that say nothing themselves.
pub(super) fn is_without_proxies(mesh: &Mesh<'_>, namespace: &str) -> bool {
    let namespace = mesh.namespaces.find(namespace);
    namespace.and_then(why_none_in).is_some_and(is_known(mesh))
}

/// Whether a reason is one: that nothing is said counts where others say something.
fn is_known(mesh: &Mesh<'_>) -> impl Fn(WithoutProxy) -> bool + use<> {
    let by_default = injected_by_default::setting(mesh).is_some();
    let is_used = by_default || namespaces(mesh).any(|it| is_enabled(it) || has_revision(it));
    move |why| why != WithoutProxy::NotInjected || (is_used && !by_default)
}

/// Whether it is on its node's network, which Istio never captures.
pub(super) fn is_on_node(workload: &Workload<'_>) -> bool {
    workload.pod.host_network && !runs_proxy(workload)
}

/// Whether a proxy is among its own containers, or all there is.
fn runs_proxy(workload: &Workload<'_>) -> bool {
    let mut containers = workload.pod.containers.iter().chain(&workload.pod.init_containers);
    workload.inventory.role == Role::Gateway || containers.any(|it| it.name == PROXY)
}

/// What is written of a workload; where nothing is, that counts only where others have injection.
pub(super) fn why_without(mesh: &Mesh<'_>, workload: &Workload<'_>) -> Option<WithoutProxy> {
    if runs_proxy(workload) {
        return None;
    }
    if is_on_node(workload) {
        return Some(WithoutProxy::HostNetwork);
    }
    match own_choice(workload.metadata) {
        Some(choice) if choice.eq_ignore_ascii_case("false") => {
            return Some(WithoutProxy::Declined);
        }
        Some("true") => return None,
        _ => {}
    }
    let is_captured = label(workload.metadata, REVISION).is_some() || is_ambient(workload);
    let namespace = mesh.namespaces.find(workload.namespace())?;
    why_none_in(namespace).filter(|_| !is_captured)
}

fn why_none_in(namespace: &Resource<Namespace>) -> Option<WithoutProxy> {
    let is_captured = is_enabled(namespace)
        || has_revision(namespace)
        || label(&namespace.metadata, DATAPLANE_MODE) == Some("ambient");
    match label(&namespace.metadata, INJECTION) {
        _ if is_captured => None,
        Some("disabled") => Some(WithoutProxy::Disabled),
        _ => Some(WithoutProxy::NotInjected),
    }
}

fn has_revision(namespace: &Resource<Namespace>) -> bool {
    label(&namespace.metadata, REVISION).is_some_and(|revision| !revision.is_empty())
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
