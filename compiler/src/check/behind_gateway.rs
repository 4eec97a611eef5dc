//! Which workloads are reached through which gateways, by the `VirtualService`s that are bound there.

use std::collections::{HashMap, HashSet};

use super::selection;
use crate::api::istio::{Action, AuthorizationPolicy};
use crate::diagnostic::Place;
use crate::resolve::policy::Policy;
use crate::resolve::route::GatewayName;
use crate::resolve::{Mesh, Workload};

/// A workload that a gateway leads to.
pub(super) struct Behind<'m, 'a> {
    pub(super) gateway: &'m Workload<'a>,
    pub(super) workload: &'m Workload<'a>,
    /// The destination of a route that leads there.
    pub(super) route: Place,
}

/// Each pair of gateway and workload once.
pub(super) fn all<'m, 'a>(mesh: &'m Mesh<'a>) -> Vec<Behind<'m, 'a>> {
    let mut proxies: HashMap<&str, Vec<&Workload<'_>>> = HashMap::new();
    let mut met = HashSet::new();
    let mut found = Vec::new();
    for (_, it) in mesh.virtual_services.iter() {
        let named = it.gateways.iter().filter_map(|name| match name {
            GatewayName::Named(name) => mesh.gateways.find(name),
            GatewayName::Mesh => None,
        });
        let mut gateways: Vec<&Workload<'_>> = Vec::new();
        for gateway in named {
            let known = proxies.entry(&gateway.full_name);
            gateways.extend(&*known.or_insert_with(|| gateway.proxies(&mesh.workloads)));
        }
        if gateways.is_empty() {
            continue;
        }
        for (destination, at) in it.destinations(&mesh.settings) {
            let services = mesh.services.of_host(&destination.host);
            let services = services.iter().map(|id| mesh.services.get(*id));
            let workloads: Vec<_> =
                services.flat_map(|service| selection::of_service(mesh, service)).collect();
            for gateway in &gateways {
                for workload in workloads.iter().filter(|it| met.insert((gateway.id, it.id))) {
                    let route = Place::value(at.document, at.path().field("host"));
                    found.push(Behind { gateway, workload, route });
                }
            }
        }
    }
    found
}

/// The policies that let somebody in at a workload: with any of them nobody else is. What is on trial lets nobody in.
pub(super) fn allows_at<'m, 'a>(
    mesh: &'m Mesh<'a>,
    workload: &Workload<'_>,
) -> Vec<&'m Policy<'a, AuthorizationPolicy>> {
    let is_on_trial = |policy: &Policy<'_, AuthorizationPolicy>| {
        let dry_run = policy.resource.metadata.annotations.get("istio.io/dry-run");
        dry_run.is_some_and(|it| it == "true")
    };
    let mut policies = mesh.policies.authorization_policies.for_workload(&workload.inventory);
    policies.retain(|it| it.resource.spec.action == Action::Allow && !is_on_trial(it));
    policies
}
