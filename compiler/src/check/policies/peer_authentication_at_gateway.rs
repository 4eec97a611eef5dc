//! `peer-authentication-at-gateway`: a `PeerAuthentication` selects the proxies of gateways, and nobody else.
//!
//! Sources: Istio, `buildGatewayListeners`, which looks at no `PeerAuthentication`, as `appendSidecarInboundListeners` does; "Auto
//! mutual TLS", which asks what one says of pods that the label `security.istio.io/tlsMode` says to take it.

use mesh_engine::cluster::takes_mutual_tls;
use mesh_snapshot::Applies;
use mesh_snapshot::object::Role;

use crate::check::selection;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::{Mesh, Workload};

pub(in crate::check) static CHECK: Check = Check::lint(
    "peer-authentication-at-gateway",
    Severity::Warning,
    include_str!("peer_authentication_at_gateway.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for policy in &mesh.policies.peer_authentications {
        let Ok(scope) = &policy.scope else { continue };
        if !matches!(scope.applies, Applies::Selected(_)) {
            continue;
        }
        // Who is not known may be no gateway.
        if mesh.source.promised.has_pods_in(&policy.resource.namespace) {
            continue;
        }
        let selected = selection::all_of_policy(mesh, scope);
        let goes_by_servers = |it: &&Workload<'_>| {
            it.inventory.role == Role::Gateway
                && !takes_mutual_tls(it.inventory.role, &it.inventory.labels)
        };
        let Some(first) = selected.first().filter(|_| selected.iter().all(goes_by_servers)) else {
            continue;
        };
        let place = FieldPath::default().field("spec").field("selector");
        let message = "a gateway takes what its servers say, and this is for gateways alone";
        out.push(
            Diagnostic::new(&CHECK, Place::key(policy.resource.id, place), message)
                .label("has no effect")
                .also(Place::resource(first.id), "this is a gateway")
                .consequence("nobody is refused there, nor let in, by what it says")
                .help("let a server of the Gateway say `tls.mode: ISTIO_MUTUAL` for callers in the mesh"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    fn is_told(others: &str) -> bool {
        let page = CHECK.docs.split("```yaml fails\n").nth(1).unwrap();
        let folder = Folder::new();
        folder.write("a.yaml", page.split("```").next().unwrap());
        folder.write("b.yaml", others);
        findings(folder.path()).iter().any(|it| it.check == &CHECK)
    }

    #[test]
    fn whoever_else_is_selected_is_protected_by_it() {
        assert!(is_told(""));
        let machine = |namespace: &str, app: &str| {
            format!(
                "apiVersion: networking.istio.io/v1\nkind: WorkloadEntry\nmetadata: {{name: vm, namespace: {namespace}}}\nspec: {{address: 10.0.0.7, labels: {{istio: {app}}}}}\n"
            )
        };
        assert!(!is_told(&machine("edge", "egress")));
        assert!(is_told(&machine("edge", "other")));
        assert!(is_told(&machine("shop", "egress")));
        // One of any namespace is held back, as whatever misses machines is.
        assert!(!is_told(&machine("edge", "'${APP}'")));
        let group = "apiVersion: networking.istio.io/v1\nkind: WorkloadGroup\nmetadata: {name: vm, namespace: edge}\nspec: {template: {serviceAccount: vm}}\n";
        assert!(!is_told(group));
        let deployment = |namespace: &str, app: &str| {
            format!(
                "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: pay, namespace: {namespace}}}\nspec: {{selector: {{matchLabels: {{istio: {app}}}}}, template: {{metadata: {{labels: {{istio: {app}}}}}, spec: {{containers: [{{name: a, image: a}}]}}}}}}\n"
            )
        };
        assert!(!is_told(&deployment("edge", "egress")));
        assert!(is_told(&deployment("edge", "other")));
        assert!(!is_told(&deployment("edge", "'${APP}'")));
        assert!(is_told(&deployment("shop", "'${APP}'")));
        // One that is no YAML before says all the same where it stands.
        for app in ["${APP}", "{{ .Values.app }}"] {
            assert!(!is_told(&deployment("edge", app)), "{app}");
            assert!(is_told(&deployment("shop", app)), "{app}");
        }
    }
}
