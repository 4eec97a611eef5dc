//! `unknown-policy-port`: a policy has settings for a port that nothing it is for has.
//!
//! Sources: Istio, `TrafficPolicy.portLevelSettings`, by the ports of the Service; `PeerAuthentication.portLevelMtls`,
//! `Operation.ports` and the condition `destination.port`, by those of the workload.

use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::object::Role;

use crate::api::Resource;
use crate::api::istio::{Action, AuthorizationPolicy, TrafficPolicy};
use crate::api::kubernetes::Container;
use crate::check::selection;
use crate::diagnostic::{At, Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::host::{is_wildcard, qualify};
use crate::resolve::policy::Scope;
use crate::resolve::service::Service;
use crate::resolve::{Mesh, Workload};

pub(in crate::check) static CHECK: Check =
    Check::lint("unknown-policy-port", Severity::Warning, include_str!("unknown_policy_port.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for rule in &mesh.source.destination_rules {
        let host = qualify(&rule.spec.host, &rule.namespace, mesh.settings.cluster_domain);
        let services: Vec<_> =
            mesh.services.of_host(&host).iter().map(|id| mesh.services.get(*id)).collect();
        let is_open = |it: &&Service<'_>| it.alias.is_some() || it.object.ports.is_empty();
        if is_wildcard(&host) || services.is_empty() || services.iter().any(is_open) {
            continue;
        }
        let root = rule.at();
        let spec = root.field("spec");
        if let Some(policy) = &rule.spec.traffic_policy {
            check_rule(policy, &services, &spec.field("trafficPolicy"), out);
        }
        let subsets = spec.field("subsets");
        for (index, subset) in rule.spec.subsets.iter().enumerate() {
            let at = subsets.index(index);
            if let Some(policy) = &subset.traffic_policy {
                check_rule(policy, &services, &at.field("trafficPolicy"), out);
            }
        }
    }
    check_peers(mesh, out);
    check_authorizations(mesh, out);
}

fn check_rule(
    policy: &TrafficPolicy,
    services: &[&Service<'_>],
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let list = at.field("portLevelSettings");
    for (index, it) in policy.port_level_settings.iter().enumerate() {
        let Some(port) = it.port.as_ref().map(|port| port.number).filter(|port| *port != 0) else {
            continue;
        };
        let mut ports = services.iter().flat_map(|service| &service.object.ports);
        if ports.any(|own| u32::from(own.number) == port) {
            continue;
        }
        let Some(service) = services.first() else { continue };
        let at = list.index(index);
        let at = at.field("port");
        let message = format!("`{}` has no port {port}", service.host);
        out.push(
            Diagnostic::new(&CHECK, at.field("number").value(), message)
                .label("no such port")
                .also(service.origin.place(), "these are its ports")
                .consequence("connections to the host go by its other settings")
                .help("name a port of the Service, not one of its pods"),
        );
    }
}

fn check_peers(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let mut known = BTreeMap::new();
    for policy in &mesh.policies.peer_authentications {
        let Ok(scope) = &policy.scope else { continue };
        if policy.resource.spec.port_level_mtls.is_none() {
            continue;
        }
        let Some(had) = known.entry(scope).or_insert_with(|| ports_had(mesh, scope)) else {
            continue;
        };
        let root = policy.resource.at();
        let spec = root.field("spec");
        let list = spec.field("portLevelMtls");
        for written in policy.resource.spec.port_level_mtls.iter().flatten().map(|(port, _)| port) {
            let Ok(port) = written.parse::<u16>() else { continue };
            if had.contains(&port) {
                continue;
            }
            let place: Place = list.field(written).key();
            out.push(
                Diagnostic::new(&CHECK, place, format!("no workload of the policy has port {port}"))
                    .label("no such port")
                    .consequence("the policy says nothing more of the ports that there are")
                    .help("name a port of the pods; where they listen there and do not say so, add it to `containerPort`s"),
            );
        }
    }
}

/// The ports that some workload of a policy may have. `None`: one does not declare its ports, and may have any.
fn ports_had(mesh: &Mesh<'_>, scope: &Scope<'_>) -> Option<BTreeSet<u16>> {
    let workloads = selection::all_of_policy(mesh, scope);
    let had = || workloads.iter().flat_map(|it| ports_of(mesh, it)).collect();
    are_ports_known(&workloads).then(had)
}

/// Whether they have the ports that they declare, and no others: every container declares some. A gateway has the ports that
/// its Gateways open, whatever its pods declare.
fn are_ports_known(workloads: &[&Workload<'_>]) -> bool {
    let declares = |it: &Container| it.name == "istio-proxy" || !it.ports.is_empty();
    let is_known = |it: &&Workload<'_>| {
        it.inventory.role == Role::Sidecar
            && !it.inventory.ports.is_empty()
            && it.pod.containers.iter().all(declares)
    };
    !workloads.is_empty() && workloads.iter().all(is_known)
}

fn check_authorizations(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    // Many policies are for all workloads of one namespace, which are many, too.
    let mut known = BTreeMap::new();
    for policy in &mesh.policies.authorization_policies {
        let Ok(scope) = &policy.scope else { continue };
        if !names_ports(policy.resource) {
            continue;
        }
        let Some(had) = known.entry(scope).or_insert_with(|| ports_had(mesh, scope)) else {
            continue;
        };
        for (path, written, excludes) in ports(policy.resource) {
            let Ok(port) = written.parse::<u16>() else { continue };
            if had.contains(&port) {
                continue;
            }
            let effect = match policy.resource.spec.action {
                _ if excludes => "every call is to another port: nothing is left out by it",
                Action::Allow => "this port lets nobody in",
                Action::Deny => "this port stops nobody",
                Action::Audit => "by this port nothing is noted",
                Action::Custom => "by this port nobody is asked",
            };
            let place = Place::value(policy.resource.id, path);
            out.push(
                Diagnostic::new(&CHECK, place, format!("no workload of the policy has port {port}"))
                    .label("nobody listens there")
                    .consequence(effect)
                    .help("name a port of the pods; where they listen there and do not say so, add it to `containerPort`s"),
            );
        }
    }
}

fn names_ports(policy: &Resource<AuthorizationPolicy>) -> bool {
    policy.spec.rules.iter().flatten().any(|rule| {
        let mut operations = rule.to.iter().flatten().filter_map(|to| to.operation.as_ref());
        operations.any(|it| !it.ports.is_empty() || !it.not_ports.is_empty())
            || rule.when.iter().any(|condition| condition.key == "destination.port")
    })
}

/// The ports that a policy names, and whether they are those that it leaves out.
fn ports(policy: &Resource<AuthorizationPolicy>) -> Vec<(FieldPath, &str, bool)> {
    let mut all = Vec::new();
    let rules = FieldPath::default().field("spec").field("rules");
    for (index, rule) in policy.spec.rules.iter().flatten().enumerate() {
        let at = rules.clone().index(index);
        for (index, to) in rule.to.iter().flatten().enumerate() {
            let Some(operation) = &to.operation else { continue };
            let at = at.clone().field("to").index(index).field("operation");
            all.extend(listed(&at, "ports", &operation.ports, false));
            all.extend(listed(&at, "notPorts", &operation.not_ports, true));
        }
        for (index, condition) in rule.when.iter().enumerate() {
            if condition.key == "destination.port" {
                let at = at.clone().field("when").index(index);
                all.extend(listed(&at, "values", &condition.values, false));
                all.extend(listed(&at, "notValues", &condition.not_values, true));
            }
        }
    }
    all
}

fn listed<'p>(
    at: &FieldPath,
    field: &'static str,
    values: &'p [String],
    excludes: bool,
) -> Vec<(FieldPath, &'p str, bool)> {
    let at = at.clone().field(field);
    let values = values.iter().enumerate();
    values.map(|(index, it)| (at.clone().index(index), it.as_str(), excludes)).collect()
}

/// The ports that a workload has, and those of its Services: what these mean, `service-port-in-policy` says.
fn ports_of(mesh: &Mesh<'_>, workload: &Workload<'_>) -> BTreeSet<u16> {
    let services = mesh.services.served_by(workload).into_iter();
    let of_services = services.flat_map(|it| &it.object.ports);
    let of_services = of_services
        .flat_map(|own| [Some(own.number), selection::target(workload, &own.target)])
        .flatten();
    of_services.chain(workload.inventory.ports.values().copied()).collect()
}
