//! `ineffective-selector`: a policy selects the pods of a Gateway API Gateway by their labels.
//!
//! Source: Istio, `k8sgateway.SelectorAnalyzer`. Here the policy holds for them all the same; in Istio that depends on
//! how the control plane is set up.

use std::collections::BTreeMap;

use mesh_snapshot::manifest::GATEWAY_NAME_LABEL;

use crate::api::istio::{TargetReference, WorkloadSelector};
use crate::check::kept::apart;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("ineffective-selector", Severity::Warning, include_str!("ineffective_selector.md"))
        .alias(&["IST0166"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    apart::resources(&mesh.source.authorization_policies, out, |it, out| {
        let spec = &it.spec;
        let is_targeted = is_targeted(spec.target_ref.as_ref(), &spec.target_refs);
        check(mesh, (it.id, &it.namespace), spec.selector.as_ref(), is_targeted, out);
    });
    for it in &mesh.source.request_authentications {
        let spec = &it.spec;
        let is_targeted = is_targeted(spec.target_ref.as_ref(), &spec.target_refs);
        check(mesh, (it.id, &it.namespace), spec.selector.as_ref(), is_targeted, out);
    }
    for it in &mesh.source.telemetries {
        let spec = &it.spec;
        let is_targeted = is_targeted(spec.target_ref.as_ref(), &spec.target_refs);
        check(mesh, (it.id, &it.namespace), spec.selector.as_ref(), is_targeted, out);
    }
    for it in &mesh.source.wasm_plugins {
        let spec = &it.spec;
        let is_targeted = is_targeted(spec.target_ref.as_ref(), &spec.target_refs);
        check(mesh, (it.id, &it.namespace), spec.selector.as_ref(), is_targeted, out);
    }
}

fn is_targeted(one: Option<&TargetReference>, several: &[TargetReference]) -> bool {
    one.is_some() || !several.is_empty()
}

/// One finding a Gateway.
fn check(
    mesh: &Mesh<'_>,
    (document, namespace): (DocumentId, &str),
    selector: Option<&WorkloadSelector>,
    is_targeted: bool,
    out: &mut Vec<Diagnostic>,
) {
    let Some(selector) = selector.filter(|_| !is_targeted) else { return };
    let mut gateways = BTreeMap::new();
    for workload in mesh.workloads.selected(Some(namespace), &selector.match_labels) {
        if let Some(name) = workload.inventory.labels.get(GATEWAY_NAME_LABEL) {
            gateways.entry(name).or_insert(workload.id);
        }
    }
    let path = FieldPath::default().field("spec").field("selector");
    for (name, pods) in gateways {
        let message = format!("the pods of the Gateway `{name}` are selected by their labels");
        out.push(
            Diagnostic::new(&CHECK, Place::key(document, path.clone()), message)
                .label("use `targetRefs`")
                .also(Place::resource(pods), "these pods")
                .consequence(
                    "it holds for them here; Istio passes over it where it is so set up, and then requests to the gateway meet no such policy",
                )
                .help(format!("name the Gateway: `targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: {name}}}]`")),
        );
    }
}
