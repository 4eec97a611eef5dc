//! `WorkloadEntry`s: instances that Kubernetes does not know, as endpoints of whatever selects them.
//! Source: Istio, `ConvertWorkloadEntry`, `convertWorkloadEntryToServiceInstances`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use mesh_snapshot::object::{DeclaredEndpoint, Labels, ServicePort, TargetPort};

use crate::api::istio::WorkloadEntry;
use crate::api::{Mesh, Resource};
use crate::resolve::Workloads;

/// An instance, with the labels by which it is selected: those of its metadata before its own.
#[derive(Clone, Debug)]
pub struct Machine<'a> {
    pub resource: &'a Resource<WorkloadEntry>,
    pub labels: Cow<'a, Labels>,
}

/// What runs, in Kubernetes and elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Instances<'m, 'a> {
    /// By namespace.
    pub machines: &'m [Machine<'a>],
    pub workloads: &'m Workloads<'a>,
}

/// All of them, by namespace and name.
pub(in crate::resolve) fn machines(mesh: &Mesh) -> Vec<Machine<'_>> {
    let machine = |resource| Machine { resource, labels: labels(resource) };
    mesh.workload_entries.iter().map(machine).collect()
}

fn labels(resource: &Resource<WorkloadEntry>) -> Cow<'_, Labels> {
    let (own, metadata) = (&resource.spec.labels, &resource.metadata.labels);
    if metadata.is_empty() {
        return Cow::Borrowed(own);
    }
    let merged = own.iter().chain(metadata);
    Cow::Owned(merged.map(|(name, value)| (name.clone(), value.clone())).collect())
}

impl<'m, 'a> Instances<'m, 'a> {
    /// The machines that a selector of a namespace selects.
    pub fn selected(
        &self,
        namespace: &str,
        selector: &Labels,
    ) -> impl Iterator<Item = &'m Machine<'a>> {
        let from = self.machines.partition_point(|it| it.resource.namespace.as_str() < namespace);
        let own = self.machines.get(from..).unwrap_or_default().iter();
        let own = own.take_while(move |it| it.resource.namespace == namespace);
        own.filter(move |it| has(&it.labels, selector))
    }

    /// The endpoints of a service whose instances are machines alone; `None` where there are none, or where pods back it
    /// too: then the world says who they are.
    pub(super) fn declared(
        &self,
        namespace: &str,
        selector: &Labels,
        ports: &[ServicePort],
    ) -> Option<Vec<DeclaredEndpoint>> {
        let machines = self.selected(namespace, selector);
        let endpoints: Vec<_> = machines
            .filter(|it| !it.resource.spec.address.is_empty())
            .map(|it| endpoint(&it.resource.spec, &it.labels, ports))
            .collect();
        (!endpoints.is_empty() && self.workloads.selected(Some(namespace), selector).is_empty())
            .then_some(endpoints)
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
