//! Which known workloads a policy, or a Service, is for.

use mesh_snapshot::Applies;
use mesh_snapshot::object::{Discovery, EndpointSet, Labels, TargetPort};

use crate::resolve::policy::Scope;
use crate::resolve::service::Service;
use crate::resolve::{Mesh, Workload};

/// The workloads that a policy is for, by namespace and name.
pub(super) fn of_policy<'m, 'a>(mesh: &'m Mesh<'a>, scope: &Scope<'_>) -> Vec<&'m Workload<'a>> {
    let all = &mesh.workloads;
    let any = Labels::new();
    let labels = match &scope.applies {
        // A workload has a choice only where there are several.
        Applies::Selected(selectors) if selectors.len() == 1 => selectors.first(),
        _ => None,
    };
    let mut selected = all.selected(scope.namespace, labels.unwrap_or(&any));
    selected.retain(|it| scope.applies.to(&it.inventory));
    selected
}

/// The workloads that serve a Service.
pub(super) fn of_service<'m, 'a>(
    mesh: &'m Mesh<'a>,
    service: &Service<'_>,
) -> Vec<&'m Workload<'a>> {
    match &service.object.discovery {
        Discovery::World { set: EndpointSet::Selected { namespace, labels }, .. } => {
            mesh.workloads.selected(Some(namespace), labels)
        }
        _ => Vec::new(),
    }
}

/// The port of a workload that a target stands for; none where it has no port of the name.
pub(super) fn target(workload: &Workload<'_>, target: &TargetPort) -> Option<u16> {
    match target {
        TargetPort::Number(number) => Some(*number),
        TargetPort::Name(name) => workload.inventory.ports.get(name).copied(),
    }
}
