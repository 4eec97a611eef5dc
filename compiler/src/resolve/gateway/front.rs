//! Which proxies serve a Gateway of the Gateway API: those that carry its name as a label, or the pods of Services that its author puts in
//! front of it ("manual deployment"), or those that Istio deploys itself. Source: Istio, `IsManaged`, `extractGatewayServices`, `mergeGateways`.

use std::collections::BTreeSet;

use mesh_snapshot::Applies;
use mesh_snapshot::object::Labels;

use super::deployed::own_label;
use crate::api::gateway_api::{Address, Gateway};
use crate::api::{Resource, kubernetes};
use crate::resolve::{Mesh, Workload};

/// Whether a Gateway is not served by the pods of Services that exist anyway.
#[must_use]
pub fn is_managed(gateway: &Gateway) -> bool {
    match gateway.addresses.as_slice() {
        [] => true,
        [only] => only.r#type.as_deref().is_none_or(|it| it == "IPAddress"),
        _ => false,
    }
}

/// The host of the Service that an address stands for; `None` for what is no host.
#[must_use]
pub fn front(address: &Address, namespace: &str, cluster_domain: &str) -> Option<String> {
    let is_host = address.r#type.as_deref() == Some("Hostname");
    let host = is_host.then(|| address.value.clone().unwrap_or_default())?;
    let is_full = host.contains('.');
    Some(if is_full { host } else { format!("{host}.{namespace}.svc.{cluster_domain}") })
}

/// Whom a Gateway is for, of the workloads of its namespace. Where no Service that it names is known, those that carry its name.
#[must_use]
pub fn served_by(mesh: &Mesh<'_>, gateway: &Resource<Gateway>) -> Applies {
    match selectors(mesh, gateway) {
        named if named.is_empty() => Applies::Gateways(BTreeSet::from([gateway.name().to_owned()])),
        named => Applies::Selected(named),
    }
}

/// The workloads that serve a Gateway, that which Istio deploys for it included.
#[must_use]
pub fn proxies<'m, 'a>(mesh: &'m Mesh<'a>, gateway: &Resource<Gateway>) -> Vec<&'m Workload<'a>> {
    let mut selectors = selectors(mesh, gateway);
    if selectors.is_empty() {
        selectors.push(own_label(gateway));
    }
    let selected = |labels| mesh.workloads.selected(Some(&gateway.namespace), labels);
    let mut found: Vec<_> = selectors.iter().flat_map(selected).collect();
    found.sort_by_key(|it| it.id);
    found.dedup_by_key(|it| it.id);
    found.extend(mesh.deployed_gateways.of_gateway(gateway.id));
    found
}

/// Of the Services of its namespace that a Gateway names.
fn selectors(mesh: &Mesh<'_>, gateway: &Resource<Gateway>) -> Vec<Labels> {
    let named = gateway.spec.addresses.iter().filter(|_| !is_managed(&gateway.spec));
    let hosts = named.filter_map(|it| front(it, &gateway.namespace, mesh.settings.cluster_domain));
    let services = hosts.filter_map(|host| front_service(mesh, &gateway.namespace, &host));
    services.map(|it| it.spec.selector.clone()).filter(|it| !it.is_empty()).collect()
}

/// A Service of `namespace`, by its host.
#[must_use]
pub fn front_service<'m>(
    mesh: &'m Mesh<'_>,
    namespace: &str,
    host: &str,
) -> Option<&'m Resource<kubernetes::Service>> {
    let name = host.strip_suffix(mesh.settings.cluster_domain)?.strip_suffix(".svc.")?;
    let name = name.strip_suffix(namespace)?.strip_suffix('.')?;
    let services = &mesh.source.services;
    let found = services.binary_search_by(|it| (&*it.namespace, it.name()).cmp(&(namespace, name)));
    found.ok().and_then(|index| services.get(index))
}
