//! Several `Gateway` objects, one set of listeners. Source: Istio, `MergeGateways`; of two that conflict the older
//! wins, and the other is told of.
//!
//! On one address and port servers of plain HTTP become one, and servers of TLS stand side by side, told apart by name;
//! nothing else shares a port.

use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use mesh_snapshot::Key;
use mesh_snapshot::object::{
    Gateway as GatewayObject, RouteTable, Server, ServerProtocol, ServerTls, Workload,
};

use super::{Gateway, Listener, Skipped};
use crate::cluster::Registry;
use crate::inbound::Inbound;
use crate::program::{BuildError, Ledger, Named};
use crate::route::Retry;

/// Why a server is not served.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Conflict {
    #[error("another server of this gateway has the same name")]
    Name,
    #[error("an older server has one of its hosts on this port")]
    Host,
    #[error("an older server speaks another protocol on this port")]
    Protocol,
    #[error("its protocol wants TLS and it has none")]
    NoTls,
}

/// The routes that a gateway's references lead to.
pub(crate) type Tables = BTreeMap<Key, Named<RouteTable>>;

pub(crate) struct Builder<'a> {
    pub(crate) workload: &'a Workload,
    pub(crate) inbound: &'a Inbound,
    pub(crate) clusters: &'a Registry,
    pub(crate) default_retry: &'a Arc<Retry>,
    pub(crate) tables: &'a Tables,
    pub(crate) ledger: &'a Ledger,
    /// See [`Limits::gateway_address`](crate::Limits::gateway_address).
    pub(crate) address: IpAddr,
}

/// Where a listener stands: its port, and its address if it has one of its own.
pub(super) type Place = (u16, Option<IpAddr>);

/// A server, and the object that it is of.
pub(super) struct Of<'a> {
    pub(super) key: &'a Arc<Key>,
    pub(super) gateway: &'a GatewayObject,
    index: usize,
    pub(super) server: &'a Server,
}

#[derive(Default)]
struct Merging {
    listeners: BTreeMap<Place, Listener>,
    /// Hosts of servers with TLS settings.
    hosts: HashSet<(Place, String)>,
    skipped: Vec<Skipped>,
}

impl Builder<'_> {
    pub(crate) fn build(
        &mut self,
        gateways: &[Named<GatewayObject>],
    ) -> Result<Gateway, BuildError> {
        let mut merging = Merging::default();
        for (key, gateway) in gateways {
            let mut names = HashSet::new();
            for (index, server) in gateway.servers.iter().enumerate() {
                let of = Of { key, gateway, index, server };
                if !server.name.is_empty() && !names.insert(&server.name) {
                    merging.skip(&of, Conflict::Name);
                } else {
                    self.server(&of, &mut merging)?;
                }
            }
        }
        let mut listeners: Vec<_> = merging.listeners.into_values().collect();
        listeners.iter_mut().for_each(Listener::seal);
        listeners.retain(|listener| !listener.chains.is_empty());
        Ok(Gateway { listeners, skipped: merging.skipped })
    }

    fn server(&mut self, of: &Of<'_>, merging: &mut Merging) -> Result<(), BuildError> {
        let server = of.server;
        // What a Service makes of the port, or the port itself. Source: Istio, `resolvePorts`.
        let port = self.inbound.target_of(server.port).unwrap_or(server.port);
        let place = (port, self.bind(server));
        if server.tls != ServerTls::Off && !merging.take_hosts(place, &server.hosts) {
            merging.skip(of, Conflict::Host);
            return Ok(());
        }
        let wants_tls = matches!(server.protocol, ServerProtocol::Https | ServerProtocol::Tls);
        if wants_tls && matches!(server.tls, ServerTls::Off | ServerTls::Redirect) {
            merging.skip(of, Conflict::NoTls);
            return Ok(());
        }
        let listener = merging.listeners.get_mut(&place);
        match listener {
            None => {
                let mut listener = Listener::new(place, wants_tls);
                listener.push(self.chain(of)?);
                merging.listeners.insert(place, listener);
            }
            Some(listener) if listener.tls && wants_tls => listener.push(self.chain(of)?),
            Some(listener) => match listener.http() {
                Some(http) if server.protocol == ServerProtocol::Http => self.http(of, http)?,
                _ => merging.skip(of, Conflict::Protocol),
            },
        }
        Ok(())
    }

    /// The address of a server's own. Two servers must not open one address twice: each socket would know half.
    fn bind(&self, server: &Server) -> Option<IpAddr> {
        let is_all =
            |bind: IpAddr| bind.is_unspecified() && bind.is_ipv4() == self.address.is_ipv4();
        server.bind.filter(|bind| *bind != self.address && !is_all(*bind))
    }
}

impl Of<'_> {
    pub(super) fn item(&self) -> Box<str> {
        format!("servers[{}]", self.index).into()
    }
}

impl Merging {
    fn skip(&mut self, of: &Of<'_>, conflict: Conflict) {
        self.skipped.push(Skipped { key: Arc::clone(of.key), item: of.item(), conflict });
    }

    /// Whether none of `hosts` was taken; those that were free are taken now, as Istio does.
    fn take_hosts(&mut self, place: Place, hosts: &[String]) -> bool {
        let mut free = true;
        for host in hosts {
            free &= self.hosts.insert((place, host.to_ascii_lowercase()));
        }
        free
    }
}
