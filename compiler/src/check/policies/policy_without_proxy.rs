//! `policy-without-proxy`: an `AuthorizationPolicy` is for workloads none of which has a proxy.
//!
//! Said where the repository shows what the namespace is like: it declares it, and shows what runs. Source: Istio,
//! `auth.AuthorizationPoliciesAnalyzer`, which looks at pods in the mesh alone.

use mesh_snapshot::object::Role;

use crate::api::Resource;
use crate::api::istio::{Attached, AuthorizationPolicy};
use crate::api::kubernetes::Namespace;
use crate::check::ambient::is_ambient;
use crate::check::injection::{self, DATAPLANE_MODE};
use crate::check::kept::apart;
use crate::check::selection;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::{Mesh, Workload};

pub(super) static CHECK: Check =
    Check::lint("policy-without-proxy", Severity::Warning, include_str!("policy_without_proxy.md"))
        .alias(&["IST0127"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let shows_applications = mesh.workloads.iter().any(|it| it.inventory.role == Role::Sidecar);
    if !shows_applications {
        return;
    }
    apart::authorization_policies(mesh, out, |policy, out| {
        let Ok(scope) = &policy.scope else { return };
        let Some(namespace) = scope.namespace.and_then(|name| mesh.namespaces.find(name)) else {
            return;
        };
        let selected = selection::of_policy(mesh, scope);
        let resource = policy.resource;
        if selected.is_empty() {
            // A selector that selects nobody among others is `selector-without-workload`'s.
            let is_empty = mesh.workloads.of_namespace(namespace.name()).is_empty()
                && !mesh.source.promised.has_pods_in(namespace.name())
                && !selection::may_be_for_machines(mesh, scope);
            if is_empty && !resource.spec.attachment().is_targeted() {
                out.push(nobody(resource, namespace));
            }
        } else if !selected.iter().any(|it| is_meshed(mesh, it, namespace))
            && !selection::may_be_for_machines(mesh, scope)
        {
            out.push(without_proxy(resource, &selected));
        }
    });
}

fn is_meshed(mesh: &Mesh<'_>, workload: &Workload<'_>, namespace: &Resource<Namespace>) -> bool {
    if injection::is_on_node(workload) {
        return false;
    }
    let has_revision = injection::label(&namespace.metadata, injection::REVISION).is_some()
        && injection::own_choice(workload.metadata).is_none();
    has_revision
        || workload.inventory.role == Role::Gateway
        || injection::is_meshed(mesh, workload)
        || is_ambient(workload)
        || injection::label(&namespace.metadata, DATAPLANE_MODE) == Some("ambient")
}

fn nobody(policy: &Resource<AuthorizationPolicy>, namespace: &Resource<Namespace>) -> Diagnostic {
    let message = format!("nothing runs in namespace `{}`", namespace.name());
    Diagnostic::new(&CHECK, Place::resource(policy.id), message)
        .label("is for nobody")
        .also(Place::resource(namespace.id), "no workload is here")
        .consequence("the policy is for nobody, and protects nothing")
        .help("a policy holds for its own namespace; one for all stands in the root namespace")
}

fn without_proxy(policy: &Resource<AuthorizationPolicy>, selected: &[&Workload<'_>]) -> Diagnostic {
    let has_selector = policy.spec.selector.is_some();
    let place = if has_selector {
        Place::key(policy.id, FieldPath::default().field("spec").field("selector"))
    } else {
        Place::resource(policy.id)
    };
    let found = Diagnostic::new(
        &CHECK,
        place,
        "none of the workloads that this is for has a proxy",
    )
    .label("is for nobody")
    .consequence("nobody enforces the policy: every request to them is let in")
    .help(if selected.iter().all(|it| injection::is_on_node(it)) {
        "remove `hostNetwork`: pods on the network of their node get no proxy"
    } else {
        "have their pods injected, with the label `istio-injection: enabled` of the namespace"
    });
    let shown = selected.iter().take(SHOWN_MAX);
    shown.fold(found, |found, it| found.also(Place::resource(it.id), "has no proxy"))
}

/// How many workloads a finding points at.
const SHOWN_MAX: usize = 3;

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    #[test]
    fn a_gateway_that_istio_deploys_is_a_proxy() {
        let is_told = |name: &str, attached: &str| {
            let folder = Folder::new();
            folder.write("a.yaml", format!(
                "apiVersion: v1\nkind: Namespace\nmetadata: {{name: edge}}\n---\n\
                 apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web, namespace: shop}}\nspec: {{selector: {{matchLabels: {{app: web}}}}, template: {{metadata: {{labels: {{app: web}}}}, spec: {{containers: [{{name: web, image: web}}]}}}}}}\n---\n\
                 apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: public, namespace: {name}}}\nspec: {{gatewayClassName: istio, listeners: [{{name: http, port: 80, protocol: HTTP}}]}}\n---\n\
                 apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: a, namespace: edge}}\nspec: {{{attached}rules: [{{from: [{{source: {{ipBlocks: [203.0.113.0/24]}}}}]}}]}}\n"
            ));
            findings(folder.path()).iter().any(|it| it.check == &CHECK)
        };
        let label = "selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: public}}, ";
        for attached in ["", label] {
            assert!(!is_told("edge", attached), "{attached}");
            assert!(is_told("shop", attached), "{attached}");
        }
    }
}
