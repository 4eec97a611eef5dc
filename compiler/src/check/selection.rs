//! Which known workloads a policy, or a Service, is for.

use std::collections::BTreeSet;

use mesh_snapshot::Applies;
use mesh_snapshot::object::{Discovery, EndpointSet, Labels, TargetPort};

use crate::resolve::policy::Scope;
use crate::resolve::service::Service;
use crate::resolve::{Mesh, Viewer, Workload};

/// The workloads that a policy is for, by namespace and name; behind them those that Istio deploys for Gateways.
pub(super) fn of_policy<'m, 'a>(mesh: &'m Mesh<'a>, scope: &Scope<'_>) -> Vec<&'m Workload<'a>> {
    let all = &mesh.workloads;
    let any = Labels::new();
    let labels = match &scope.applies {
        // A workload has a choice only where there are several.
        Applies::Selected(selectors) if selectors.len() == 1 => selectors.first(),
        _ => None,
    };
    let mut selected = all.selected(scope.namespace, labels.unwrap_or(&any));
    selected.extend(mesh.deployed_gateways.of_namespace(scope.namespace));
    selected.retain(|it| scope.applies.to(&it.inventory));
    selected
}

/// Those of a policy where nobody else can be among those whom the policy is for; else none, as where none is known.
pub(super) fn all_of_policy<'m, 'a>(
    mesh: &'m Mesh<'a>,
    scope: &Scope<'_>,
) -> Vec<&'m Workload<'a>> {
    if may_be_for_machines(mesh, scope) { Vec::new() } else { of_policy(mesh, scope) }
}

/// The workloads that a policy is for, and those of whose pods only some are, by labels that no template has.
pub(super) fn at_least_in_part<'m, 'a>(
    mesh: &'m Mesh<'a>,
    scope: &Scope<'_>,
) -> Vec<&'m Workload<'a>> {
    let mut all = of_policy(mesh, scope);
    if let Applies::Selected(selectors) = &scope.applies {
        let met: BTreeSet<_> = all.iter().map(|it| it.id).collect();
        let possible =
            |labels| mesh.workloads.possible(scope.namespace, labels, Viewer::Istio).into_iter();
        all.extend(selectors.iter().flat_map(possible).filter(|it| !met.contains(&it.id)));
    }
    all
}

/// Whether a policy may be for what runs outside of Kubernetes: its proxy goes by the labels of its `WorkloadEntry`.
pub(super) fn may_be_for_machines(mesh: &Mesh<'_>, scope: &Scope<'_>) -> bool {
    let may_have = |labels: &Labels| mesh.machines.may_have(scope.namespace, labels);
    match &scope.applies {
        Applies::All => may_have(&Labels::new()),
        Applies::Selected(selectors) => selectors.iter().any(may_have),
        // A machine runs no gateway of the Gateway API.
        Applies::Gateways(_) => false,
        Applies::Addressed(_) => true,
    }
}

/// Whether a policy may be for a pod of a known workload by labels that no template has. The other pods of the workload need
/// not be among those whom it is for, so [`of_policy`] does not count it.
pub(super) fn may_be_for_pods(mesh: &Mesh<'_>, scope: &Scope<'_>) -> bool {
    let may_have =
        |labels| !mesh.workloads.possible(scope.namespace, labels, Viewer::Istio).is_empty();
    matches!(&scope.applies, Applies::Selected(selectors) if selectors.iter().any(may_have))
}

/// The workloads that serve a Service, or some of whose pods do.
pub(super) fn of_service<'m, 'a>(
    mesh: &'m Mesh<'a>,
    service: &Service<'_>,
) -> Vec<&'m Workload<'a>> {
    match &service.object.discovery {
        Discovery::World { set: EndpointSet::Selected { namespace, labels }, .. } => {
            mesh.workloads.possible(Some(namespace), labels, service.origin.viewer())
        }
        _ => Vec::new(),
    }
}

/// Whether machines may be among those that serve a Service.
pub(super) fn has_machines(mesh: &Mesh<'_>, service: &Service<'_>) -> bool {
    match &service.object.discovery {
        Discovery::World { set: EndpointSet::Selected { namespace, labels }, .. } => {
            mesh.machines.may_have(Some(namespace), labels)
        }
        _ => false,
    }
}

/// The port of a workload that a target stands for; none where it has no port of the name.
pub(super) fn target(workload: &Workload<'_>, target: &TargetPort) -> Option<u16> {
    match target {
        TargetPort::Number(number) => Some(*number),
        TargetPort::Name(name) => workload.inventory.ports.get(name).copied(),
    }
}
