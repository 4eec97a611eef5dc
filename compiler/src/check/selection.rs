//! Which known workloads a policy, or a Service, is for.

use mesh_snapshot::object::{Discovery, EndpointSet, TargetPort};

use super::inventory;
use crate::resolve::policy::Scope;
use crate::resolve::service::Service;
use crate::resolve::{Mesh, Workload};

/// The workloads that a policy is for.
pub(super) fn of_policy<'m, 'a>(mesh: &'m Mesh<'a>, scope: &Scope<'_>) -> Vec<&'m Workload<'a>> {
    let is_selected = |it: &&Workload<'_>| scope.applies.to(&it.inventory);
    match scope.namespace {
        Some(namespace) => inventory::workloads(mesh, namespace).filter(is_selected).collect(),
        None => mesh.workloads.iter().filter(is_selected).collect(),
    }
}

/// The workloads that serve a Service.
pub(super) fn of_service<'m, 'a>(
    mesh: &'m Mesh<'a>,
    service: &Service<'_>,
) -> Vec<&'m Workload<'a>> {
    match &service.object.discovery {
        Discovery::World { set: EndpointSet::Selected { namespace, labels }, .. } => {
            let workloads = inventory::workloads(mesh, namespace);
            workloads.filter(|it| it.inventory.has(labels)).collect()
        }
        _ => Vec::new(),
    }
}

/// The Services that a workload serves.
pub(super) fn services_of<'m, 'a>(
    mesh: &'m Mesh<'a>,
    workload: &'m Workload<'_>,
) -> impl Iterator<Item = &'m Service<'a>> {
    let own = mesh.services.of_namespace(workload.namespace()).iter();
    own.map(|id| mesh.services.get(*id)).filter(|service| match &service.object.discovery {
        Discovery::World { set: EndpointSet::Selected { labels, .. }, .. } => {
            workload.inventory.has(labels)
        }
        _ => false,
    })
}

/// The port of a workload that a target stands for; none where it has no port of the name.
pub(super) fn target(workload: &Workload<'_>, target: &TargetPort) -> Option<u16> {
    match target {
        TargetPort::Number(number) => Some(*number),
        TargetPort::Name(name) => workload.inventory.ports.get(name).copied(),
    }
}
