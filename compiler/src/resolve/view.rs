//! What clients of a namespace see: for each host the service that stands for it, whose routes rule it, and which
//! policies clients treat it with.
//!
//! Everybody sees the same of most hosts. So the view of a namespace that has nothing of its own ([`View::common`]) is
//! made once, and [`View::particular_hosts`] names the few that a namespace may see otherwise.
//!
//! What a `Sidecar` imports narrows a view ([`View::through`]): services and routes that it does not import are not seen. What
//! a route leads to is reached all the same, so that is for the whole view to say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_snapshot::object::{Protocol, Service as Object, ServicePort};

use super::Mesh;
use super::destination_rule::PolicyId;
use super::host::{Host, is_wildcard, is_within, overlap};
use super::route::VirtualServiceId;
use super::ruler::Ruler;
use super::service::{Definitions, Service, ServiceId, merge};
use super::sidecar::Imports;

/// Sees a mesh from a namespace.
#[derive(Clone, Copy, Debug)]
pub struct View<'m, 'a> {
    mesh: &'m Mesh<'a>,
    client: Option<&'m str>,
    /// Whether a sidecar looks, or a gateway, to which no service is nearer than another.
    prefers_own: bool,
    /// Absent: everything that is exported to the namespace.
    imports: Option<&'m Imports<'a>>,
}

/// A service, as it is seen.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenService {
    /// The definition that stands for the host.
    pub id: ServiceId,
    /// With the ports of those that it shares the host with; for an alias, with the endpoints of what it stands for.
    pub object: Arc<Object>,
    /// Of an alias: what it stands for.
    pub concrete: Option<ServiceId>,
    /// The ports at which a `Sidecar` lets it be seen; absent: all of them. There is one at least.
    pub shown: Option<BTreeSet<u16>>,
}

impl SeenService {
    /// The ports that it is seen with.
    fn shown_ports(&self) -> impl Iterator<Item = &ServicePort> {
        let is_shown = |port: u16| self.shown.as_ref().is_none_or(|shown| shown.contains(&port));
        self.object.ports.iter().filter(move |port| is_shown(port.number))
    }
}

/// A host, as it is seen.
#[derive(Clone, Debug, PartialEq)]
pub struct SeenHost<'a> {
    /// Whose host it is: of the service, else of whoever rules it.
    pub namespace: &'a str,
    pub service: Option<SeenService>,
    pub http: Option<Ruler<'a>>,
    pub streams: Vec<VirtualServiceId>,
    pub policies: Vec<PolicyId>,
    /// Where a host has routes and its service does not have the port, or it has no service.
    pub ports: BTreeSet<u16>,
    /// The ports of the service at which a `Sidecar` lets `http` rule; absent: all that are shown.
    pub ruled: Option<BTreeSet<u16>>,
}

/// Whether requests to a port go by routes.
pub(super) fn routes_http(port: &ServicePort) -> bool {
    port.protocol.is_http() || port.protocol == Protocol::Detect
}

/// The port of hosts without a service. Source: Istio, `buildSidecarVirtualHostsForVirtualService`.
const PORT_WITHOUT_SERVICE: u16 = 80;

impl<'m, 'a> View<'m, 'a> {
    /// That of a namespace which has nothing of its own.
    #[must_use]
    pub fn common(mesh: &'m Mesh<'a>) -> Self {
        Self { mesh, client: None, prefers_own: true, imports: None }
    }

    /// That of the sidecars of a namespace.
    #[must_use]
    pub fn of(mesh: &'m Mesh<'a>, namespace: &'m str) -> Self {
        Self { mesh, client: Some(namespace), prefers_own: true, imports: None }
    }

    /// That of the gateways of a namespace.
    #[must_use]
    pub fn of_gateways(mesh: &'m Mesh<'a>, namespace: &'m str) -> Self {
        Self { mesh, client: Some(namespace), prefers_own: false, imports: None }
    }

    /// The same, without what a `Sidecar` does not import.
    #[must_use]
    pub const fn through(self, imports: Option<&'m Imports<'a>>) -> Self {
        Self { imports, ..self }
    }

    /// The same, whatever a `Sidecar` imports: what routes lead to.
    #[must_use]
    pub const fn whole(self) -> Self {
        Self { imports: None, ..self }
    }

    #[must_use]
    pub const fn client(&self) -> Option<&'m str> {
        self.client
    }

    /// Whether a definition is visible from here.
    fn sees(&self, service: &Service<'_>) -> bool {
        let imports =
            |imports: &Imports<'_>| imports.service(service.namespace, &service.host, self.client);
        service.visibility.reaches(self.client) && self.imports.is_none_or(imports)
    }

    /// Whether the routes of a `VirtualService` count here.
    fn admits(&self, id: VirtualServiceId) -> bool {
        self.imports.is_none_or(|imports| {
            let it = self.mesh.virtual_services.get(id);
            imports.routes(it.namespace(), &it.hosts, self.client)
        })
    }

    /// Whether they do for requests to a port.
    fn admits_at(&self, port: u16, id: VirtualServiceId) -> bool {
        self.imports.is_none_or(|imports| {
            let it = self.mesh.virtual_services.get(id);
            imports.routes_at(port, it.namespace(), &it.hosts, self.client)
        })
    }

    /// The service that stands for a host. Of several definitions, for a sidecar that of the client's own namespace, else
    /// one of Kubernetes, else what is for this namespace, else the oldest; for a gateway the same without the first.
    /// Source: Istio, `selectServices`, `appendSidecarServices`.
    #[must_use]
    pub fn service(&self, host: &str) -> Option<SeenService> {
        let services = &self.mesh.services;
        let definitions = services.definitions(host)?;
        let namespace = self.definer(definitions)?;
        let own = definitions.of_namespace(namespace);
        let mut seen: Vec<_> = own.filter(|id| self.sees(services.get(*id))).collect();
        // What is exported by name comes before what is public; both stay in the order of their age.
        seen.sort_by_key(|id| services.get(*id).visibility == super::Visibility::Public);
        let (id, object) = merge(services, &seen)?;
        let seen = match &services.get(id).alias {
            Some(alias) => self.alias(id, alias)?,
            None => SeenService { id, object, concrete: None, shown: None },
        };
        self.at_ports(seen, namespace)
    }

    /// The namespace whose definitions of a host count.
    fn definer(&self, definitions: &Definitions<'a>) -> Option<&'m str> {
        let services = &self.mesh.services;
        let sees = |id: &ServiceId| self.sees(services.get(*id));
        let has_own = |client: &&str| definitions.of_namespace(client).any(|id| sees(&id));
        if let Some(own) = self.client.filter(|_| self.prefers_own).filter(has_own) {
            return Some(own);
        }
        let is_public = |id: &ServiceId| services.get(*id).visibility == super::Visibility::Public;
        let kubernetes = definitions.of_kubernetes().iter().copied().filter(sees);
        let first = || definitions.exported_to(self.client).find(sees);
        let chosen = kubernetes.min_by_key(is_public).or_else(first)?;
        Some(services.get(chosen).namespace)
    }

    /// A service with the ports that are imported; `None` where none is. `namespace` is whose it is.
    fn at_ports(&self, mut seen: SeenService, namespace: &str) -> Option<SeenService> {
        let Some(imports) = self.imports.filter(|it| it.is_by_port()) else { return Some(seen) };
        let host = &*self.mesh.services.get(seen.id).host;
        let is_shown = |port: u16| imports.service_at(port, namespace, host, self.client);
        let all = seen.object.ports.iter().map(|port| port.number);
        let shown: BTreeSet<u16> = all.clone().filter(|port| is_shown(*port)).collect();
        if shown.is_empty() && !seen.object.ports.is_empty() {
            return None;
        }
        seen.shown = all.clone().any(|port| !shown.contains(&port)).then_some(shown);
        let expected: BTreeMap<u16, Protocol> =
            all.filter_map(|port| Some((port, imports.protocol_at(port)?))).collect();
        let differs = |port: &ServicePort| {
            let expected = expected.get(&port.number).copied();
            expected.filter(|it| !(it.is_http() && port.protocol.is_http()) && *it != port.protocol)
        };
        if seen.object.ports.iter().any(|port| differs(port).is_some()) {
            for port in &mut Arc::make_mut(&mut seen.object).ports {
                port.protocol = differs(port).unwrap_or(port.protocol);
            }
        }
        Some(seen)
    }

    /// An `ExternalName` is what it names, where that is a service; otherwise it is nothing to the mesh.
    fn alias(&self, id: ServiceId, target: &Host) -> Option<SeenService> {
        let mut target = Arc::clone(target);
        // A chain of aliases that is longer than this is a loop.
        for _ in 0..8 {
            let services = &self.mesh.services;
            let sees = |id: &&ServiceId| self.whole().sees(services.get(**id));
            let next = services.of_host(&target).iter().find(sees);
            if let Some(further) = next.and_then(|id| services.get(*id).alias.as_ref()) {
                target = Arc::clone(further);
                continue;
            }
            let concrete = self.whole().service(&target)?;
            let own = &services.get(id).object;
            let mut object = (*concrete.object).clone();
            object.host.clone_from(&own.host);
            object.name.clone_from(&own.name);
            object.namespace.clone_from(&own.namespace);
            let object = Arc::new(object);
            return Some(SeenService { id, object, concrete: Some(concrete.id), shown: None });
        }
        None
    }

    /// Everything about a host; `None` where nothing is to be seen.
    #[must_use]
    pub fn host(&self, host: &Host) -> Option<SeenHost<'a>> {
        match self.service(host) {
            Some(service) => Some(self.service_host(host, service)),
            None => self.bare_host(host),
        }
    }

    fn service_host(&self, host: &Host, service: SeenService) -> SeenHost<'a> {
        let mesh = self.mesh;
        let namespace = mesh.services.get(service.id).namespace;
        let concrete = mesh.services.get(service.concrete.unwrap_or(service.id));
        let admits = |id| self.admits(id);
        let ruler = |of: &Service<'_>| {
            mesh.rulers.of_host(&of.host, Some(of.namespace), self.client, admits)
        };
        let own = mesh.services.get(service.id);
        let http = ruler(own).or_else(|| ruler(concrete));
        let ports = match http {
            Some(Ruler::VirtualService(id)) => self.strange_ports(host, id, &service),
            _ => BTreeSet::new(),
        };
        SeenHost {
            namespace,
            http,
            ruled: http.and_then(|ruler| self.ruled_ports(ruler, &service)),
            streams: mesh.rulers.streams_of(host, self.client, admits),
            policies: self.policies(concrete),
            service: Some(service),
            ports,
        }
    }

    fn ruled_ports(&self, ruler: Ruler<'_>, service: &SeenService) -> Option<BTreeSet<u16>> {
        self.imports.filter(|it| it.is_by_port())?;
        let Ruler::VirtualService(id) = ruler else { return None };
        let shown = || service.shown_ports().map(|port| port.number);
        let is_ruled = |port: &u16| self.admits_at(*port, id);
        (!shown().all(|port| is_ruled(&port))).then(|| shown().filter(is_ruled).collect())
    }

    /// The ports at which others than a `Sidecar`'s listeners for them have something that speaks HTTP. They listen, and know
    /// no host there, unless the listener shows one. Source: Istio, `buildSidecarOutboundListeners`.
    #[must_use]
    pub fn listening(&self) -> Vec<u16> {
        let Some(imports) = self.imports else { return Vec::new() };
        let services = || self.mesh.services.iter().map(|(_, it)| it);
        let is_open = |port: &u16| {
            services().any(|service| {
                service.visibility.reaches(self.client)
                    && imports.service_beside(service.namespace, &service.host, self.client)
                    && service
                        .object
                        .ports
                        .iter()
                        .any(|it| it.number == *port && it.protocol.is_http())
            })
        };
        imports.ports().filter(is_open).collect()
    }

    /// The ports on which a host that a `VirtualService` names is a mere name, because its service does not have them.
    /// Source: Istio, `BuildSidecarOutboundVirtualHosts`, which looks at the services of one port at a time.
    fn strange_ports(
        &self,
        host: &Host,
        id: VirtualServiceId,
        service: &SeenService,
    ) -> BTreeSet<u16> {
        if !self.mesh.virtual_services.get(id).hosts.contains(host) {
            return BTreeSet::new();
        }
        let mut ports = self.bare_ports(host, id);
        for port in service.shown_ports() {
            ports.remove(&port.number);
        }
        ports
    }

    /// The policies for a service, those for some workloads of the client's namespace first.
    #[must_use]
    pub fn policies(&self, service: &Service<'a>) -> Vec<PolicyId> {
        let root = self.mesh.settings.root_namespace;
        let rules = &self.mesh.destination_rules;
        rules.find(&service.host, service.namespace, self.client, root)
    }

    /// A host that has routes and no service.
    fn bare_host(&self, host: &Host) -> Option<SeenHost<'a>> {
        let ruler = self.mesh.rulers.of_bare_host(host, self.client, |id| self.admits(id))?;
        let Ruler::VirtualService(id) = ruler else { return None };
        let ports = self.bare_ports(host, id);
        if ports.is_empty() {
            return None;
        }
        Some(SeenHost {
            namespace: self.mesh.virtual_services.get(id).namespace(),
            service: None,
            http: Some(ruler),
            streams: Vec::new(),
            policies: Vec::new(),
            ports,
            ruled: None,
        })
    }

    /// The ports of a host that a `VirtualService` names, as if it had no service.
    fn bare_ports(&self, host: &Host, id: VirtualServiceId) -> BTreeSet<u16> {
        let mut ports = self.sibling_ports(id);
        ports.insert(PORT_WITHOUT_SERVICE);
        if is_wildcard(host) {
            // Where the wildcard holds services, it is they that go by its routes.
            for service in self.services_within(host) {
                for port in service.shown_ports() {
                    ports.remove(&port.number);
                }
            }
        }
        ports.retain(|port| self.admits_at(*port, id));
        ports
    }

    /// The ports that speak HTTP of the services that a `VirtualService` rules.
    fn sibling_ports(&self, id: VirtualServiceId) -> BTreeSet<u16> {
        let Some(serving) = self.mesh.serving_hosts.get(&id) else { return BTreeSet::new() };
        if let (Some(ports), None) = (&serving.ports, self.imports) {
            return ports.clone();
        }
        let mut ports = BTreeSet::new();
        for host in &serving.hosts {
            let services: Vec<_> = if is_wildcard(host) {
                self.services_within(host).filter(|it| self.is_ruled_by(it, id)).collect()
            } else {
                self.service(host).into_iter().collect()
            };
            let http = services.iter().flat_map(SeenService::shown_ports);
            let http = http.filter(|port| routes_http(port));
            ports.extend(http.map(|port| port.number));
        }
        ports
    }

    fn is_ruled_by(&self, service: &SeenService, id: VirtualServiceId) -> bool {
        let service = self.mesh.services.get(service.id);
        let (host, namespace) = (&service.host, Some(service.namespace));
        let admits = |id| self.admits(id);
        let ruler = self.mesh.rulers.of_host(host, namespace, self.client, admits);
        ruler == Some(Ruler::VirtualService(id))
    }

    /// The services whose hosts have names in common with a wildcard.
    fn services_within(&self, wildcard: &Host) -> impl Iterator<Item = SeenService> {
        let hosts = self.mesh.services.ends.overlapping(wildcard);
        hosts.into_iter().filter_map(|host| self.service(host))
    }

    /// Every host there may be, each once, sorted.
    #[must_use]
    pub fn all_hosts(&self) -> Vec<&'m Host> {
        let mut hosts: Vec<_> =
            self.mesh.services.hosts().chain(self.mesh.rulers.hosts()).collect();
        hosts.sort_unstable();
        hosts.dedup();
        hosts
    }

    /// The hosts that are seen through what a `Sidecar` imports, each once, and what is seen of them.
    #[must_use]
    pub fn imported_hosts(&self) -> BTreeMap<Host, SeenHost<'a>> {
        let mesh = self.mesh;
        let mut hosts: BTreeSet<&Host> = BTreeSet::new();
        let mut add = |service: ServiceId| {
            let service = mesh.services.get(service);
            hosts.extend(self.sees(service).then_some(&service.host));
        };
        let namespaces = self.imports.and_then(|imports| imports.namespaces(self.client));
        let routes: Vec<VirtualServiceId> = if let Some(namespaces) = &namespaces {
            let of = namespaces.iter().flat_map(|it| mesh.services.of_namespace(it));
            of.copied().for_each(&mut add);
            let of = namespaces.iter().flat_map(|it| mesh.virtual_services.of_namespace(it));
            of.copied().collect()
        } else {
            mesh.services.iter().for_each(|(id, _)| add(id));
            mesh.virtual_services.iter().map(|(id, _)| id).collect()
        };
        for id in routes {
            let it = mesh.virtual_services.get(id);
            if it.is_for_mesh() && it.visibility.reaches(self.client) && self.admits(id) {
                hosts.extend(&it.hosts);
            }
        }
        let seen = hosts.into_iter().filter_map(|host| Some((Arc::clone(host), self.host(host)?)));
        seen.collect()
    }

    /// What the routes of a host lead to, and is not seen itself: it can be reached through them alone.
    #[must_use]
    pub fn destinations(&self, seen: &SeenHost<'a>) -> BTreeSet<Host> {
        let mut hosts = BTreeSet::new();
        let virtual_service = match seen.http {
            Some(Ruler::VirtualService(id)) => Some(id),
            _ => None,
        };
        for id in seen.streams.iter().copied().chain(virtual_service) {
            let all = self.mesh.virtual_services.get(id).destinations();
            hosts.extend(all.map(|(destination, _)| destination.host));
        }
        if let Some(Ruler::HttpRoutes(namespace)) = seen.http {
            let service = seen.service.as_ref();
            let own = service.into_iter().flat_map(|it| [Some(it.id), it.concrete]).flatten();
            for id in own {
                let host = &self.mesh.services.get(id).host;
                let attached = self.mesh.http_routes.of_mesh_host(host);
                for (route, _) in attached.filter(|(of, _)| *of == namespace).flat_map(|(_, it)| it)
                {
                    for rule in &self.mesh.http_routes.get(*route).rules {
                        hosts.extend(rule.backends.iter().map(|it| Arc::clone(&it.host)));
                        hosts.extend(rule.mirrors.iter().map(|(_, it)| Arc::clone(&it.host)));
                    }
                }
            }
        }
        hosts
    }

    /// The hosts that clients of this namespace may see otherwise than everybody else.
    #[must_use]
    pub fn particular_hosts(&self) -> BTreeSet<Host> {
        let Some(client) = self.client else { return BTreeSet::new() };
        let mesh = self.mesh;
        let mut hosts = BTreeSet::new();
        let mut add = |host: &Host| {
            hosts.insert(Arc::clone(host));
            if is_wildcard(host) {
                let within = mesh.services.ends.overlapping(host).into_iter();
                hosts.extend(within.filter(|it| is_within(it, host)).cloned());
            }
        };
        mesh.exported_services_to(client).for_each(&mut add);
        mesh.rulers.particular_to(client).for_each(&mut add);
        let root = mesh.settings.root_namespace;
        mesh.destination_rules.particular_to(client, root).iter().for_each(&mut add);
        for id in mesh.services.of_namespace(client) {
            let host = &mesh.services.get(*id).host;
            if mesh.services.of_host(host).len() > 1 {
                add(host);
            }
        }
        self.add_dependants(&mut hosts);
        hosts
    }

    /// Aliases of a host, and hosts whose ports follow from it.
    fn add_dependants(&self, hosts: &mut BTreeSet<Host>) {
        let mesh = self.mesh;
        let mut dependants = BTreeSet::new();
        let mut rulers = BTreeSet::new();
        for host in hosts.iter() {
            dependants.extend(mesh.aliases_of(host).cloned());
            rulers.extend(mesh.virtual_services_of(host));
            let wider = mesh.rulers.wildcard_ends.overlapping(host).into_iter();
            rulers.extend(wider.flat_map(|wide| {
                debug_assert!(overlap(wide, host));
                mesh.virtual_services_of(wide)
            }));
        }
        for id in rulers {
            let siblings = mesh.virtual_services.get(id).hosts.iter();
            let is_bare = |it: &&Host| is_wildcard(it) || mesh.services.of_host(it).is_empty();
            dependants.extend(siblings.filter(is_bare).cloned());
        }
        hosts.extend(dependants);
    }

    /// What a namespace sees of the hosts that it may see otherwise, by host; `None` where it sees nothing.
    #[must_use]
    pub fn particulars(&self) -> BTreeMap<Host, Option<SeenHost<'a>>> {
        self.particular_hosts()
            .into_iter()
            .map(|host| {
                let seen = self.host(&host);
                (host, seen)
            })
            .collect()
    }
}
