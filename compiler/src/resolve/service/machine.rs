//! `WorkloadEntry`s: instances that Kubernetes does not know, as endpoints of whatever selects them.
//! Source: Istio, `ConvertWorkloadEntry`, `convertWorkloadEntryToServiceInstances`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Deref;

use mesh_snapshot::object::{DeclaredEndpoint, Labels, ServicePort, TargetPort};

use crate::api::istio::WorkloadEntry;
use crate::api::{Mesh, Resource};
use crate::resolve::labelled::Labelled;
use crate::resolve::{Viewer, Workloads};

/// An instance, with the labels by which it is selected: those of its metadata before its own.
#[derive(Clone, Debug)]
pub struct Machine<'a> {
    pub resource: &'a Resource<WorkloadEntry>,
    pub labels: Cow<'a, Labels>,
}

/// What runs, in Kubernetes and elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Instances<'m, 'a> {
    pub machines: &'m Machines<'a>,
    pub workloads: &'m Workloads<'a>,
}

/// All machines, by namespace and name.
#[derive(Clone, Debug)]
pub struct Machines<'a> {
    all: Vec<Machine<'a>>,
    /// Places in `all`, by all labels that are written: one of its own that its metadata has, too, is not in force.
    by_label: Labelled<'a>,
    /// By namespace, the labels of each `WorkloadGroup`, by which others may join by themselves.
    groups: BTreeMap<&'a str, Vec<Labels>>,
}

impl<'a> Machines<'a> {
    pub(in crate::resolve) fn of(mesh: &'a Mesh) -> Self {
        let machine = |resource| Machine { resource, labels: labels(resource) };
        let all: Vec<_> = mesh.workload_entries.iter().map(machine).collect();
        let mut by_label = Labelled::default();
        for (place, machine) in all.iter().enumerate() {
            by_label.add(&machine.resource.spec.labels, place);
            by_label.add(&machine.resource.metadata.labels, place);
        }
        let (mut groups, none): (BTreeMap<&str, Vec<Labels>>, _) = Default::default();
        for group in &mesh.workload_groups {
            let metadata = group.spec.metadata.as_ref().map_or(&none, |it| &it.labels);
            groups
                .entry(&group.namespace)
                .or_default()
                .push(merged(&group.spec.template.labels, metadata));
        }
        Self { all, by_label, groups }
    }

    /// Those that a selector of a namespace selects.
    #[must_use]
    pub fn selected(&self, namespace: &str, selector: &Labels) -> Vec<&Machine<'a>> {
        let from = self.all.partition_point(|it| it.resource.namespace.as_str() < namespace);
        let end = self.all.partition_point(|it| it.resource.namespace.as_str() <= namespace);
        let Some(places) = self.by_label.rarest(selector) else {
            return self.all.get(from..end).unwrap_or_default().iter().collect();
        };
        let first = places.partition_point(|place| *place < from);
        let own = places.iter().skip(first).take_while(|place| **place < end);
        let own = own.filter_map(|place| self.all.get(*place));
        own.filter(|it| has(&it.labels, selector)).collect()
    }

    /// Whether machines may join a namespace.
    #[must_use]
    pub fn may_join(&self, namespace: &str) -> bool {
        self.groups.contains_key(namespace)
    }

    /// Whether machines may join a namespace, or any, that have these labels: they have others of their own besides those of
    /// their `WorkloadGroup`. Source: Istio, `workloadEntryFromGroup`.
    fn may_join_with(&self, namespace: Option<&str>, selector: &Labels) -> bool {
        let agrees = |group: &Labels| {
            selector.iter().all(|(name, value)| group.get(name).is_none_or(|own| own == value))
        };
        match namespace {
            Some(namespace) => self.groups.get(namespace).into_iter().flatten().any(agrees),
            None => self.groups.values().flatten().any(agrees),
        }
    }

    /// Whether a machine of a namespace, or of any, has these labels, or may join with them.
    #[must_use]
    pub fn may_have(&self, namespace: Option<&str>, selector: &Labels) -> bool {
        let is_there = match namespace {
            Some(namespace) => !self.selected(namespace, selector).is_empty(),
            None => self.has_any(selector),
        };
        is_there || self.may_join_with(namespace, selector)
    }

    /// Whether a machine of any namespace is there that has these labels.
    #[must_use]
    pub fn has_any(&self, selector: &Labels) -> bool {
        let is_one = |it: &Machine<'_>| has(&it.labels, selector);
        match self.by_label.rarest(selector) {
            Some(places) => places.iter().filter_map(|place| self.all.get(*place)).any(is_one),
            None => self.all.iter().any(is_one),
        }
    }
}

fn labels(resource: &Resource<WorkloadEntry>) -> Cow<'_, Labels> {
    let (own, metadata) = (&resource.spec.labels, &resource.metadata.labels);
    if metadata.is_empty() {
        return Cow::Borrowed(own);
    }
    Cow::Owned(merged(own, metadata))
}

fn merged(own: &Labels, metadata: &Labels) -> Labels {
    let both = own.iter().chain(metadata);
    both.map(|(name, value)| (name.clone(), value.clone())).collect()
}

impl<'a> Deref for Machines<'a> {
    type Target = [Machine<'a>];

    fn deref(&self) -> &Self::Target {
        &self.all
    }
}

impl Instances<'_, '_> {
    /// The endpoints of a service whose instances are machines alone; `None` where there are none, or where pods back it
    /// too: then the world says who they are.
    pub(super) fn declared(
        &self,
        namespace: &str,
        selector: &Labels,
        ports: &[ServicePort],
    ) -> Option<Vec<DeclaredEndpoint>> {
        let machines = self.machines.selected(namespace, selector);
        let endpoints: Vec<_> = machines
            .into_iter()
            .filter(|it| !it.resource.spec.address.is_empty())
            .map(|it| endpoint(&it.resource.spec, &it.labels, ports))
            .collect();
        let pods = || self.workloads.possible(Some(namespace), selector, Viewer::Istio);
        (!endpoints.is_empty() && pods().is_empty()).then_some(endpoints)
    }
}

fn has(labels: &Labels, selector: &Labels) -> bool {
    selector.iter().all(|(name, value)| labels.get(name) == Some(value))
}

/// An endpoint of a service with these ports. It may number a port otherwise, by the name that the service gives it or leads
/// to.
pub(super) fn endpoint(
    entry: &WorkloadEntry,
    labels: &Labels,
    ports: &[ServicePort],
) -> DeclaredEndpoint {
    let number = |port: &ServicePort| {
        let target = match &port.target {
            TargetPort::Name(name) => entry.ports.get(name),
            TargetPort::Number(_) => None,
        };
        let number = target.or_else(|| entry.ports.get(&port.name))?;
        Some((port.number, u16::try_from(*number).ok()?))
    };
    let ports: BTreeMap<u16, u16> = ports.iter().filter_map(number).collect();
    DeclaredEndpoint {
        address: entry.address.clone(),
        ports,
        labels: labels.clone(),
        weight: entry.weight.max(1),
        locality: entry.locality.clone(),
        service_account: account(entry, labels).to_owned(),
    }
}

/// Empty for an endpoint that is not meshed. Source: Istio, `getTLSModeFromWorkloadEntry`.
fn account<'e>(entry: &'e WorkloadEntry, labels: &Labels) -> &'e str {
    match labels.get("security.istio.io/tlsMode").map(String::as_str) {
        Some("istio") if entry.service_account.is_empty() => "default",
        Some("istio") | None => &entry.service_account,
        Some(_) => "",
    }
}
