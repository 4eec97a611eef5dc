//! The proxies that Istio itself deploys for Gateways of the Gateway API, of which a repository shows no more than the Gateway.
//!
//! Policies are for them, and requests come through them, as with proxies that stand in the repository. They are no part of
//! [`crate::resolve::Workloads`], since nothing here makes them: nothing is lowered for them, and `undeployed-gateway` says so.
//! Source: Istio, "Automated Deployment", `kube-gateway.yaml`, `extractInfrastructureLabels`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use mesh_snapshot::manifest::GATEWAY_NAME_LABEL;
use mesh_snapshot::object::{Labels, Role, Workload as Inventory};

use super::class::Class;
use super::{ApiGateway, ApiGateways, is_managed};
use crate::api::kubernetes::PodSpec;
use crate::api::{Resource, gateway_api};
use crate::parse::DocumentId;
use crate::resolve::platform_labels::Pods;
use crate::resolve::{Workload, Workloads};

/// What the pods are given by a template of Istio's, which nobody has written here.
static POD: LazyLock<PodSpec> = LazyLock::new(PodSpec::default);

/// Their documents are those of their Gateways.
#[derive(Clone, Debug, Default)]
pub struct DeployedGateways<'a> {
    by_namespace: BTreeMap<&'a str, Vec<Workload<'a>>>,
    /// The namespace and the place there of each.
    places: BTreeMap<DocumentId, (&'a str, usize)>,
}

impl<'a> DeployedGateways<'a> {
    pub(in crate::resolve) fn of(gateways: &ApiGateways<'a>, workloads: &Workloads<'a>) -> Self {
        let is_deployed = |it: &&ApiGateway<'a>| {
            it.class == Class::Mesh
                && is_managed(&it.resource.spec)
                && workloads
                    .selected(Some(&it.resource.namespace), &own_label(it.resource))
                    .is_empty()
        };
        let mut all = Self::default();
        for gateway in gateways.iter().filter(is_deployed) {
            let namespace = gateway.resource.namespace.as_str();
            let own = all.by_namespace.entry(namespace).or_default();
            all.places.insert(gateway.resource.id, (namespace, own.len()));
            own.push(proxy(gateway));
        }
        all
    }

    /// The proxy of a Gateway, if the repository holds none.
    #[must_use]
    pub fn of_gateway(&self, gateway: DocumentId) -> Option<&Workload<'a>> {
        let (namespace, place) = self.places.get(&gateway)?;
        self.by_namespace.get(namespace)?.get(*place)
    }

    /// Whether a workload is one of them.
    #[must_use]
    pub fn has(&self, workload: &Workload<'_>) -> bool {
        self.places.contains_key(&workload.id)
    }

    /// Those of a namespace, or of all.
    pub fn of_namespace(&self, namespace: Option<&str>) -> impl Iterator<Item = &Workload<'a>> {
        let own = namespace.and_then(|own| self.by_namespace.get(own));
        let others = namespace.is_none().then(|| self.by_namespace.values());
        own.into_iter().chain(others.into_iter().flatten()).flatten()
    }
}

/// The label by which the proxies of a Gateway are known.
pub(super) fn own_label(gateway: &Resource<gateway_api::Gateway>) -> Labels {
    [(GATEWAY_NAME_LABEL.to_owned(), gateway.name().to_owned())].into()
}

fn proxy<'a>(gateway: &ApiGateway<'a>) -> Workload<'a> {
    let resource = gateway.resource;
    let infrastructure = &resource.spec.infrastructure.labels;
    let given = if infrastructure.is_empty() { &resource.metadata.labels } else { infrastructure };
    let mut labels = given.clone();
    labels.extend(own_label(resource));
    labels.insert("gateway.istio.io/managed".to_owned(), "istio.io-gateway-controller".to_owned());
    let kind = "Deployment";
    Workload {
        id: resource.id,
        kind,
        home: &resource.namespace,
        inventory: Inventory {
            namespace: resource.namespace.clone(),
            name: gateway.class.name_of_made(resource),
            labels,
            service_account: gateway.account(),
            role: Role::Gateway,
            ..Inventory::default()
        },
        pod: &POD,
        own: &resource.metadata,
        metadata: &resource.metadata,
        pods: Pods::of(kind, &resource.metadata, None),
        template: &[],
    }
}

#[cfg(test)]
mod tests {
    use crate::testing::Compiled;

    const GATEWAY: &str = "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: edge, labels: {team: web}}
spec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}
";

    #[test]
    fn a_gateway_without_pods_gets_some() {
        let deployed = |text: &str| {
            let compiled = Compiled::text(text);
            let mesh = crate::resolve::resolve(&compiled.mesh);
            let all = mesh.deployed_gateways.of_namespace(None).map(|it| {
                let team = it.inventory.labels.get("team").map_or("-", String::as_str);
                format!("{}/{} {team}", it.namespace(), it.inventory.service_account)
            });
            all.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(deployed(GATEWAY), "edge/public-istio web");
        let spec = "spec: {gatewayClassName: istio,";
        for (changed, expected) in [
            (
                "spec: {gatewayClassName: istio, infrastructure: {labels: {team: net}},",
                "edge/public-istio net",
            ),
            ("spec: {gatewayClassName: istio, addresses: [{type: Hostname, value: front}],", ""),
            ("spec: {gatewayClassName: istio-waypoint,", ""),
            ("spec: {gatewayClassName: other,", ""),
        ] {
            assert_eq!(deployed(&GATEWAY.replace(spec, changed)), expected, "{changed}");
        }
        let pod = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: edge, labels: {gateway.networking.k8s.io/gateway-name: public}}\nspec: {containers: [{name: istio-proxy, image: auto}]}\n";
        assert_eq!(deployed(&format!("{GATEWAY}{pod}")), "");
        let elsewhere = pod.replace("namespace: edge", "namespace: shop");
        assert_eq!(deployed(&format!("{GATEWAY}{elsewhere}")), "edge/public-istio web");
    }
}
