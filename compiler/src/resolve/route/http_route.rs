//! `HTTPRoute`s and `GRPCRoute`s: what they are attached to, and what they lead to. Source: Gateway API, `HTTPRoute`; Istio,
//! `pilot/pkg/config/kube/gateway`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::backend::{Backend, Backends};
use crate::api::gateway_api::{self, HttpRouteFilter, ParentReference};
use crate::api::{Mesh, Resource};
use crate::parse::DocumentId;
use crate::resolve::gateway::{ApiGateway, ApiGateways, Class, Listener};
use crate::resolve::host::{Host, is_within, lower, overlap};
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

/// What a route is attached to.
#[derive(Clone, Debug)]
pub enum Parent<'a> {
    /// Listeners of a Gateway, by their places in it.
    Gateway {
        gateway: &'a Resource<gateway_api::Gateway>,
        listeners: Vec<usize>,
    },
    /// A Service or a `ServiceEntry`: a route of the mesh.
    Mesh(MeshParent<'a>),
    Refused(RefusedParent<'a>),
    /// Another program's business.
    Foreign,
}

#[derive(Clone, Debug)]
pub struct MeshParent<'a> {
    /// Of the Service.
    pub namespace: &'a str,
    pub hosts: Vec<Host>,
    /// Absent: all of its ports.
    pub port: Option<u16>,
}

/// Why a route is not attached.
#[derive(Clone, Debug)]
pub enum RefusedParent<'a> {
    /// There is no Gateway, Service or `ServiceEntry` of this name.
    Missing { kind: &'a str, namespace: &'a str, name: &'a str },
    /// The Gateway has no listener of this name, or on this port.
    NoListener(&'a Resource<gateway_api::Gateway>),
    /// No listener has a name in common with the route.
    NoHostname(&'a Resource<gateway_api::Gateway>),
    /// No listener admits routes of this namespace, or of this kind.
    NotAllowed(&'a Resource<gateway_api::Gateway>),
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
    let parents = spec.parent_refs.iter();
    let parents =
        parents.map(|parent| find_parent(parent, resource, &hostnames, gateways, backends));
    let parents = parents.collect();
    let rules = spec.rules.iter().map(|rule| Rule {
        backends: rule.backend_refs.iter().map(|it| backends.find(it.into(), from)).collect(),
        mirrors: mirrors(&rule.filters)
            .map(|(index, it)| (index, backends.find(it.into(), from)))
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

fn find_parent<'a>(
    reference: &'a ParentReference,
    route: &'a Resource<gateway_api::HttpRoute>,
    hostnames: &[Host],
    gateways: &ApiGateways<'a>,
    backends: &Backends<'_, 'a>,
) -> Parent<'a> {
    let group = reference.group.as_deref().unwrap_or("gateway.networking.k8s.io");
    let kind = reference.kind.as_deref().unwrap_or("Gateway");
    let namespace = reference.namespace.as_deref().unwrap_or(&route.namespace);
    let missing =
        || Parent::Refused(RefusedParent::Missing { kind, namespace, name: &reference.name });
    let port = reference.port.and_then(|port| u16::try_from(port).ok());
    let services = backends.services;
    match (group, kind) {
        ("gateway.networking.k8s.io", "Gateway") => {
            match gateways.find(namespace, &reference.name) {
                Some(gateway) if matches!(gateway.class, Class::Foreign | Class::Unknown) => {
                    Parent::Foreign
                }
                Some(gateway) => attach(reference, route, hostnames, gateway),
                None => missing(),
            }
        }
        ("", "Service") => match services.kubernetes(namespace, &reference.name) {
            Some((_, service)) => {
                let hosts = vec![Arc::clone(&service.host)];
                Parent::Mesh(MeshParent { namespace: service.namespace, hosts, port })
            }
            None => missing(),
        },
        ("networking.istio.io", "ServiceEntry") => {
            let ids = services.of_entry(namespace, &reference.name);
            let entries: Vec<_> = ids.map(|id| services.get(id)).collect();
            let hosts = entries.iter().map(|it| Arc::clone(&it.host)).collect();
            match entries.first() {
                Some(first) => Parent::Mesh(MeshParent { namespace: first.namespace, hosts, port }),
                None => missing(),
            }
        }
        _ => Parent::Foreign,
    }
}

/// Tries every listener of the Gateway; what refuses the last that came furthest is what is told.
fn attach<'a>(
    reference: &ParentReference,
    route: &Resource<gateway_api::HttpRoute>,
    hostnames: &[Host],
    gateway: &ApiGateway<'a>,
) -> Parent<'a> {
    let resource = gateway.resource;
    let named: Vec<&Listener<'_>> =
        gateway.listeners.iter().filter(|it| is_meant(reference, it)).collect();
    if named.is_empty() {
        return Parent::Refused(RefusedParent::NoListener(resource));
    }
    let shares_name = |it: &&Listener<'_>| hostnames.iter().any(|name| overlap(name, &it.hostname));
    let sharing: Vec<_> = named.into_iter().filter(shares_name).collect();
    if sharing.is_empty() {
        return Parent::Refused(RefusedParent::NoHostname(resource));
    }
    let admits = |it: &&Listener<'_>| it.admits(route.spec.kind.name(), &route.namespace);
    let listeners: Vec<_> = sharing.into_iter().filter(admits).map(|it| it.index).collect();
    if listeners.is_empty() {
        return Parent::Refused(RefusedParent::NotAllowed(resource));
    }
    Parent::Gateway { gateway: resource, listeners }
}

fn is_meant(reference: &ParentReference, listener: &Listener<'_>) -> bool {
    let has_name = |name: &String| listener.spec.name == *name;
    reference.section_name.as_ref().is_none_or(has_name)
        && reference.port.is_none_or(|port| listener.spec.port == port)
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
