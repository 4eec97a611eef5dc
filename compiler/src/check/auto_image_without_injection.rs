//! `auto-image-without-injection`: the template of a gateway leaves its image to injection, and is not injected.
//!
//! Source: Istio, `injection.ImageAutoAnalyzer`. Where the repository shows no webhooks of Istio's, those are supposed
//! that Istio installs: they go by the labels of the namespace and of the pod.

use super::injection::{self, INJECT, INJECTION, PROXY, REVISION};
use crate::api::kubernetes::{LabelSelector, Webhook};
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::{Mesh, Workload};

pub(super) static CHECK: Check = Check::lint(
    "auto-image-without-injection",
    Severity::Warning,
    include_str!("auto_image_without_injection.md"),
)
.alias(&["IST0146"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let webhooks = mesh.source.mutating_webhooks.iter().flat_map(|it| &it.spec.0);
    let webhooks: Vec<_> = webhooks.filter(|it| it.name.ends_with("istio.io")).collect();
    for workload in mesh.workloads.iter().filter(|it| !it.is_pod()) {
        let is_auto =
            |it: &crate::api::kubernetes::Container| it.name == PROXY && it.image == "auto";
        let Some(index) = workload.pod.containers.iter().position(is_auto) else { continue };
        if is_injected(mesh, workload, &webhooks) {
            continue;
        }
        let path = workload.pod_path().field("containers").index(index).field("image");
        let message =
            format!("no webhook puts an image into {} `{}`", workload.kind, workload.name());
        out.push(
            Diagnostic::new(&CHECK, Place::value(workload.id, path), message)
                .label("stays as it is")
                .consequence("its pods never start, and the ports of the gateway are closed")
                .help("label the pods `sidecar.istio.io/inject: \"true\"`, or the namespace `istio-injection: enabled`"),
        );
    }
}

fn is_injected(mesh: &Mesh<'_>, workload: &Workload<'_>, webhooks: &[&Webhook]) -> bool {
    let mut declared = mesh.namespaces.declared();
    let namespace = declared.find(|it| it.name() == workload.namespace());
    let labels = namespace.map(|it| it.metadata.labels.clone()).unwrap_or_default();
    let selects = |selector: &Option<LabelSelector>, labels| {
        selector.as_ref().is_none_or(|selector| selector.selects(labels))
    };
    if !webhooks.is_empty() {
        return webhooks.iter().any(|it| {
            selects(&it.namespace_selector, &labels)
                && selects(&it.object_selector, &workload.metadata.labels)
        });
    }
    let own = injection::label(workload.metadata, INJECT);
    let has_revision = workload.metadata.labels.contains_key(REVISION);
    match (own, namespace) {
        (Some("false"), _) => false,
        // What the namespace says is not known.
        (_, None) => true,
        (Some("true"), _) => labels.get(INJECTION).is_none_or(|it| it == "enabled"),
        _ => match labels.get(INJECTION) {
            Some(choice) => choice == "enabled",
            None => has_revision || labels.contains_key(REVISION),
        },
    }
}
