//! Services by address, by name, and by port: where bytes go that have no authority.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::net::IpAddr;

use ipnet::IpNet;
use mesh_snapshot::object::{Protocol, Service};

use super::{Addresses, StreamOutcome};
use crate::address::block;
use crate::cluster::ClusterId;
use crate::host::{HostTable, covers};
use crate::route::{StreamFacts, StreamTable};

#[derive(Clone, Debug, Default)]
pub(super) struct Services {
    all: Vec<BTreeMap<u16, ServicePort>>,
    names: HostTable<usize>,
    /// Addresses that authors gave; several services may share one.
    addresses: HashMap<IpAddr, Vec<usize>>,
    /// The narrowest first.
    blocks: Vec<(IpNet, usize)>,
    /// Services without an address, by port: whatever goes there may be for them.
    tls: HashMap<u16, HostTable<usize>>,
    tcp: HashMap<u16, usize>,
    /// Ports of services that may speak anything there.
    detecting: HashSet<u16>,
}

/// One port of one service.
#[derive(Clone, Debug)]
pub(super) struct ServicePort {
    pub(super) host: Box<str>,
    pub(super) port: u16,
    pub(super) protocol: Protocol,
    pub(super) cluster_name: Box<str>,
    pub(super) cluster: Option<ClusterId>,
    pub(super) tcp: StreamTable,
    pub(super) tls: StreamTable,
}

impl Services {
    /// Adds a service that goes by `names`. `Err` holds the text that is no address.
    pub(super) fn push<'a>(
        &mut self,
        service: &'a Service,
        ports: Vec<ServicePort>,
        names: &[String],
    ) -> Result<(), &'a str> {
        let place = self.all.len();
        self.name(place, names);
        for text in &service.addresses {
            let net = block(text).ok_or(text.as_str())?;
            if net.prefix_len() == net.max_prefix_len() {
                self.addresses.entry(net.addr()).or_default().push(place);
            } else {
                let before = |found: &(IpNet, usize)| found.0.prefix_len() >= net.prefix_len();
                self.blocks.insert(self.blocks.partition_point(before), (net, place));
            }
        }
        // The name of a ServiceEntry is its host; a Service of Kubernetes gets its addresses from the cluster.
        if service.addresses.is_empty() && service.name == service.host {
            for port in &ports {
                self.push_unaddressed(port, place);
            }
        }
        let detecting = ports.iter().filter(|port| port.protocol == Protocol::Detect);
        self.detecting.extend(detecting.map(|port| port.port));
        self.all.push(ports.into_iter().map(|port| (port.port, port)).collect());
        Ok(())
    }

    /// Gives a service names that nobody else has.
    pub(super) fn name(&mut self, place: usize, names: &[String]) {
        for name in names {
            self.names.insert(name, place);
        }
    }

    fn push_unaddressed(&mut self, port: &ServicePort, place: usize) {
        match port.protocol {
            Protocol::Tls | Protocol::Https => {
                self.tls.entry(port.port).or_default().insert(&port.host, place);
            }
            Protocol::Tcp => {
                self.tcp.entry(port.port).or_insert(place);
            }
            _ => {}
        }
    }

    /// The service that has just this address: one that an author put there, else the cluster's.
    pub(super) fn at(
        &self,
        address: IpAddr,
        port: u16,
        addresses: &impl Addresses,
    ) -> Option<&ServicePort> {
        let mut declared = self.addresses.get(&address).into_iter().flatten();
        let assigned = || self.named(addresses.host_of(address)?, port);
        declared.find_map(|&place| self.get(place, port)).or_else(assigned)
    }

    /// The service that has the narrowest block around an address.
    pub(super) fn around(&self, address: IpAddr, port: u16) -> Option<&ServicePort> {
        let mut blocks = self.blocks.iter().filter(|(net, _)| net.contains(&address));
        blocks.find_map(|&(_, place)| self.get(place, port))
    }

    /// Whether some service may speak anything on a port.
    pub(super) fn detects(&self, port: u16) -> bool {
        self.detecting.contains(&port)
    }

    pub(super) fn named(&self, host: &str, port: u16) -> Option<&ServicePort> {
        self.get(self.names.find(host)?.value, port)
    }

    /// What services without an address speak on a port.
    pub(super) fn expected(&self, port: u16) -> Option<Protocol> {
        let tls = self.tls.contains_key(&port).then_some(Protocol::Tls);
        tls.or_else(|| self.tcp.contains_key(&port).then_some(Protocol::Tcp))
    }

    /// The service without an address that a connection to `port` is for.
    pub(super) fn unaddressed(&self, port: u16, sni: Option<&str>) -> Option<&ServicePort> {
        let by_name = self.tls.get(&port).and_then(|table| table.find(sni?));
        let place = by_name.map(|found| found.value).or_else(|| self.tcp.get(&port).copied());
        self.get(place?, port)
    }

    /// Whether no service has just this address, and some have a block that it lies in.
    pub(super) fn is_in_block(&self, address: IpAddr) -> bool {
        !self.addresses.contains_key(&address)
            && self.blocks.iter().any(|(net, _)| net.contains(&address))
    }

    fn get(&self, place: usize, port: u16) -> Option<&ServicePort> {
        self.all.get(place)?.get(&port)
    }
}

impl ServicePort {
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) const fn protocol(&self) -> Protocol {
        self.protocol
    }

    const fn is_tls(&self) -> bool {
        matches!(self.protocol, Protocol::Tls | Protocol::Https)
    }

    /// Whether a connection to the service's address is for it. One for TLS without routes of its own asks for its
    /// own name where the address alone does not tell, as `by_name` says. Source: Istio,
    /// `buildSidecarOutboundTLSFilterChainOpts`.
    pub(super) fn takes(&self, sni: Option<&str>, by_name: impl Fn() -> bool) -> bool {
        if !self.is_tls() || !self.tls.is_empty() || !by_name() {
            return true;
        }
        sni.is_some_and(|sni| covers(&self.host, sni))
    }

    /// Those that a connection goes by whose bytes are not HTTP.
    pub(super) const fn routes(&self) -> &StreamTable {
        if self.is_tls() { &self.tls } else { &self.tcp }
    }

    /// Where a connection goes: on a port for TLS by the routes for TLS, on another by those for bytes, else to the
    /// service. `None`: it has routes for TLS, and none is for this server name. Source: Istio,
    /// `buildSidecarOutboundTLSFilterChainOpts`, `buildSidecarOutboundTCPFilterChainOpts`.
    pub(super) fn stream(&self, facts: &StreamFacts<'_>, roll: u32) -> Option<StreamOutcome<'_>> {
        if let Some(route) = self.routes().find(facts) {
            return Some(StreamOutcome::of(route, roll));
        }
        let is_open = !self.is_tls() || self.tls.is_empty();
        is_open.then_some(StreamOutcome::Forward {
            name: &self.cluster_name,
            cluster: self.cluster,
            route: None,
        })
    }
}
