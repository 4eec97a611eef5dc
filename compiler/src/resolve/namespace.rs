//! The namespaces that a repository knows, and their labels.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::{Mesh, Resource, WORKLOADS, kubernetes};

/// Those that Kubernetes makes with a cluster. Source: Kubernetes, "Namespaces", initial namespaces.
const OF_EVERY_CLUSTER: &[&str] = &["default", "kube-node-lease", "kube-public", "kube-system"];

/// Namespaces by name.
#[derive(Clone, Debug, Default)]
pub struct Namespaces<'a> {
    /// Those with a resource of their own.
    declared: BTreeMap<&'a str, &'a Resource<kubernetes::Namespace>>,
    /// Those in which something stands.
    used: BTreeSet<&'a str>,
    /// That of the mesh itself.
    root: &'a str,
    /// Those that `mesh.yaml` says there are.
    listed: BTreeSet<&'a str>,
}

/// On namespaces: `enabled`, or anything else for no.
pub(crate) const INJECTION: &str = "istio-injection";
/// On namespaces and pods: the control plane whose proxies they get.
pub(crate) const REVISION: &str = "istio.io/rev";
/// On namespaces and pods: `ambient` for no proxy of their own.
pub(crate) const DATAPLANE_MODE: &str = "istio.io/dataplane-mode";

impl<'a> Namespaces<'a> {
    /// `root` is where the mesh is installed.
    pub(super) fn of(mesh: &'a Mesh, root: &'a str) -> Self {
        Self {
            root,
            declared: mesh.namespaces.iter().map(|it| (it.name(), it)).collect(),
            used: used(mesh),
            listed: mesh.project.inventory.namespaces.iter().map(String::as_str).collect(),
        }
    }

    /// Whether there is such a namespace, as far as the repository tells.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.known(name).is_some()
    }

    /// The name, as the repository writes it.
    #[must_use]
    pub fn known(&self, name: &str) -> Option<&'a str> {
        let declared = self.declared.get_key_value(name).map(|(name, _)| name);
        let known = declared.or_else(|| self.used.get(name)).or_else(|| self.listed.get(name));
        let always = OF_EVERY_CLUSTER.iter().chain([&self.root]);
        known.or_else(|| always.into_iter().find(|it| **it == name)).copied()
    }

    /// Whether the repository declares namespaces, so that a name which it does not know is a mistake.
    #[must_use]
    pub fn are_declared(&self) -> bool {
        !self.declared.is_empty()
    }

    /// By name, sorted.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        let mut names: BTreeSet<_> = self.declared.keys().copied().collect();
        names.extend(&self.used);
        names.extend(&self.listed);
        names.into_iter()
    }

    /// Those that are sure to be there: declared, with their resources.
    pub fn declared(&self) -> impl Iterator<Item = &'a Resource<kubernetes::Namespace>> {
        self.declared.values().copied()
    }

    /// The resource that declares a namespace.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&'a Resource<kubernetes::Namespace>> {
        self.declared.get(name).copied()
    }

    /// The labels of a namespace, with the one that Kubernetes gives it.
    #[must_use]
    pub fn labels(&self, name: &str) -> BTreeMap<String, String> {
        let declared = self.declared.get(name);
        let mut labels = declared.map(|it| it.metadata.labels.clone()).unwrap_or_default();
        labels.insert("kubernetes.io/metadata.name".to_owned(), name.to_owned());
        labels
    }
}

/// Where workloads, services and routes stand: a policy alone may be for a namespace that is misspelt.
fn used(mesh: &Mesh) -> BTreeSet<&str> {
    let mut used = BTreeSet::new();
    used.extend(mesh.services.namespaces());
    used.extend(mesh.service_accounts.namespaces());
    used.extend(mesh.pods.namespaces());
    used.extend(mesh.deployments.namespaces());
    used.extend(mesh.stateful_sets.namespaces());
    used.extend(mesh.daemon_sets.namespaces());
    used.extend(mesh.replica_sets.namespaces());
    used.extend(mesh.replication_controllers.namespaces());
    used.extend(mesh.rollouts.namespaces());
    used.extend(mesh.jobs.namespaces());
    used.extend(mesh.cron_jobs.namespaces());
    used.extend(mesh.service_entries.namespaces());
    used.extend(mesh.gateways.namespaces());
    used.extend(mesh.api_gateways.namespaces());
    used.extend(mesh.ingresses.namespaces());
    used.extend(mesh.virtual_services.namespaces());
    used.extend(mesh.http_routes.namespaces());
    used.extend(mesh.stream_routes.namespaces());
    for it in mesh.incomplete.iter().filter(|it| it.is_named()) {
        match it.kind.as_str() {
            "Namespace" => drop(used.insert(&it.name)),
            kind if WORKLOADS.contains(&kind) || kind == "Service" => {
                used.insert(&it.namespace);
            }
            _ => {}
        }
    }
    used
}
