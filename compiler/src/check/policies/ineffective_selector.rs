//! `ineffective-selector`: a policy selects the pods of a Gateway API Gateway by their labels.
//!
//! Source: Istio, `k8sgateway.SelectorAnalyzer`. Here the policy holds for them all the same; in Istio that depends on
//! how the control plane is set up.

use std::collections::BTreeMap;

use mesh_snapshot::manifest::GATEWAY_NAME_LABEL;

use crate::api::Resource;
use crate::api::istio::Attached;
use crate::check::kept::apart;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("ineffective-selector", Severity::Warning, include_str!("ineffective_selector.md"))
        .alias(&["IST0166"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    apart::resources(&mesh.source.authorization_policies, out, |it, out| check(mesh, it, out));
    mesh.source.request_authentications.iter().for_each(|it| check(mesh, it, out));
    mesh.source.telemetries.iter().for_each(|it| check(mesh, it, out));
    mesh.source.wasm_plugins.iter().for_each(|it| check(mesh, it, out));
}

/// One finding a Gateway.
fn check(mesh: &Mesh<'_>, policy: &Resource<impl Attached>, out: &mut Vec<Diagnostic>) {
    let of = policy.spec.attachment();
    let Some(selector) = of.selector.filter(|_| !of.is_targeted()) else { return };
    let mut gateways = BTreeMap::new();
    for workload in mesh.workloads.selected(Some(&policy.namespace), &selector.match_labels) {
        if let Some(name) = workload.inventory.labels.get(GATEWAY_NAME_LABEL) {
            gateways.entry(name).or_insert(workload.id);
        }
    }
    let path = FieldPath::default().field("spec").field("selector");
    for (name, pods) in gateways {
        let message = format!("the pods of the Gateway `{name}` are selected by their labels");
        out.push(
            Diagnostic::new(&CHECK, Place::key(policy.id, path.clone()), message)
                .label("use `targetRefs`")
                .also(Place::resource(pods), "these pods")
                .consequence(
                    "it holds for them here; Istio passes over it where it is so set up, and then requests to the gateway meet no such policy",
                )
                .help(format!("name the Gateway: `targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: {name}}}]`")),
        );
    }
}
