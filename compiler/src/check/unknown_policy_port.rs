//! `unknown-policy-port`: a policy has settings for a port that nothing it is for has.
//!
//! Sources: Istio, `TrafficPolicy.portLevelSettings`, by the ports of the Service; `PeerAuthentication.portLevelMtls`, by those of
//! the workload.

use super::selection;
use crate::api::istio::TrafficPolicy;
use crate::diagnostic::{At, Check, Diagnostic, Place, Severity};
use crate::resolve::host::{is_wildcard, qualify};
use crate::resolve::service::Service;
use crate::resolve::{Mesh, Workload};

pub(super) static CHECK: Check =
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

/// Said only where every workload declares its ports: one that does not may have any.
fn check_peers(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for policy in &mesh.policies.peer_authentications {
        let Ok(scope) = &policy.scope else { continue };
        let workloads = selection::of_policy(mesh, scope);
        let declares = |it: &&Workload<'_>| !it.inventory.ports.is_empty();
        if workloads.is_empty() || !workloads.iter().all(declares) {
            continue;
        }
        let root = policy.resource.at();
        let spec = root.field("spec");
        let list = spec.field("portLevelMtls");
        for written in policy.resource.spec.port_level_mtls.iter().flatten().map(|(port, _)| port) {
            let Ok(port) = written.parse::<u16>() else { continue };
            if workloads.iter().any(|it| may_have(mesh, it, port)) {
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

/// Whether a workload has the port, or a Service of it: what that means, `service-port-in-policy` says.
fn may_have(mesh: &Mesh<'_>, workload: &Workload<'_>, port: u16) -> bool {
    let mut services = selection::services_of(mesh, workload);
    workload.inventory.ports.values().any(|own| *own == port)
        || services.any(|service| {
            let mut ports = service.object.ports.iter();
            ports.any(|own| {
                own.number == port || selection::target(workload, &own.target) == Some(port)
            })
        })
}
