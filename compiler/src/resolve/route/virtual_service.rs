//! `VirtualService`s: names completed, delegates in place.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Deref;
use std::sync::Arc;

use super::delegate::{self, DroppedDelegate};
use crate::api::istio::{self, HttpRoute};
use crate::api::{Mesh, Resource};
use crate::diagnostic::FieldPath;
use crate::parse::DocumentId;
use crate::resolve::gateway::ServerHost;
use crate::resolve::host::{Host, intersection, qualify};
use crate::resolve::{Age, Meeting, Settings, Visibility};

/// By its place in [`VirtualServices`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct VirtualServiceId(u32);

/// A `VirtualService` that has hosts; those without are parts of others.
#[derive(Clone, Debug)]
pub struct VirtualService<'a> {
    pub resource: &'a Resource<istio::VirtualService>,
    pub age: Age<'a>,
    pub visibility: Visibility<'a>,
    /// By place in `spec.hosts`.
    pub hosts: Vec<Host>,
    /// By place in `spec.gateways`; the mesh where none is written.
    pub gateways: Vec<GatewayName>,
    pub http: Vec<MergedHttp<'a>>,
    /// By place among the written destinations.
    destination_hosts: Vec<Host>,
    /// What delegates ought to have brought and did not.
    pub dropped: Vec<DroppedDelegate<'a>>,
}

/// Where routes apply.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum GatewayName {
    /// At every sidecar.
    Mesh,
    /// `namespace/name`
    Named(Arc<str>),
}

/// A route of a `VirtualService`: its own, or one of a delegate with what it inherits.
#[derive(Clone, Debug)]
pub struct MergedHttp<'a> {
    pub spec: Merged<'a>,
    /// The resource that it stands in, and its place there.
    pub resource: &'a Resource<istio::VirtualService>,
    pub index: usize,
    /// The place, in the root, of the route that delegates to it.
    pub root: Option<(DocumentId, usize)>,
}

/// What a route says. Most are as they were written.
#[derive(Clone, Debug)]
pub enum Merged<'a> {
    Written(&'a HttpRoute),
    /// All names in it are complete.
    Made(Box<HttpRoute>),
}

impl Deref for Merged<'_> {
    type Target = HttpRoute;

    fn deref(&self) -> &HttpRoute {
        match self {
            Self::Written(route) => route,
            Self::Made(route) => route,
        }
    }
}

/// Where a route leads.
#[derive(Clone, Debug, PartialEq)]
pub struct Destination<'r> {
    pub host: Host,
    pub subset: &'r str,
    pub port: Option<u16>,
    /// As it is written.
    pub written: &'r istio::Destination,
}

/// Where a destination is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DestinationAt {
    pub document: DocumentId,
    /// `http`, `tls` or `tcp`.
    list: &'static str,
    route: usize,
    within: Within,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Within {
    Route(usize),
    Mirror,
    Mirrors(usize),
}

impl DestinationAt {
    /// `spec.http[0].route[1].destination`
    #[must_use]
    pub fn path(&self) -> FieldPath {
        let route = FieldPath::default().field("spec").field(self.list).index(self.route);
        match self.within {
            Within::Route(index) => route.field("route").index(index).field("destination"),
            Within::Mirror => route.field("mirror"),
            Within::Mirrors(index) => route.field("mirrors").index(index).field("destination"),
        }
    }

    /// Whether answers from there are thrown away.
    #[must_use]
    pub const fn is_mirror(&self) -> bool {
        matches!(self.within, Within::Mirror | Within::Mirrors(_))
    }

    /// The route's place, `(list, index)`.
    #[must_use]
    pub const fn route(&self) -> (&'static str, usize) {
        (self.list, self.route)
    }

    /// The place among the route's destinations, unless it is a mirror.
    #[must_use]
    pub const fn weighted(&self) -> Option<usize> {
        match self.within {
            Within::Route(index) => Some(index),
            Within::Mirror | Within::Mirrors(_) => None,
        }
    }
}

impl<'a> VirtualService<'a> {
    #[must_use]
    pub fn namespace(&self) -> &'a str {
        &self.resource.namespace
    }

    #[must_use]
    pub fn is_for_mesh(&self) -> bool {
        self.gateways.contains(&GatewayName::Mesh)
    }

    /// The route for HTTP in which a destination of it stands, if it is such a route's.
    #[must_use]
    pub fn http_at(&self, at: &DestinationAt) -> Option<&MergedHttp<'a>> {
        let (list, index) = at.route();
        let is_meant = |it: &&MergedHttp<'_>| it.resource.id == at.document && it.index == index;
        // Without delegates it stands in its place.
        let all = (list == "http").then_some(self.http.as_slice())?;
        all.get(index).filter(is_meant).or_else(|| all.iter().find(is_meant))
    }

    /// Whether any of its routes leads to a subset.
    #[must_use]
    pub fn names_subsets(&self) -> bool {
        let spec = &self.resource.spec;
        let http = self.http.iter().flat_map(|it| {
            let mirrors = it.spec.mirrors.iter().map(|mirror| &mirror.destination);
            let routes = it.spec.route.iter().map(|route| &route.destination);
            routes.chain(&it.spec.mirror).chain(mirrors)
        });
        let streams =
            spec.tls.iter().map(|it| &it.route).chain(spec.tcp.iter().map(|it| &it.route));
        let streams = streams.flatten().map(|it| &it.destination);
        http.chain(streams).any(|it| !it.subset.is_empty())
    }

    /// Everything that its routes lead to.
    pub fn destinations(&self) -> impl Iterator<Item = (Destination<'_>, DestinationAt)> {
        let written = written_destinations(self.resource, &self.http);
        written
            .zip(&self.destination_hosts)
            .map(|((written, at), host)| (Destination::at_host(Arc::clone(host), written), at))
    }
}

/// The destinations of all routes of `resource`, which has these of HTTP, and where they stand.
fn written_destinations<'r>(
    resource: &'r Resource<istio::VirtualService>,
    http: &'r [MergedHttp<'_>],
) -> impl Iterator<Item = (&'r istio::Destination, DestinationAt)> {
    let (spec, document) = (&resource.spec, resource.id);
    let tls = spec.tls.iter().enumerate().map(|(at, it)| ("tls", at, &it.route));
    let tcp = spec.tcp.iter().enumerate().map(|(at, it)| ("tcp", at, &it.route));
    let streams = tls.chain(tcp).flat_map(move |(list, route, destinations)| {
        destinations.iter().enumerate().map(move |(index, it)| {
            let within = Within::Route(index);
            (&it.destination, DestinationAt { document, list, route, within })
        })
    });
    http.iter().flat_map(MergedHttp::destinations).chain(streams)
}

impl MergedHttp<'_> {
    /// Whether some sidecar may use it.
    #[must_use]
    pub fn is_for_mesh(&self) -> bool {
        self.is_for(&GatewayName::Mesh)
    }

    /// Whether it may be used at a gateway, or on the mesh.
    #[must_use]
    pub fn is_for(&self, gateway: &GatewayName) -> bool {
        let namespace = &self.resource.namespace;
        let names = |name: &String| gateway_name(name, namespace) == *gateway;
        let applies =
            |it: &istio::HttpMatch| it.gateways.is_empty() || it.gateways.iter().any(names);
        self.spec.r#match.is_empty() || self.spec.r#match.iter().any(applies)
    }

    fn destinations(&self) -> impl Iterator<Item = (&istio::Destination, DestinationAt)> {
        let own = self.resource.spec.http.get(self.index);
        let inherits = move |has: fn(&HttpRoute) -> bool| !own.is_some_and(has);
        let routes = self.spec.route.iter().enumerate();
        let routes = routes.map(|(at, it)| (&it.destination, self.at(Within::Route(at))));
        let mirror = self.spec.mirror.iter().map(move |it| {
            let inherited = inherits(|own| own.mirror.is_some());
            (it, self.inherited_at(Within::Mirror, inherited))
        });
        let mirrors = self.spec.mirrors.iter().enumerate().map(move |(at, it)| {
            let inherited = inherits(|own| !own.mirrors.is_empty());
            (&it.destination, self.inherited_at(Within::Mirrors(at), inherited))
        });
        routes.chain(mirror).chain(mirrors)
    }

    fn at(&self, within: Within) -> DestinationAt {
        DestinationAt { document: self.resource.id, list: "http", route: self.index, within }
    }

    fn inherited_at(&self, within: Within, inherited: bool) -> DestinationAt {
        match self.root.filter(|_| inherited) {
            Some((document, route)) => DestinationAt { document, list: "http", route, within },
            None => self.at(within),
        }
    }
}

impl<'r> Destination<'r> {
    #[must_use]
    pub fn of(written: &'r istio::Destination, namespace: &str, settings: &Settings<'_>) -> Self {
        Self::at_host(qualify(&written.host, namespace, settings.cluster_domain), written)
    }

    /// `host` is the one that is written.
    fn at_host(host: Host, written: &'r istio::Destination) -> Self {
        let port = written.port.as_ref().and_then(|port| u16::try_from(port.number).ok());
        Self { host, subset: &written.subset, port: port.filter(|port| *port != 0), written }
    }
}

/// The gateway that `name` stands for in a resource of `namespace`: `namespace/name`, `name`, or, as of old,
/// `name.namespace.svc.cluster.local`. Source: Istio, `resolveGatewayName`.
#[must_use]
pub fn gateway_name(name: &str, namespace: &str) -> GatewayName {
    if name == "mesh" {
        return GatewayName::Mesh;
    }
    GatewayName::Named(match (name.split_once('/'), name.split_once('.')) {
        (Some((".", name)), _) => format!("{namespace}/{name}").into(),
        (Some(_), _) => name.into(),
        (None, Some((name, rest))) => {
            format!("{}/{name}", rest.split('.').next().unwrap_or_default()).into()
        }
        (None, None) => format!("{namespace}/{name}").into(),
    })
}

/// The `VirtualService`s that bind to a gateway.
#[derive(Clone, Debug, Default)]
struct Bound {
    /// The oldest first.
    all: Vec<VirtualServiceId>,
    by_host: Meeting<VirtualServiceId>,
}

/// All of them, ready to be looked up.
#[derive(Clone, Debug, Default)]
pub struct VirtualServices<'a> {
    /// The oldest first.
    all: Vec<VirtualService<'a>>,
    /// Without hosts, and nobody delegates to them.
    unused_parts: Vec<VirtualService<'a>>,
    /// `namespace/name` → those that bind to it.
    by_gateway: HashMap<Arc<str>, Bound>,
    by_namespace: BTreeMap<&'a str, Vec<VirtualServiceId>>,
}

impl<'a> VirtualServices<'a> {
    pub(in crate::resolve) fn of(mesh: &'a Mesh, settings: &Settings<'a>) -> Self {
        let delegates = delegate::Delegates::of(mesh);
        let roots = mesh.virtual_services.iter().filter(|it| !it.spec.hosts.is_empty());
        let mut all: Vec<_> = roots.map(|root| resolve(root, &delegates, settings)).collect();
        all.sort_by_key(|it: &VirtualService<'_>| it.age);
        let mut by_gateway: HashMap<Arc<str>, Bound> = HashMap::new();
        let mut by_namespace: BTreeMap<&str, Vec<_>> = BTreeMap::new();
        for (virtual_service, id) in all.iter().zip((0..).map(VirtualServiceId)) {
            by_namespace.entry(virtual_service.namespace()).or_default().push(id);
            for gateway in &virtual_service.gateways {
                let GatewayName::Named(name) = gateway else { continue };
                let bound = by_gateway.entry(Arc::clone(name)).or_default();
                // A gateway may be named twice.
                if bound.all.last() == Some(&id) {
                    continue;
                }
                bound.all.push(id);
                for host in &virtual_service.hosts {
                    bound.by_host.add(host, id);
                }
            }
        }
        let unused = unused_parts(mesh);
        let unused_parts = unused.map(|part| resolve(part, &delegates, settings)).collect();
        Self { all, unused_parts, by_gateway, by_namespace }
    }

    /// One of these.
    ///
    /// # Panics
    /// With an id of others.
    #[must_use]
    pub fn get(&self, id: VirtualServiceId) -> &VirtualService<'a> {
        #[expect(clippy::indexing_slicing, reason = "only this collection hands out its ids")]
        &self.all[id.0 as usize]
    }

    pub fn iter(&self) -> impl Iterator<Item = (VirtualServiceId, &VirtualService<'a>)> {
        (0..).map(VirtualServiceId).zip(&self.all)
    }

    /// Those of a namespace, the oldest first.
    #[must_use]
    pub fn of_namespace(&self, namespace: &str) -> &[VirtualServiceId] {
        self.by_namespace.get(namespace).map_or(&[], Vec::as_slice)
    }

    /// All that are written, with those that no proxy uses: names in them can be wrong all the same.
    pub fn written(&self) -> impl Iterator<Item = &VirtualService<'a>> {
        self.all.iter().chain(&self.unused_parts)
    }

    /// Those without hosts to which nobody delegates.
    #[must_use]
    pub fn unused_parts(&self) -> &[VirtualService<'a>] {
        &self.unused_parts
    }

    /// Those that bind to the gateway `namespace/name`, the oldest first.
    #[must_use]
    pub fn of_gateway(&self, gateway: &str) -> &[VirtualServiceId] {
        self.by_gateway.get(gateway).map_or(&[], |bound| &bound.all)
    }

    /// Those that bind to the gateway `namespace/name` and have names in common with a host of its servers that lets their
    /// namespaces in, each with these names; by the hosts that they name.
    pub(crate) fn of_server_host(
        &self,
        gateway: &str,
        own: &ServerHost<'_>,
    ) -> impl Iterator<Item = (VirtualServiceId, Host)> {
        let bound = self.by_gateway.get(gateway);
        let meeting = bound.into_iter().flat_map(|bound| bound.by_host.with(&own.host));
        meeting.filter_map(|(host, id)| {
            own.admits(self.get(*id).namespace()).then_some(())?;
            Some((*id, intersection(&own.host, host)?.clone()))
        })
    }

    /// The oldest that binds to the gateway `namespace/name` and has names in common with `host`, whoever is let in.
    pub(crate) fn first_meeting(&self, gateway: &str, host: &str) -> Option<VirtualServiceId> {
        self.by_gateway.get(gateway)?.by_host.with(host).map(|(_, id)| *id).min()
    }

    /// The gateways that somebody names, sorted.
    #[must_use]
    pub fn gateways(&self) -> Vec<&Arc<str>> {
        let mut names: Vec<_> = self.by_gateway.keys().collect();
        names.sort_unstable();
        names
    }
}

/// A `VirtualService` without hosts is a part of those that delegate to it.
fn unused_parts(mesh: &Mesh) -> impl Iterator<Item = &Resource<istio::VirtualService>> {
    let used: BTreeSet<(&str, &str)> = mesh
        .virtual_services
        .iter()
        .flat_map(|root| root.spec.http.iter().map(move |route| (root, route)))
        .filter_map(|(root, route)| {
            let delegate = route.delegate.as_ref()?;
            let own = delegate.namespace.is_empty();
            let namespace = if own { &root.namespace } else { &delegate.namespace };
            Some((namespace.as_str(), delegate.name.as_str()))
        })
        .collect();
    let is_part = |it: &&Resource<istio::VirtualService>| it.spec.hosts.is_empty();
    mesh.virtual_services
        .iter()
        .filter(is_part)
        .filter(move |it| !used.contains(&(it.namespace.as_str(), it.name())))
}

fn resolve<'a>(
    resource: &'a Resource<istio::VirtualService>,
    delegates: &delegate::Delegates<'a>,
    settings: &Settings<'a>,
) -> VirtualService<'a> {
    let spec = &resource.spec;
    let namespace = resource.namespace.as_str();
    let hosts = spec.hosts.iter().map(|host| qualify(host, namespace, settings.cluster_domain));
    let mut gateways: Vec<_> =
        spec.gateways.iter().map(|name| gateway_name(name, namespace)).collect();
    if gateways.is_empty() {
        gateways.push(GatewayName::Mesh);
    }
    let (http, dropped) = delegates.merge_into(resource, settings);
    let mut before: Option<(&str, Host)> = None;
    let destination_hosts = written_destinations(resource, &http).map(|(written, _)| {
        // Most routes of one `VirtualService` lead to one host.
        let same = before.as_ref().filter(|(name, _)| *name == written.host);
        let host = match same {
            Some((_, host)) => Arc::clone(host),
            None => qualify(&written.host, namespace, settings.cluster_domain),
        };
        before = Some((&written.host, Arc::clone(&host)));
        host
    });
    let destination_hosts = destination_hosts.collect();
    VirtualService {
        resource,
        age: Age::of(resource),
        visibility: Visibility::of(
            spec.export_to.iter().map(String::as_str),
            namespace,
            settings.virtual_service_export_to,
        ),
        hosts: hosts.collect(),
        gateways,
        http,
        destination_hosts,
        dropped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_goes_by_several_names() {
        let named = |name: &str| GatewayName::Named(name.into());
        assert_eq!(gateway_name("mesh", "shop"), GatewayName::Mesh);
        assert_eq!(gateway_name("public", "shop"), named("shop/public"));
        assert_eq!(gateway_name("./public", "shop"), named("shop/public"));
        assert_eq!(gateway_name("edge/public", "shop"), named("edge/public"));
        assert_eq!(gateway_name("public.edge", "shop"), named("edge/public"));
        assert_eq!(gateway_name("public.edge.svc.cluster.local", "shop"), named("edge/public"));
    }
}
