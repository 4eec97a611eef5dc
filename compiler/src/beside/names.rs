//! What resources name: the hosts that they are for, and where their routes apply.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Named;
use crate::api::gateway_api::ParentReference;
use crate::api::istio::VirtualService;
use crate::diagnostic::Place;
use crate::lower::Locator;
use crate::parse::DocumentId;
use crate::resolve::Mesh;
use crate::resolve::host::{lower, qualify};
use crate::resolve::route::{GatewayName, gateway_name};

/// By resource.
type ByResource = BTreeMap<Arc<str>, Named>;

pub(super) fn hosts(mesh: &Mesh<'_>, locator: &Locator<'_>) -> ByResource {
    let (source, domain) = (mesh.source, mesh.settings.cluster_domain);
    let virtual_services = source.virtual_services.iter().map(|it| {
        let names = it.spec.hosts.iter().map(|name| qualify(name, &it.namespace, domain));
        said(it.id, "hosts", names.collect(), locator)
    });
    let rules = source.destination_rules.iter().map(|it| {
        said(it.id, "host", [qualify(&it.spec.host, &it.namespace, domain)].into(), locator)
    });
    let routes = source.http_routes.iter().map(|it| {
        let names = it.spec.hostnames.iter().map(|name| lower(name));
        said(it.id, "hostnames", names.collect(), locator)
    });
    virtual_services.chain(rules).chain(routes).collect()
}

pub(super) fn parents(mesh: &Mesh<'_>, locator: &Locator<'_>) -> ByResource {
    let source = mesh.source;
    let virtual_services = source.virtual_services.iter();
    let virtual_services = virtual_services
        .map(|it| said(it.id, "gateways", gateways(&it.spec, &it.namespace), locator));
    let requests = source.http_routes.iter();
    let requests = requests.map(|it| (it.id, &it.namespace, &it.spec.parent_refs));
    let streams = source.stream_routes.iter();
    let streams = streams.map(|it| (it.id, &it.namespace, &it.spec.parent_refs));
    let routes = requests.chain(streams).map(|(resource, namespace, parents)| {
        let names = parents.iter().map(|parent| parent_name(parent, namespace).into());
        said(resource, "parentRefs", names.collect(), locator)
    });
    virtual_services.chain(routes).collect()
}

fn said(
    resource: DocumentId,
    field: &'static str,
    names: BTreeSet<Arc<str>>,
    locator: &Locator<'_>,
) -> (Arc<str>, Named) {
    let place = locator.location(&Place::resource(resource));
    (Arc::clone(&place.resource), Named { field, names, place })
}

/// The mesh, where none is named. The routes of a delegate apply where those do that lead to it.
fn gateways(spec: &VirtualService, namespace: &str) -> BTreeSet<Arc<str>> {
    if spec.gateways.is_empty() && !spec.hosts.is_empty() {
        return [Arc::from("mesh")].into();
    }
    let names = spec.gateways.iter().map(|name| match gateway_name(name, namespace) {
        GatewayName::Mesh => Arc::from("mesh"),
        GatewayName::Named(name) => Arc::from(name.to_string()),
    });
    names.collect()
}

/// `Gateway shop/public`, `Gateway shop/public https`, `Service shop/web 80`. A kind that is of none of the groups that routes are
/// attached to is told with its own: `Gateway.networking.istio.io shop/public`.
fn parent_name(parent: &ParentReference, own: &str) -> String {
    let group = parent.group.as_deref().unwrap_or("gateway.networking.k8s.io");
    let kind = parent.kind.as_deref().unwrap_or("Gateway");
    let namespace = parent.namespace.as_deref().unwrap_or(own);
    let kind = match (group, kind) {
        ("gateway.networking.k8s.io", "Gateway" | "ListenerSet")
        | ("", "Service")
        | ("networking.istio.io", "ServiceEntry") => kind.to_owned(),
        ("", kind) => format!("{kind}.core"),
        (group, kind) => format!("{kind}.{group}"),
    };
    let section = parent.section_name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
    let port = parent.port.map(|port| format!(" {port}")).unwrap_or_default();
    format!("{kind} {namespace}/{}{section}{port}", parent.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parent(group: Option<&str>, kind: Option<&str>) -> ParentReference {
        let [group, kind] = [group, kind].map(|it| it.map(str::to_owned));
        ParentReference { group, kind, name: "a".to_owned(), ..ParentReference::default() }
    }

    #[test]
    fn a_parent_is_told_alike_however_it_is_written() {
        let api = Some("gateway.networking.k8s.io");
        for (group, kind, told) in [
            (None, None, "Gateway shop/a"),
            (api, Some("Gateway"), "Gateway shop/a"),
            (Some(""), Some("Service"), "Service shop/a"),
            (Some("networking.istio.io"), Some("ServiceEntry"), "ServiceEntry shop/a"),
            // What means something else is told apart from them.
            (None, Some("Service"), "Service.gateway.networking.k8s.io shop/a"),
            (Some("networking.istio.io"), None, "Gateway.networking.istio.io shop/a"),
            (Some(""), None, "Gateway.core shop/a"),
        ] {
            assert_eq!(parent_name(&parent(group, kind), "shop"), told);
        }
        let section = ParentReference {
            namespace: Some("edge".to_owned()),
            section_name: Some("https".to_owned()),
            port: Some(443),
            ..parent(None, None)
        };
        assert_eq!(parent_name(&section, "shop"), "Gateway edge/a https 443");
    }

    #[test]
    fn gateways_are_told_in_full_and_the_mesh_where_none_is_named() {
        let of = |hosts: &[&str], gateways: &[&str]| {
            let [hosts, gateways] =
                [hosts, gateways].map(|names| names.iter().map(|it| (*it).to_owned()).collect());
            let spec = VirtualService { hosts, gateways, ..VirtualService::default() };
            let names = super::gateways(&spec, "shop");
            names.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(of(&["a"], &[]), ["mesh"]);
        assert_eq!(of(&["a"], &["g", "mesh", "edge/g"]), ["edge/g", "mesh", "shop/g"]);
        assert_eq!(of(&[], &[]), [""; 0]);
    }
}
