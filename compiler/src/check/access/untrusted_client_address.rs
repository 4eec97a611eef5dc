//! `untrusted-client-address`: a policy of a gateway asks for the client's own address, and no proxy before it is trusted.
//!
//! Without `numTrustedProxies` what `X-Forwarded-For` says is not believed, so that the address is the direct peer's: behind
//! a balancer that is the balancer. Source: Istio, "Configuring Gateway Network Topology".

use mesh_snapshot::object::Role;

use crate::api::Resource;
use crate::api::istio::Rule;
use crate::api::kubernetes::{ConfigMap, Service};
use crate::check::{selection, trusted_proxies};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::service::Origin;
use crate::resolve::{Mesh, Workload};

pub(in crate::check) static CHECK: Check = Check::lint(
    "untrusted-client-address",
    Severity::Warning,
    include_str!("untrusted_client_address.md"),
);

/// What Istio's own gateways are selected by, where the repository does not show their pods.
const GATEWAY_LABEL: &str = "istio";
const GATEWAY_VALUES: &[&str] = &["ingressgateway", "ingress"];

/// On a `ConfigMap` that changes the templates for all Gateways of a class.
const OF_CLASS: &str = "gateway.istio.io/defaults-for-class";

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    if trusted_proxies::are_set(mesh) {
        return;
    }
    for policy in &mesh.policies.authorization_policies {
        let Ok(scope) = &policy.scope else { continue };
        let selected = selection::of_policy(mesh, scope);
        let labels = policy.resource.spec.selector.as_ref().map(|it| &it.match_labels);
        let is_named = labels
            .and_then(|labels| labels.get(GATEWAY_LABEL))
            .is_some_and(|value| GATEWAY_VALUES.contains(&value.as_str()));
        let is_gateways = match selected.as_slice() {
            [] => is_named,
            some => some.iter().all(|it| {
                it.inventory.role == Role::Gateway
                    && !trusted_proxies::are_set_at(it)
                    && !is_adjusted(mesh, it)
                    && !sees_clients(mesh, it)
            }),
        };
        if !is_gateways {
            continue;
        }
        for (index, rule) in policy.resource.spec.rules.iter().flatten().enumerate() {
            let at = FieldPath::default().field("spec").field("rules").index(index);
            if let Some(at) = client_address(rule, &at) {
                out.push(report(Place::key(policy.resource.id, at)));
            }
        }
    }
}

/// Whether clients from outside connect to the gateway as they are: every Service by which they come keeps their addresses. What
/// Istio deploys comes with a Service that does not, unless somebody says more of it. Sources: Kubernetes,
/// `externalTrafficPolicy`; Istio, "Automated Deployment".
fn sees_clients(mesh: &Mesh<'_>, gateway: &Workload<'_>) -> bool {
    if mesh.deployed_gateways.has(gateway) && has_open_service(gateway) {
        return false;
    }
    let services = mesh.services.served_by(gateway).into_iter();
    let open = services.filter_map(|it| match it.origin {
        Origin::Kubernetes(service) => Some(&*service.spec),
        Origin::Entry(..) => None,
    });
    let is_open = |it: &&Service| matches!(it.r#type.as_deref(), Some("LoadBalancer" | "NodePort"));
    let mut open = open.filter(is_open).peekable();
    let keeps = |it: &Service| it.external_traffic_policy.0.as_deref() == Some("Local");
    open.peek().is_some() && open.all(keeps)
}

/// Whether the Service that Istio makes for a Gateway is open to the outside.
fn has_open_service(gateway: &Workload<'_>) -> bool {
    let said = gateway.own.annotations.get("networking.istio.io/service-type");
    said.is_none_or(|it| it != "ClusterIP")
}

/// Whether a Gateway has Istio's templates of its pods and its Service changed, in whatever way.
fn is_adjusted(mesh: &Mesh<'_>, gateway: &Workload<'_>) -> bool {
    let own = || mesh.api_gateways.iter().find(|it| it.resource.id == gateway.id);
    let deployed = mesh.deployed_gateways.has(gateway).then(own).flatten();
    deployed.is_some_and(|it| {
        let infrastructure = &it.resource.spec.infrastructure;
        let sets_classes = |it: &Resource<ConfigMap>| it.metadata.labels.contains_key(OF_CLASS);
        !infrastructure.annotations.is_empty()
            || infrastructure.parameters_ref.is_some()
            || mesh.source.config_maps.iter().any(sets_classes)
    })
}

/// The first field that looks at the client's own address.
fn client_address(rule: &Rule, at: &FieldPath) -> Option<FieldPath> {
    let sources = rule.from.iter().flatten().enumerate();
    let mut fields = sources.filter_map(|(index, from)| {
        let source = from.source.as_ref()?;
        let lists = [
            ("remoteIpBlocks", &source.remote_ip_blocks),
            ("notRemoteIpBlocks", &source.not_remote_ip_blocks),
        ];
        let (field, _) = lists.into_iter().find(|(_, blocks)| !blocks.is_empty())?;
        Some(at.clone().field("from").index(index).field("source").field(field))
    });
    let condition = || rule.when.iter().position(|condition| condition.key == "remote.ip");
    fields.next().or_else(|| Some(at.clone().field("when").index(condition()?).field("key")))
}

fn report(place: Place) -> Diagnostic {
    Diagnostic::new(&CHECK, place, "the gateway trusts no proxy before it to name the client")
        .label("compared with the direct peer")
        .consequence("behind a balancer every request has the balancer's address")
        .help("set `defaultConfig.gatewayTopology.numTrustedProxies` in the MeshConfig, or use `ipBlocks`, which says so")
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    /// How often it is told of a gateway behind Services that are so.
    fn count(services: &[&str]) -> usize {
        let folder = Folder::new();
        let services = services.iter().enumerate().map(|(index, spec)| {
            format!("apiVersion: v1\nkind: Service\nmetadata: {{name: s{index}, namespace: istio-system}}\nspec: {{{spec}, selector: {{istio: ingress}}, ports: [{{name: http, port: 80}}]}}\n---\n")
        });
        let text = format!(
            "{}apiVersion: v1\nkind: Pod\nmetadata: {{name: p, namespace: istio-system, labels: {{istio: ingress}}}}\nspec: {{containers: [{{name: istio-proxy, image: auto}}]}}\n---\n\
             apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: a, namespace: istio-system}}\nspec:\n  selector: {{matchLabels: {{istio: ingress}}}}\n  rules: [{{from: [{{source: {{remoteIpBlocks: [203.0.113.0/24]}}}}]}}]\n",
            services.collect::<String>()
        );
        folder.write("a.yaml", text);
        findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
    }

    #[test]
    fn a_service_may_keep_the_addresses_of_clients() {
        let (local, cluster) =
            ("type: LoadBalancer, externalTrafficPolicy: Local", "type: LoadBalancer");
        assert_eq!(count(&[local]), 0);
        assert_eq!(count(&[cluster]), 1);
        assert_eq!(count(&[local, cluster]), 1);
        // Inside of the cluster clients are who they are.
        assert_eq!(count(&[local, "type: ClusterIP"]), 0);
        assert_eq!(count(&["type: ClusterIP"]), 1);
    }

    #[test]
    fn the_service_that_istio_makes_does_not_keep_addresses() {
        let is_told = |metadata: &str, spec: &str| {
            let folder = Folder::new();
            folder.write("a.yaml", format!(
                "apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: public, namespace: edge{metadata}}}\nspec: {{gatewayClassName: istio, {spec}listeners: [{{name: http, port: 80, protocol: HTTP}}]}}\n---\n\
                 apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: a, namespace: edge}}\nspec:\n  targetRefs: [{{group: gateway.networking.k8s.io, kind: Gateway, name: public}}]\n  rules: [{{from: [{{source: {{remoteIpBlocks: [203.0.113.0/24]}}}}]}}]\n"
            ));
            findings(folder.path()).iter().any(|it| it.check == &CHECK)
        };
        assert!(is_told("", ""));
        let trusting = "proxy.istio.io/config: '{gatewayTopology: {numTrustedProxies: 1}}'";
        assert!(!is_told(&format!(", annotations: {{{trusting}}}"), ""));
        assert!(!is_told("", &format!("infrastructure: {{annotations: {{{trusting}}}}}, ")));
        // Whatever it changes.
        let parameters = "infrastructure: {parametersRef: {group: '', kind: ConfigMap, name: a}}, ";
        assert!(!is_told("", parameters));
    }
}
