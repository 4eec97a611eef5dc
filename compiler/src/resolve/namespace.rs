//! The namespaces that a repository knows, and their labels.

use std::collections::{BTreeMap, BTreeSet};

use crate::api::{Mesh, Resource, kubernetes};

/// Namespaces by name.
#[derive(Clone, Debug, Default)]
pub struct Namespaces<'a> {
    /// Those with a resource of their own.
    declared: BTreeMap<&'a str, &'a Resource<kubernetes::Namespace>>,
    /// Those in which something stands.
    used: BTreeSet<&'a str>,
    /// Those that `mesh.yaml` says there are.
    listed: BTreeSet<&'a str>,
}

impl<'a> Namespaces<'a> {
    pub(super) fn of(mesh: &'a Mesh) -> Self {
        Self {
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
        declared.or_else(|| self.used.get(name)).or_else(|| self.listed.get(name)).copied()
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
    fn of<T>(resources: &[Resource<T>]) -> impl Iterator<Item = &str> {
        resources.iter().map(|resource| resource.namespace.as_str())
    }
    let mut used = BTreeSet::new();
    used.extend(of(&mesh.services));
    used.extend(of(&mesh.service_accounts));
    used.extend(of(&mesh.pods));
    used.extend(of(&mesh.deployments));
    used.extend(of(&mesh.stateful_sets));
    used.extend(of(&mesh.daemon_sets));
    used.extend(of(&mesh.rollouts));
    used.extend(of(&mesh.jobs));
    used.extend(of(&mesh.cron_jobs));
    used.extend(of(&mesh.service_entries));
    used.extend(of(&mesh.gateways));
    used.extend(of(&mesh.api_gateways));
    used.extend(of(&mesh.ingresses));
    used.extend(of(&mesh.virtual_services));
    used.extend(of(&mesh.http_routes));
    used.extend(of(&mesh.stream_routes));
    used
}
