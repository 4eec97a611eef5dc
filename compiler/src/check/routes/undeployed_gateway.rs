//! `undeployed-gateway`: no workload of the repository serves a Gateway of the Gateway API.
//!
//! Istio makes a Deployment and a Service for each; here nothing is made that the repository does not hold. It is said only
//! where the repository shows what runs, and does not list gateways. Source: Istio, "Kubernetes Gateway API", "Automated
//! Deployment".

use mesh_snapshot::manifest::GATEWAY_NAME_LABEL;

use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::gateway::{Class, is_managed, proxies};
use crate::resolve::{Mesh, Workload};

pub(in crate::check) static CHECK: Check =
    Check::lint("undeployed-gateway", Severity::Info, include_str!("undeployed_gateway.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let shows_workloads = !mesh.workloads.is_empty();
    if !shows_workloads || !mesh.source.project.inventory.gateways.is_empty() {
        return;
    }
    let is_made = |it: &&Workload<'_>| mesh.deployed_gateways.has(it);
    let of_mesh = mesh.api_gateways.iter().filter(|it| it.class == Class::Mesh);
    for gateway in of_mesh.filter(|it| proxies(mesh, it.resource).iter().all(is_made)) {
        let name = gateway.resource.name();
        let (effect, help) = if is_managed(&gateway.resource.spec) {
            let effect = format!(
                "Istio would deploy `{name}-istio` for it; here nothing is made, and nothing listens"
            );
            (
                effect,
                format!(
                    "add a Deployment whose pods have the label `{GATEWAY_NAME_LABEL}: {name}`"
                ),
            )
        } else {
            let help = "its addresses are to name a Service of its namespace that selects proxies of gateways";
            ("nothing listens".to_owned(), help.to_owned())
        };
        let message = format!("no workload of the repository serves the Gateway `{name}`");
        out.push(
            Diagnostic::new(&CHECK, Place::resource(gateway.resource.id), message)
                .label("nobody opens its listeners")
                .consequence(effect)
                .help(help),
        );
    }
}
