//! Where the routes of a `VirtualService` are tried, and at which ports requests come there.

use std::collections::BTreeSet;

use mesh_snapshot::object::Protocol;

use crate::api::istio::HttpMatch;
use crate::check::inventory;
use crate::resolve::Mesh;
use crate::resolve::host::is_wildcard;
use crate::resolve::route::{GatewayName, MergedHttp, VirtualService, gateway_name};

pub(in crate::check) struct HttpPlaces<'m>(Vec<HttpPlace<'m>>);

/// A gateway, or the mesh.
pub(in crate::check) struct HttpPlace<'m> {
    name: &'m GatewayName,
    ports: Option<Vec<u16>>,
}

impl<'m> HttpPlaces<'m> {
    pub(in crate::check) fn of(mesh: &Mesh<'_>, it: &'m VirtualService<'_>) -> Self {
        let place = |name: &'m GatewayName| {
            let ports = match name {
                GatewayName::Mesh => ports(mesh, it),
                GatewayName::Named(_) => None,
            };
            HttpPlace { name, ports }
        };
        Self(it.gateways.iter().map(place).collect())
    }

    pub(in crate::check) fn iter(&self) -> impl Iterator<Item = &HttpPlace<'m>> {
        self.0.iter()
    }
}

impl HttpPlace<'_> {
    /// Whether a match of a route is tried here.
    pub(in crate::check) fn has(&self, route: &MergedHttp<'_>, test: &HttpMatch) -> bool {
        let namespace = &route.resource.namespace;
        let mut named = test.gateways.iter().map(|it| gateway_name(it, namespace));
        test.gateways.is_empty() || named.any(|it| it == *self.name)
    }

    /// Those at which requests come; absent: they are not known.
    pub(in crate::check) fn ports(&self) -> Option<&[u16]> {
        self.ports.as_deref()
    }
}

/// Those of its hosts at which the mesh routes requests. Absent: not all of its hosts are known.
fn ports(mesh: &Mesh<'_>, it: &VirtualService<'_>) -> Option<Vec<u16>> {
    // Only a match that asks for a port makes a difference between them.
    let mut tests = it.http.iter().flat_map(|route| &route.spec.r#match);
    if !tests.any(|test| test.port != 0) {
        return None;
    }
    let mut ports = BTreeSet::new();
    for host in &it.hosts {
        let services = mesh.services.of_host(host);
        if is_wildcard(host) || services.is_empty() || inventory::may_have_host(mesh, host) {
            return None;
        }
        for service in services.iter().map(|id| mesh.services.get(*id)) {
            if service.alias.is_some() {
                return None;
            }
            let own = service.object.ports.iter();
            let routed = own.filter(|it| it.protocol.is_http() || it.protocol == Protocol::Detect);
            ports.extend(routed.map(|it| it.number));
        }
    }
    Some(ports.into_iter().collect()).filter(|ports: &Vec<_>| !ports.is_empty())
}
