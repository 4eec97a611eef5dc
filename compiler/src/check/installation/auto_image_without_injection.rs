//! `auto-image-without-injection`: the template of a gateway leaves its image to injection, and is not injected.
//!
//! Source: Istio, `injection.ImageAutoAnalyzer`. Where the repository shows no webhooks of Istio's, those are supposed
//! that Istio installs: they go by the labels of the namespace and of the pod.

use crate::api::kubernetes::{LabelSelector, Webhook};
use crate::check::injection::{self, INJECT, INJECTION, PROXY, REVISION};
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::{Mesh, Workload};

pub(in crate::check) static CHECK: Check = Check::lint(
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
            |it: &crate::api::kubernetes::Container| it.name == PROXY && it.image.0 == "auto";
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
    let namespace = mesh.namespaces.find(workload.namespace());
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

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    /// By the labels of the namespace, where it is declared, and those of the pods.
    fn is_left(namespace: Option<&str>, pod: &str, webhooks: &str) -> bool {
        let folder = Folder::new();
        if let Some(labels) = namespace {
            let text = format!(
                "apiVersion: v1\nkind: Namespace\nmetadata: {{name: edge, labels: {{{labels}}}}}\n"
            );
            folder.write("namespace.yaml", text);
        }
        folder.write("webhooks.yaml", webhooks);
        folder.write("edge.yaml", format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: edge, namespace: edge}}\nspec:\n  selector: {{matchLabels: {{app: edge}}}}\n  template:\n    metadata: {{labels: {{app: edge{pod}}}}}\n    spec: {{containers: [{{name: istio-proxy, image: auto}}]}}\n"
        ));
        findings(folder.path()).iter().any(|it| it.check == &CHECK)
    }

    #[test]
    fn labels_decide_as_in_an_istio_that_was_just_installed() {
        const ASKS: &str = ", sidecar.istio.io/inject: 'true'";
        const DECLINES: &str = ", sidecar.istio.io/inject: 'false'";
        assert!(!is_left(None, "", "") && is_left(None, DECLINES, ""));
        assert!(is_left(Some(""), "", "") && !is_left(Some(""), ASKS, ""));
        assert!(!is_left(Some("istio-injection: enabled"), "", ""));
        assert!(is_left(Some("istio-injection: enabled"), DECLINES, ""));
        assert!(is_left(Some("istio-injection: disabled"), ASKS, ""));
        assert!(!is_left(Some("istio.io/rev: canary"), "", ""));
    }

    #[test]
    fn webhooks_that_are_shown_decide() {
        let webhooks = "apiVersion: admissionregistration.k8s.io/v1\nkind: MutatingWebhookConfiguration\nmetadata: {name: injector}\nwebhooks:\n- name: a.istio.io\n  clientConfig: {url: 'https://a.test/inject'}\n  objectSelector: {matchLabels: {app: edge}}\n  namespaceSelector: {matchLabels: {mesh: 'yes'}}\n";
        assert!(!is_left(Some("mesh: 'yes'"), "", webhooks));
        assert!(is_left(Some("istio-injection: enabled"), "", webhooks));
    }
}
