//! From a view to virtual hosts and services.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use mesh_snapshot::Key;
use mesh_snapshot::object::{
    Egress, OutboundPolicy, Protocol, Service, ServicePort as Port, Workload,
};

use super::names::{own, short};
use super::services::{ServicePort, Services};
use super::{Outbound, Unknown, VirtualHost};
use crate::cluster::{self, Registry, ServiceView};
use crate::host::HostTable;
use crate::program::{BuildError, Fault, Ledger, SeenHost, Site, View};
use crate::route::{Context, Retry, StreamTable, VirtualHostRoutes};

/// What all hosts are built with.
pub(crate) struct Builder<'a> {
    pub(crate) workload: &'a Workload,
    pub(crate) clusters: &'a Registry,
    pub(crate) default_retry: &'a Arc<Retry>,
    pub(crate) ledger: &'a Ledger,
}

/// The ports of a host without a service, where its routes say none. Source: Istio,
/// `buildSidecarVirtualHostsForVirtualService`.
const PORT_WITHOUT_SERVICE: u16 = 80;

/// What Istio calls the route of a service that nobody wrote routes for.
const DEFAULT: &str = "default";

/// The route of what no host is for. Source: Istio, `buildCatchAllVirtualHost`.
pub(super) const ALLOW_ANY: &str = "allow_any";

/// Compiled tables: hosts of one `VirtualService` share them.
type Compiled = HashMap<(Key, u16), Arc<VirtualHostRoutes>>;

impl Builder<'_> {
    pub(crate) fn build(
        &mut self,
        view: &View,
        egress: &Egress,
        key: &Key,
    ) -> Result<Outbound, BuildError> {
        let mut outbound = Outbound {
            unknown: self.unknown(egress, key)?,
            ports: HashMap::new(),
            virtual_hosts: Vec::new(),
            services: Services::default(),
            listening: HashSet::new(),
            preload: egress.preload.clone(),
        };
        let places = self.virtual_hosts(view, &mut outbound)?;
        // Short names yield to names of their own, so they come when all of those are there.
        for (port, place, host, service) in places {
            let table = outbound.ports.entry(port).or_default();
            for name in short(host, service, &self.workload.namespace) {
                table.insert(&name, place);
            }
        }
        self.services(view, &mut outbound.services)?;
        let services = view.values().filter_map(|host| Some((host, &*shown(host)?.1.service)));
        outbound.listening = services.flat_map(|(host, it)| open_ports(host, it)).collect();
        outbound.listening.extend(&egress.listening);
        Ok(outbound)
    }

    fn unknown(&mut self, egress: &Egress, key: &Key) -> Result<Unknown, BuildError> {
        let proxy = match (&egress.outbound, &egress.proxy) {
            (OutboundPolicy::RegistryOnly, _) => return Ok(Unknown::Refused),
            (OutboundPolicy::AllowAny, None) => return Ok(Unknown::Passed),
            (OutboundPolicy::AllowAny, Some(proxy)) => proxy,
        };
        let mut context = self.context(proxy.port);
        let upstream = context.upstream(&proxy.host, None, &proxy.subset);
        let mut routes = VirtualHostRoutes::default();
        let key = Arc::new(key.clone());
        routes.push_plain(&key, ALLOW_ANY, upstream.clone(), &Arc::default(), &mut context)?;
        routes.seal();
        Ok(Unknown::Proxied { routes, upstream })
    }

    /// Adds the virtual hosts; returns those of services, with port, place and service.
    fn virtual_hosts<'v>(
        &mut self,
        view: &'v View,
        outbound: &mut Outbound,
    ) -> Result<Vec<(u16, usize, &'v str, &'v Service)>, BuildError> {
        let mut compiled = Compiled::new();
        let mut places = Vec::new();
        let hosts = view.values().filter(|host| shown(host).is_some() || host.routes.is_some());
        // Of hosts that share an address, one with routes has it. Source: Istio, `BuildSidecarVirtualHostWrapper`.
        let (ruled, unruled): (Vec<_>, Vec<_>) = hosts.partition(|host| host.routes.is_some());
        for host in ruled.into_iter().chain(unruled) {
            for port in ports(host) {
                let Some(routes) = self.routes(host, port, &mut compiled)? else { continue };
                let place = outbound.virtual_hosts.len();
                let name = format!("{}:{port}", host.name).into();
                outbound.virtual_hosts.push(VirtualHost { name, routes });
                let table = outbound.ports.entry(port).or_default();
                let service = served(host, port);
                self.name(host, service, place, table)?;
                if let Some(service) = service {
                    places.push((port, place, &*host.name, service));
                }
            }
        }
        Ok(places)
    }

    /// Gives a virtual host the names that are nobody else's.
    fn name(
        &mut self,
        host: &SeenHost,
        service: Option<&Service>,
        place: usize,
        table: &mut HostTable<usize>,
    ) -> Result<(), BuildError> {
        let names = match service {
            Some(service) => own(service),
            None => vec![host.name.clone()],
        };
        for name in names {
            let charged = self.ledger.charge(4 * name.len() + 64);
            charged.map_err(|fault| BuildError::at(host.key(), "", fault))?;
            table.insert(&name, place);
        }
        Ok(())
    }

    /// The routes of a host on a port; `None` where it serves no HTTP there.
    fn routes(
        &mut self,
        host: &SeenHost,
        port: u16,
        compiled: &mut Compiled,
    ) -> Result<Option<Arc<VirtualHostRoutes>>, BuildError> {
        let mut routes = VirtualHostRoutes::default();
        if let Some((key, table)) = host.routes.as_ref().filter(|_| is_routed(host, port)) {
            let cached = (Key::clone(key), port);
            if let Some(routes) = compiled.get(&cached) {
                return Ok(Some(Arc::clone(routes)));
            }
            routes.push(table, key, &mut self.context(port))?;
            if routes.take_any() {
                routes.seal();
                let routes = Arc::new(routes);
                compiled.insert(cached, Arc::clone(&routes));
                return Ok(Some(routes));
            }
        }
        // Routes of which none can be taken here count as none. Source: Istio,
        // `buildSidecarVirtualHostsForVirtualService`.
        let (Some((key, _)), Some(service)) = (shown(host), served(host, port)) else {
            return Ok(None);
        };
        let mut context = self.context(port);
        let upstream = context.upstream(&service.host, None, "");
        let retry = Arc::clone(context.default_retry);
        routes.push_plain(key, DEFAULT, upstream, &retry, &mut context)?;
        routes.seal();
        Ok(Some(Arc::new(routes)))
    }

    fn context(&mut self, port: u16) -> Context<'_> {
        Context {
            site: Site { workload: self.workload, port },
            clusters: self.clusters,
            default_retry: self.default_retry,
            ledger: self.ledger,
        }
    }

    fn services(&mut self, view: &View, services: &mut Services) -> Result<(), BuildError> {
        let all: Vec<(&SeenHost, &Arc<Key>, &Service)> = view
            .values()
            .filter_map(|host| shown(host).map(|(key, upstream)| (host, key, &*upstream.service)))
            .collect();
        for &(host, key, service) in &all {
            let mut ports = Vec::new();
            for port in shown_ports(host, service) {
                if port.protocol != Protocol::Udp {
                    ports.push(self.service_port(host, service, port.number, port.protocol)?);
                }
            }
            let names = own(service);
            services
                .push(service, ports, &names)
                .map_err(|text| BuildError::at(key, "", Fault::Address(text.to_owned())))?;
        }
        for (place, &(host, _, service)) in all.iter().enumerate() {
            services.name(place, &short(&host.name, service, &self.workload.namespace));
        }
        Ok(())
    }

    fn service_port(
        &mut self,
        host: &SeenHost,
        service: &Service,
        port: u16,
        protocol: Protocol,
    ) -> Result<ServicePort, BuildError> {
        let (mut tcp, mut tls) = (StreamTable::default(), StreamTable::default());
        if let Some((key, table)) = &host.routes {
            let mut context = self.context(port);
            tcp.push(&table.tcp, "tcp", key, &mut context)?;
            tls.push(&table.tls, "tls", key, &mut context)?;
        }
        let cluster_name = cluster::name(&service.host, port, "");
        let cluster = self.clusters.find(&cluster_name);
        let host = service.host.as_str().into();
        Ok(ServicePort { host, port, protocol, cluster_name, cluster, tcp, tls })
    }
}

/// The service that a host is seen as: one that only routes may lead to is none.
fn shown(host: &SeenHost) -> Option<&(Arc<Key>, ServiceView)> {
    host.upstream.as_ref().filter(|_| host.shown_ports.as_ref().is_none_or(|it| !it.is_empty()))
}

/// The ports of a service that its host is seen with.
fn shown_ports<'v>(host: &'v SeenHost, service: &'v Service) -> impl Iterator<Item = &'v Port> {
    let is_shown = |port: u16| host.shown_ports.as_ref().is_none_or(|it| it.contains(&port));
    service.ports.iter().filter(move |port| is_shown(port.number))
}

/// The service of a host on one port.
fn served(host: &SeenHost, port: u16) -> Option<&Service> {
    let (_, upstream) = shown(host)?;
    let is_there = shown_ports(host, &upstream.service).any(|it| it.number == port);
    is_there.then_some(&*upstream.service)
}

/// Whether the routes of a host are for requests to a port.
fn is_routed(host: &SeenHost, port: u16) -> bool {
    let mut ports = host.routed_ports.iter();
    served(host, port).is_none() || ports.all(|ports| ports.contains(&port))
}

/// The ports on which HTTP is looked for wherever a connection goes. One whose protocol is detected is for the service's
/// own addresses, where an author gave it some; those that a cluster assigns may not be known. Source: Istio,
/// `buildSidecarOutboundListener`.
fn open_ports<'v>(host: &'v SeenHost, service: &'v Service) -> impl Iterator<Item = u16> {
    let is_bare = service.addresses.is_empty();
    let is_open =
        move |protocol: Protocol| protocol.is_http() || (protocol == Protocol::Detect && is_bare);
    let ports = shown_ports(host, service).filter(move |port| is_open(port.protocol));
    ports.map(|port| port.number)
}

/// The ports on which a host may be asked over HTTP.
fn ports(host: &SeenHost) -> Vec<u16> {
    match shown(host) {
        Some((_, upstream)) => {
            let http = |protocol: Protocol| protocol.is_http() || protocol == Protocol::Detect;
            let ports = shown_ports(host, &upstream.service).filter(|port| http(port.protocol));
            let ports = ports.map(|port| port.number);
            ports
                .chain(host.ports.iter().copied().filter(|port| served(host, *port).is_none()))
                .collect()
        }
        None if host.ports.is_empty() => vec![PORT_WITHOUT_SERVICE],
        None => host.ports.clone(),
    }
}
