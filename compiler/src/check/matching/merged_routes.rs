//! The routes that requests for one host meet at a gateway, in the order in which they are tried there.
//!
//! The routes of all `VirtualService`s that bind to the host stand one after another, from the oldest resource to the
//! youngest; what takes every request goes last. Of resources that not everybody sees, each set of clients has an order of
//! its own: only those of equal visibility are put together here. Source: Istio, `buildGatewayHTTPRouteConfig`,
//! `SortVHostRoutes`.

use std::collections::{BTreeMap, BTreeSet};

use super::cover::covers_request;
use super::route_place::{match_place, place};
use crate::api::istio::HttpMatch;
use crate::diagnostic::Place;
use crate::resolve::Mesh;
use crate::resolve::gateway::{IstioGateway, Server};
use crate::resolve::host::Host;
use crate::resolve::route::{
    GatewayName, MergedHttp, VirtualService, VirtualServiceId, gateway_name,
};

/// What requests for `host` meet at a gateway.
pub(in crate::check) struct MergedRoutes<'m, 'a> {
    /// `namespace/name`
    pub gateway: &'m str,
    /// The first one, where the same resources are bound to several.
    pub host: Host,
    pub tried: Vec<Merged<'m, 'a>>,
}

/// A match of a route of one of the resources.
#[derive(Clone, Copy)]
pub(in crate::check) struct Merged<'m, 'a> {
    pub of: &'m VirtualService<'a>,
    pub route: &'m MergedHttp<'a>,
    /// With its place in the route; without one the route takes every request.
    pub test: Option<(usize, &'m HttpMatch)>,
}

/// For each gateway and host to which several resources are bound.
pub(in crate::check) fn all<'m, 'a>(mesh: &'m Mesh<'a>) -> Vec<MergedRoutes<'m, 'a>> {
    mesh.gateways.iter().flat_map(|gateway| of_gateway(mesh, gateway)).collect()
}

fn of_gateway<'m, 'a>(
    mesh: &'m Mesh<'a>,
    gateway: &'m IstioGateway<'a>,
) -> Vec<MergedRoutes<'m, 'a>> {
    let bound = mesh.virtual_services.of_gateway(&gateway.full_name);
    if bound.len() < 2 {
        return Vec::new();
    }
    let name = GatewayName::Named(gateway.full_name.clone());
    let servers = gateway.servers.iter().filter(|it| it.is_served() && it.is_http());
    let mut hosts = BTreeSet::new();
    let servers = servers.filter(|it| hosts.insert(names(it)));
    // What several hosts share is looked at once, and so are servers with the same hosts.
    let mut met = BTreeSet::new();
    let mut merged = Vec::new();
    for (host, ids) in servers.flat_map(|server| by_host(mesh, gateway, server)) {
        if ids.len() < 2 {
            continue;
        }
        for ids in alike(mesh, ids) {
            if ids.len() < 2 || !met.insert(ids.clone()) {
                continue;
            }
            let tried = in_order(mesh, &ids, &name);
            merged.push(MergedRoutes { gateway: &gateway.full_name, host: host.clone(), tried });
        }
    }
    merged
}

/// The hosts of a server, and who may bind to them.
fn names<'m>(server: &'m Server<'_>) -> BTreeSet<(Option<&'m str>, &'m Host)> {
    server.hosts.iter().map(|own| (own.namespace, &own.host)).collect()
}

/// The resources of each virtual host at a port of a gateway, from the oldest on.
pub(in crate::check) fn by_host_at(
    mesh: &Mesh<'_>,
    gateway: &IstioGateway<'_>,
    port: u16,
) -> BTreeMap<Host, BTreeSet<VirtualServiceId>> {
    let mut all: BTreeMap<Host, BTreeSet<VirtualServiceId>> = BTreeMap::new();
    let is_here = |it: &&Server<'_>| it.port == port && it.is_served() && it.is_http();
    for server in gateway.servers.iter().filter(is_here) {
        for (host, ids) in by_host(mesh, gateway, server) {
            all.entry(host).or_default().extend(ids);
        }
    }
    all
}

/// The resources of each virtual host of a server, from the oldest on.
fn by_host(
    mesh: &Mesh<'_>,
    gateway: &IstioGateway<'_>,
    server: &Server<'_>,
) -> BTreeMap<Host, BTreeSet<VirtualServiceId>> {
    let mut by_host: BTreeMap<Host, BTreeSet<VirtualServiceId>> = BTreeMap::new();
    for own in &server.hosts {
        for (id, host) in mesh.virtual_services.of_server_host(&gateway.full_name, own) {
            by_host.entry(host).or_default().insert(id);
        }
    }
    by_host
}

/// Those that the same clients see.
fn alike(mesh: &Mesh<'_>, ids: BTreeSet<VirtualServiceId>) -> Vec<Vec<VirtualServiceId>> {
    let mut places = BTreeMap::new();
    let mut groups: Vec<Vec<VirtualServiceId>> = Vec::new();
    for id in ids {
        let place =
            *places.entry(&mesh.virtual_services.get(id).visibility).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(id),
            None => groups.push(vec![id]),
        }
    }
    groups
}

/// Their routes at a gateway, in the order in which they are tried.
pub(in crate::check) fn in_order<'m, 'a>(
    mesh: &'m Mesh<'a>,
    ids: &[VirtualServiceId],
    gateway: &GatewayName,
) -> Vec<Merged<'m, 'a>> {
    let mut tried = Vec::new();
    for id in ids {
        let of = mesh.virtual_services.get(*id);
        for it in of.http.iter().flat_map(|route| tests(of, route, gateway)) {
            tried.push(it);
            // What stands behind such a one in its own resource is not built.
            if it.is_catch_all() {
                break;
            }
        }
    }
    tried.sort_by_key(Merged::is_catch_all);
    tried
}

/// What of a route applies at `gateway`: its matches, or the whole of it.
fn tests<'m, 'a>(
    of: &'m VirtualService<'a>,
    route: &'m MergedHttp<'a>,
    gateway: &GatewayName,
) -> Vec<Merged<'m, 'a>> {
    if route.spec.r#match.is_empty() {
        return vec![Merged { of, route, test: None }];
    }
    let namespace = &route.resource.namespace;
    let is_here = |test: &HttpMatch| {
        let mut names = test.gateways.iter();
        test.gateways.is_empty() || names.any(|name| gateway_name(name, namespace) == *gateway)
    };
    let written = route.spec.r#match.iter().enumerate().filter(|(_, test)| is_here(test));
    written.map(|test| Merged { of, route, test: Some(test) }).collect()
}

impl Merged<'_, '_> {
    /// Whether it takes every path and asks for nothing else, as Istio understands it: `/.*` is an expression like others.
    /// Source: Istio, `isCatchAllRoute`.
    pub(in crate::check) fn is_catch_all(&self) -> bool {
        self.test.is_none_or(|(_, test)| {
            let any_path = test.uri.as_ref().is_none_or(|uri| {
                uri.prefix.as_deref() == Some("/") || uri.regex.as_deref() == Some(".*")
            });
            any_path
                && test.headers.is_empty()
                && test.without_headers.is_empty()
                && test.query_params.is_empty()
                && test.method.is_none()
                && test.scheme.is_none()
                && test.authority.is_none()
        })
    }

    /// The match, or the route that has none.
    pub(in crate::check) fn place(&self) -> Place {
        let test = self.test.map(|(index, _)| match_place(self.route, index));
        test.unwrap_or_else(|| place(self.route))
    }

    /// Whether it takes every request at its gateway that `other` takes.
    pub(in crate::check) fn covers(&self, other: &Self) -> bool {
        match (self.test, other.test) {
            (None, _) => true,
            (Some((_, own)), None) => covers_request(own, &HttpMatch::default()),
            (Some((_, own)), Some((_, other))) => covers_request(own, other),
        }
    }
}
