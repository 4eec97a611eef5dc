//! `HTTPRoute`s and `GRPCRoute`s: what they are attached to, and what they lead to. Source: Gateway API, `HTTPRoute`; Istio,
//! `pilot/pkg/config/kube/gateway`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::backend::{Backend, Backends};
use super::parent::{Parent, Seeker};
use crate::api::gateway_api::{self, HttpRouteFilter};
use crate::api::{Mesh, Resource};
use crate::parse::DocumentId;
use crate::resolve::gateway::{ApiGateway, ApiGateways, Listener};
use crate::resolve::host::{Host, is_within, lower};
use crate::resolve::{Age, Visibility};

/// By its place in [`HttpRoutes`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct HttpRouteId(u32);

#[derive(Clone, Debug)]
pub struct HttpRoute<'a> {
    pub resource: &'a Resource<gateway_api::HttpRoute>,
    pub age: Age<'a>,
    /// As the mesh's default for `VirtualService`s has it.
    pub visibility: Visibility<'a>,
    /// `*` where none is written.
    pub hostnames: Vec<Host>,
    /// By place in `spec.parentRefs`.
    pub parents: Vec<Parent<'a>>,
    /// By place in `spec.rules`.
    pub rules: Vec<Rule>,
}

/// What a rule leads to.
#[derive(Clone, Debug)]
pub struct Rule {
    /// By place in `backendRefs`.
    pub backends: Vec<Backend>,
    /// Of mirror filters, with their place in `filters`.
    pub mirrors: Vec<(usize, Backend)>,
}

/// A route, and the port of the host that it is attached to; absent: all of its ports.
pub type Attached = (HttpRouteId, Option<u16>);

/// All routes, ready to be looked up.
#[derive(Clone, Debug, Default)]
pub struct HttpRoutes<'a> {
    /// The oldest first, as the Gateway API orders them.
    all: Vec<HttpRoute<'a>>,
    /// Host of the mesh → namespace of the routes → routes, each with the port that its parent names.
    mesh: BTreeMap<Host, BTreeMap<&'a str, Vec<Attached>>>,
    /// Gateway and place of the listener → the routes that attach there.
    listeners: BTreeMap<(DocumentId, usize), Vec<HttpRouteId>>,
}

impl<'a> HttpRoutes<'a> {
    pub(in crate::resolve) fn of(
        mesh: &'a Mesh,
        gateways: &ApiGateways<'a>,
        backends: &Backends<'_, 'a>,
    ) -> Self {
        let resolve = |resource| resolve(resource, gateways, backends);
        let mut all: Vec<_> = mesh.http_routes.iter().map(resolve).collect();
        all.sort_by_key(|route| (route.age.in_gateway_api(), route.resource.spec.kind));
        let mut routes = Self { all, ..Self::default() };
        for (route, id) in routes.all.iter().zip((0..).map(HttpRouteId)) {
            let namespace = route.resource.namespace.as_str();
            for parent in &route.parents {
                match parent {
                    Parent::Mesh(parent) => {
                        for host in &parent.hosts {
                            let of_host = routes.mesh.entry(Arc::clone(host)).or_default();
                            of_host.entry(namespace).or_default().push((id, parent.port));
                        }
                    }
                    Parent::Gateway { gateway, listeners } => {
                        for listener in listeners {
                            let attached =
                                routes.listeners.entry((gateway.id, *listener)).or_default();
                            if attached.last() != Some(&id) {
                                attached.push(id);
                            }
                        }
                    }
                    Parent::Refused(_) | Parent::Foreign => {}
                }
            }
        }
        routes
    }

    /// One of these.
    ///
    /// # Panics
    /// With an id of others.
    #[must_use]
    pub fn get(&self, id: HttpRouteId) -> &HttpRoute<'a> {
        #[expect(clippy::indexing_slicing, reason = "only this collection hands out its ids")]
        &self.all[id.0 as usize]
    }

    pub fn iter(&self) -> impl Iterator<Item = (HttpRouteId, &HttpRoute<'a>)> {
        (0..).map(HttpRouteId).zip(&self.all)
    }

    /// Hosts of the mesh that some route is attached to, sorted.
    pub fn mesh_hosts(&self) -> impl Iterator<Item = &Host> {
        self.mesh.keys()
    }

    /// The routes of a host of the mesh, by their namespace.
    pub fn of_mesh_host(&self, host: &str) -> impl Iterator<Item = (&'a str, &[Attached])> {
        let of_host = self.mesh.get(host).into_iter().flatten();
        of_host.map(|(namespace, routes)| (*namespace, routes.as_slice()))
    }

    /// The routes of each host under which a listener serves any, the oldest first.
    #[must_use]
    pub fn by_host_at(
        &self,
        gateway: &ApiGateway<'a>,
        listener: &Listener<'a>,
    ) -> BTreeMap<Host, Vec<HttpRouteId>> {
        let narrower = gateway.narrower_than(listener);
        let mut by_host: BTreeMap<Host, Vec<HttpRouteId>> = BTreeMap::new();
        for id in self.of_listener(gateway.resource.id, listener.index) {
            for (host, _) in self.get(*id).hosts_at(listener, &narrower) {
                let ids = by_host.entry(Arc::clone(host)).or_default();
                if ids.last() != Some(id) {
                    ids.push(*id);
                }
            }
        }
        by_host
    }

    /// The routes that attach to a listener, the oldest first.
    #[must_use]
    pub fn of_listener(&self, gateway: DocumentId, listener: usize) -> &[HttpRouteId] {
        self.listeners.get(&(gateway, listener)).map_or(&[], Vec::as_slice)
    }
}

fn resolve<'a>(
    resource: &'a Resource<gateway_api::HttpRoute>,
    gateways: &ApiGateways<'a>,
    backends: &Backends<'_, 'a>,
) -> HttpRoute<'a> {
    let spec = &resource.spec;
    let from = (spec.kind.name(), resource.namespace.as_str());
    let mut hostnames: Vec<Host> = spec.hostnames.iter().map(|name| lower(name)).collect();
    if hostnames.is_empty() {
        hostnames.push("*".into());
    }
    let seeker = Seeker { kind: from.0, namespace: &resource.namespace, hostnames: &hostnames };
    let parents = spec.parent_refs.iter();
    let parents = parents.map(|it| seeker.parent(it, gateways, backends.services)).collect();
    let rules = spec.rules.iter().map(|rule| Rule {
        backends: rule.backend_refs.iter().map(|it| backends.find(it.object(), from)).collect(),
        mirrors: mirrors(&rule.filters)
            .map(|(index, it)| (index, backends.find(it.object(), from)))
            .collect(),
    });
    HttpRoute {
        resource,
        age: Age::of(resource),
        visibility: Visibility::of(
            [],
            &resource.namespace,
            backends.settings.virtual_service_export_to,
        ),
        hostnames,
        parents,
        rules: rules.collect(),
    }
}

fn mirrors(
    filters: &[HttpRouteFilter],
) -> impl Iterator<Item = (usize, &gateway_api::BackendReference)> {
    let mirrors = filters.iter().enumerate();
    mirrors.filter_map(|(index, it)| Some((index, &it.request_mirror.as_ref()?.backend_ref)))
}

impl HttpRoute<'_> {
    /// The hosts under which a listener serves the route: what its names and the listener's have in common, but
    /// for those that a narrower listener on the same port has. With each, the route's name.
    #[must_use]
    pub fn hosts_at<'h>(
        &'h self,
        listener: &'h Listener<'_>,
        narrower: &[&Listener<'_>],
    ) -> Vec<(&'h Host, &'h Host)> {
        let is_free = |name: &&Host| !narrower.iter().any(|other| is_within(name, &other.hostname));
        self.hostnames
            .iter()
            .filter(is_free)
            .filter_map(|name| {
                Some((crate::resolve::host::intersection(&listener.hostname, name)?, name))
            })
            .collect()
    }
}
