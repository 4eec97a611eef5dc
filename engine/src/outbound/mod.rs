//! What a workload sends: which service a request or a connection is for, and what becomes of it there.
//!
//! HTTP goes by its authority, on the port that it was addressed to; bytes go by address, or by server name.

mod build;
mod names;
mod services;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;
use mesh_snapshot::object::Protocol;

use self::build::ALLOW_ANY;
use self::services::{ServicePort, Services};
use crate::address::{block, everywhere, samples};
use crate::cluster::ClusterId;
use crate::host::{HostTable, without_port};
use crate::policy::Claims;
use crate::request::Request;
use crate::route::{Outcome, Route, StreamFacts, StreamRoute, Target, Upstream, VirtualHostRoutes};
use crate::trace::{Step, Trace};

pub(crate) use build::Builder;

/// The outbound side of a sidecar.
#[derive(Clone, Debug)]
pub struct Outbound {
    unknown: Unknown,
    /// By port, names and wildcards of virtual hosts.
    ports: HashMap<u16, HostTable<usize>>,
    virtual_hosts: Vec<VirtualHost>,
    services: Services,
    /// The ports on which HTTP may go to any address.
    listening: HashSet<u16>,
    preload: BTreeSet<String>,
}

/// What becomes of what goes to no host of the view.
#[derive(Clone, Debug)]
enum Unknown {
    Passed,
    Refused,
    /// By a service that an author named: the one route to it.
    Proxied {
        routes: VirtualHostRoutes,
        upstream: Upstream,
    },
}

#[derive(Clone, Debug)]
struct VirtualHost {
    name: Box<str>,
    routes: Arc<VirtualHostRoutes>,
}

/// The addresses that a cluster has given to hosts: world.
pub trait Addresses {
    /// The host, fully qualified, of a virtual address.
    fn host_of(&self, address: IpAddr) -> Option<&str>;
}

impl Addresses for () {
    fn host_of(&self, _: IpAddr) -> Option<&str> {
        None
    }
}

/// What is known of a connection from where it goes.
#[derive(Clone, Copy, Debug)]
pub struct Arrival<'p> {
    /// What to expect. With `Detect` the first bytes tell: HTTP is routed by [`Outbound::route`], TLS shows a server
    /// name to [`Outbound::stream`], and so goes everything else; on an HTTP port, too, what is no HTTP.
    pub protocol: Protocol,
    port: u16,
    service: Option<&'p ServicePort>,
    /// Whether it is for that service and no other: it was called by its address, or by its name.
    is_called: bool,
}

/// What becomes of a connection whose bytes are not HTTP.
#[derive(Clone, Copy, Debug)]
pub enum StreamOutcome<'p> {
    /// To a cluster; `None`: there is no such cluster, and the connection is closed (`NC`).
    Forward {
        /// The cluster's name, whether or not there is one.
        name: &'p str,
        cluster: Option<ClusterId>,
        /// The route that says so; `None`: nobody wrote one.
        route: Option<&'p StreamRoute>,
    },
    /// Nowhere: the connection is closed. So the route says, whose backend is not valid.
    Closed(&'p StreamRoute),
    /// To where the client was going (`PassthroughCluster`).
    Passthrough,
    /// Nowhere: the connection is closed (`BlackHoleCluster`).
    Blackhole,
}

impl<'p> StreamOutcome<'p> {
    pub(crate) fn of(route: &'p StreamRoute, roll: u32) -> Self {
        match &route.backends.pick(roll).target {
            Target::Status(_) => Self::Closed(route),
            Target::Cluster(Upstream { name, cluster }) => {
                Self::Forward { name, cluster: *cluster, route: Some(route) }
            }
        }
    }
}

impl<'p> Arrival<'p> {
    /// The host that the connection is for, where that is known.
    #[must_use]
    pub fn host(&self) -> Option<&'p str> {
        self.service.map(ServicePort::host)
    }
}

impl Outbound {
    /// What becomes of an HTTP request of which nothing but itself is known. `addresses` tells whose an authority is that
    /// is an address.
    #[must_use]
    pub fn route(&self, request: &Request<'_>, addresses: &impl Addresses) -> Outcome<'_> {
        self.route_traced(None, request, addresses, &mut ())
    }

    /// The same of one that came on a connection, telling each step.
    pub fn route_traced<T: Trace>(
        &self,
        arrival: Option<&Arrival<'_>>,
        request: &Request<'_>,
        addresses: &impl Addresses,
        trace: &mut T,
    ) -> Outcome<'_> {
        let table = self.ports.get(&request.port);
        // Where it is detected what a service speaks, whoever calls its address means it, whatever the authority says.
        // Source: Istio, `getVirtualHostsForSniffedServicePort`.
        let called = arrival.filter(|it| it.is_called && it.protocol == Protocol::Detect);
        let host = called.and_then(Arrival::host).unwrap_or(without_port(request.authority));
        let found = table.and_then(|table| {
            let found = table.find(host);
            // A virtual address is a name of its own, which no wildcard may take.
            match found {
                Some(found) if !found.wildcard => Some(found),
                _ => ip(host).and_then(|ip| table.find(addresses.host_of(ip)?)).or(found),
            }
        });
        let virtual_host = found.and_then(|found| self.virtual_hosts.get(found.value));
        let Some(virtual_host) = virtual_host else {
            if T::LISTENS {
                trace.step(Step::UnknownHost { authority: request.authority, port: request.port });
            }
            return match &self.unknown {
                Unknown::Passed => Outcome::Passthrough,
                Unknown::Refused => Outcome::Blackhole,
                Unknown::Proxied { routes, .. } => {
                    routes.select(ALLOW_ANY, request, &Claims::default(), trace)
                }
            };
        };
        let name = &*virtual_host.name;
        if T::LISTENS {
            let wildcard = found.is_some_and(|found| found.wildcard);
            trace.step(Step::VirtualHost { name, wildcard });
        }
        // Nobody verifies tokens on their way out.
        virtual_host.routes.select(name, request, &Claims::default(), trace)
    }

    /// What to expect of a connection to `destination`.
    #[must_use]
    pub fn arrival(&self, destination: SocketAddr, addresses: &impl Addresses) -> Arrival<'_> {
        let (address, port) = (destination.ip().to_canonical(), destination.port());
        let called = self.services.at(address, port, addresses);
        let service = called.or_else(|| self.services.around(address, port));
        self.arrival_for(service, port, called.is_some())
    }

    /// What to expect of a connection to a host by name, as a `CONNECT` request asks for it.
    #[must_use]
    pub fn arrival_by_name(&self, host: &str, port: u16) -> Arrival<'_> {
        self.arrival_for(self.services.named(host, port), port, true)
    }

    /// Whether some service may speak anything on a port, so that [`Outbound::arrival`] tells where its requests go.
    #[must_use]
    pub fn detects(&self, port: u16) -> bool {
        self.services.detects(port)
    }

    fn arrival_for<'p>(
        &'p self,
        service: Option<&'p ServicePort>,
        port: u16,
        is_called: bool,
    ) -> Arrival<'p> {
        let protocol = match service {
            Some(service) => service.protocol(),
            // Some host speaks HTTP on this port: so may whoever has this address.
            None if self.listening.contains(&port) => Protocol::Detect,
            None => self.services.expected(port).unwrap_or(Protocol::Tcp),
        };
        Arrival { protocol, port, service, is_called }
    }

    /// What becomes of a connection whose bytes are not HTTP. `sni` is the server name that its TLS handshake asks
    /// for, `roll` is uniform over all of `u32`.
    #[must_use]
    pub fn stream<'p>(
        &'p self,
        arrival: &Arrival<'p>,
        destination: IpAddr,
        sni: Option<&str>,
        roll: u32,
    ) -> StreamOutcome<'p> {
        let facts = StreamFacts { sni, destination };
        let service = arrival.service.or_else(|| self.services.unaddressed(arrival.port, sni));
        // Istio has such bytes pass on a port of HTTP: they are for nobody that the mesh knows.
        let service = service.filter(|service| !service.protocol().is_http());
        // A block may hold others' addresses, so there a service goes by its server name as well.
        let by_name = || self.services.is_in_block(destination.to_canonical());
        let service = service.filter(|service| service.takes(sni, by_name));
        let outcome = service.and_then(|service| service.stream(&facts, roll));
        if let Some(outcome) = outcome {
            return outcome;
        }
        match &self.unknown {
            Unknown::Passed => StreamOutcome::Passthrough,
            Unknown::Refused => StreamOutcome::Blackhole,
            Unknown::Proxied { upstream: Upstream { name, cluster }, .. } => {
                StreamOutcome::Forward { name, cluster: *cluster, route: None }
            }
        }
    }

    /// The routes that ask to which address a connection goes, once for each block of those that they take: for those who explain.
    pub fn subnets<'p>(
        &self,
        arrival: &Arrival<'p>,
    ) -> impl Iterator<Item = (&'p StreamRoute, IpNet)> + use<'p> {
        arrival.service.into_iter().flat_map(|service| service.routes().subnets())
    }

    /// Destinations that stand for all addresses and blocks of `among`: whatever becomes of a connection to any of those, of one
    /// to some of these the same does. Without any `among`, they stand for every address; what is no address is none.
    #[must_use]
    pub fn destinations<'t>(
        &self,
        arrival: &Arrival<'_>,
        among: impl IntoIterator<Item = &'t str>,
    ) -> BTreeSet<IpAddr> {
        let among: Vec<_> = among.into_iter().filter_map(block).collect();
        let told_apart = self.subnets(arrival).map(|(_, net)| net);
        if among.is_empty() {
            return samples(&everywhere(), told_apart);
        }
        samples(&among, told_apart)
    }

    /// All virtual hosts by name, with their routes in order: for those who explain.
    pub fn virtual_hosts(&self) -> impl Iterator<Item = (&str, &[Route])> {
        self.virtual_hosts.iter().map(|host| (&*host.name, host.routes.routes()))
    }

    /// Hosts whose endpoints are wanted before the first request.
    #[must_use]
    pub const fn preload(&self) -> &BTreeSet<String> {
        &self.preload
    }
}

/// The address that an authority's host is, if it is one.
fn ip(host: &str) -> Option<IpAddr> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    bare.starts_with(|first: char| first.is_ascii_hexdigit() || first == ':')
        .then(|| bare.parse().ok())
        .flatten()
}

#[cfg(test)]
mod tests;
