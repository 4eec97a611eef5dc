//! `shared-target-port`: ports of different numbers lead to one port of a Deployment's pods.
//!
//! Source: Istio, `deployment.MultiServiceAnalyzer`; of Deployments in the mesh.

use std::collections::BTreeMap;

use super::port_with_two_protocols::{At, Fronts, deployments};
use crate::api::scalar::IntOrString;
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("shared-target-port", Severity::Warning, include_str!("shared_target_port.md"))
        .alias(&["IST0137"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let fronts = Fronts::of(mesh);
    for deployment in deployments(mesh) {
        let mut by_target: BTreeMap<String, Vec<At<'_>>> = BTreeMap::new();
        for at in fronts.ports(deployment) {
            by_target.entry(target(&at)).or_default().push(at);
        }
        for (target, all) in by_target {
            let Some(first) = all.first() else { continue };
            let Some(other) = all.iter().find(|it| it.port.port != first.port.port) else {
                continue;
            };
            let name = deployment.name();
            let message = format!(
                "ports {} and {} lead to port {target} of `{name}`",
                first.port.port, other.port.port
            );
            out.push(
                Diagnostic::new(&CHECK, Place::resource(deployment.id), message)
                    .label("served by these pods")
                    .also(first.place("port"), format!("from {}", first.port.port))
                    .also(other.place("port"), format!("and from {}", other.port.port))
                    .consequence(
                        "the pods' proxy cannot tell them apart: both are taken for the same protocol, and settings of one hold for the other",
                    )
                    .help("give each a port of the pods of its own, or both the same number"),
            );
        }
    }
}

/// As it is written; absent or zero: the Service's own.
fn target(at: &At<'_>) -> String {
    match &at.port.target_port {
        None | Some(IntOrString::Int(0)) => at.port.port.to_string(),
        Some(IntOrString::Int(number)) => number.to_string(),
        Some(IntOrString::String(name)) if name.is_empty() => at.port.port.to_string(),
        Some(IntOrString::String(name)) => name.clone(),
    }
}
