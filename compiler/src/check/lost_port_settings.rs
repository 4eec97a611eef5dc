//! `lost-port-settings`: what a `DestinationRule` says of all ports does not hold for the port that has settings of its own.
//!
//! Settings of a port replace those of the host as a whole; what they leave out is as if nobody had said it. Source: Istio,
//! `TrafficPolicy.portLevelSettings`: "Note that port level settings will override the destination-level settings."

use crate::api::Resource;
use crate::api::istio::{DestinationRule, TrafficPolicy};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("lost-port-settings", Severity::Warning, include_str!("lost_port_settings.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for rule in &mesh.source.destination_rules {
        let root = FieldPath::default().field("spec");
        if let Some(policy) = &rule.spec.traffic_policy {
            check_policy(rule, policy, &root.clone().field("trafficPolicy"), out);
        }
        for (index, subset) in rule.spec.subsets.iter().enumerate() {
            let at = root.clone().field("subsets").index(index).field("trafficPolicy");
            if let Some(policy) = &subset.traffic_policy {
                check_policy(rule, policy, &at, out);
            }
        }
    }
}

fn check_policy(
    rule: &Resource<DestinationRule>,
    policy: &TrafficPolicy,
    at: &FieldPath,
    out: &mut Vec<Diagnostic>,
) {
    for (index, port) in policy.port_level_settings.iter().enumerate() {
        let blocks = [
            ("tls", policy.tls.is_some() && port.tls.is_none()),
            (
                "outlierDetection",
                policy.outlier_detection.is_some() && port.outlier_detection.is_none(),
            ),
            ("connectionPool", policy.connection_pool.is_some() && port.connection_pool.is_none()),
            ("loadBalancer", policy.load_balancer.is_some() && port.load_balancer.is_none()),
        ];
        let lost: Vec<_> =
            blocks.into_iter().filter(|(_, is_lost)| *is_lost).map(|it| it.0).collect();
        let Some(first) = lost.first() else { continue };
        let number = port.port.as_ref().map_or(0, |port| port.number);
        let names: Vec<_> = lost.iter().map(|name| format!("`{name}`")).collect();
        let place = at.clone().field("portLevelSettings").index(index).field("port");
        let message = format!("port {number} does not have the host's {}", names.join(", "));
        let effect = if *first == "tls" {
            "connections to the port go by the mesh's defaults, not by the TLS that is set for the host"
        } else {
            "the port has the defaults of what is left out"
        };
        out.push(
            Diagnostic::new(&CHECK, Place::key(rule.id, place), message)
                .label("has settings of its own, which replace all others")
                .also(Place::key(rule.id, at.clone().field(*first)), "not for that port")
                .consequence(effect)
                .help("repeat it among the settings of the port"),
        );
    }
}
