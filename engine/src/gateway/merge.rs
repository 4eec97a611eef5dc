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
    self, Gateway as GatewayObject, RouteTable, Server, ServerProtocol, ServerTls, Workload,
};

use super::{Chain, Gateway, Handler, HttpServer, Listener, Skipped, StreamServer, VirtualHost};
use crate::cluster::Registry;
use crate::host::HostTable;
use crate::inbound::Inbound;
use crate::program::{BuildError, Ledger, Named, Site};
use crate::route::{Context, Retry, StreamTable, VirtualHostRoutes};

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
}

/// Where a listener stands: its port, and its address if it has one of its own.
type Place = (u16, Option<IpAddr>);

/// A server, and the object that it is of.
struct Of<'a> {
    key: &'a Arc<Key>,
    gateway: &'a GatewayObject,
    index: usize,
    server: &'a Server,
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
        Ok(Gateway { listeners, skipped: merging.skipped })
    }

    fn server(&mut self, of: &Of<'_>, merging: &mut Merging) -> Result<(), BuildError> {
        let server = of.server;
        // What a Service makes of the port, or the port itself. Source: Istio, `resolvePorts`.
        let port = self.inbound.target_of(server.port).unwrap_or(server.port);
        let place = (port, server.bind);
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

    fn chain(&mut self, of: &Of<'_>) -> Result<Chain, BuildError> {
        let server = of.server;
        let passes = server.tls == ServerTls::Passthrough;
        let handler = match server.protocol {
            ServerProtocol::Http => self.new_http(of)?,
            ServerProtocol::Https if !passes => self.new_http(of)?,
            ServerProtocol::Https | ServerProtocol::Tls | ServerProtocol::Tcp => {
                Handler::Stream(self.stream(of, passes)?)
            }
        };
        Ok(Chain {
            key: Arc::clone(of.key),
            item: of.item(),
            namespace: of.gateway.namespace.as_str().into(),
            tls: server.tls.clone(),
            names: names(server, passes, &handler),
            handler,
        })
    }

    fn new_http(&mut self, of: &Of<'_>) -> Result<Handler, BuildError> {
        let mut http = HttpServer { port: of.server.port, ..HttpServer::default() };
        self.http(of, &mut http)?;
        Ok(Handler::Http(http))
    }

    /// Adds the virtual hosts of a server; the routes of one that is there already go behind its own.
    fn http(&mut self, of: &Of<'_>, http: &mut HttpServer) -> Result<(), BuildError> {
        let server = of.server;
        let redirects = server.tls == ServerTls::Redirect;
        for object::VirtualHost { host, routes } in &server.virtual_hosts {
            let virtual_host = http.virtual_host(host, server.port);
            virtual_host.https_redirect |= redirects;
            let mut context = Context {
                site: Site { workload: self.workload, port: server.port },
                clusters: self.clusters,
                default_retry: self.default_retry,
                ledger: self.ledger,
            };
            if let Some((key, table)) = self.tables.get(&routes.key) {
                virtual_host.routes.push(table, key, &mut context)?;
            }
        }
        // Also where nothing is routed: the redirect is an answer in itself.
        for host in server.hosts.iter().filter(|_| redirects) {
            http.virtual_host(host, server.port).https_redirect = true;
        }
        Ok(())
    }

    /// Routes by server name for TLS that passes through, for bytes where it is ended, or was never there.
    fn stream(&mut self, of: &Of<'_>, passes: bool) -> Result<StreamServer, BuildError> {
        let mut routes = StreamTable::default();
        let reference = of.server.stream_routes.as_ref();
        if let Some((key, table)) = reference.and_then(|routes| self.tables.get(&routes.key)) {
            let mut context = Context {
                site: Site { workload: self.workload, port: of.server.port },
                clusters: self.clusters,
                default_retry: self.default_retry,
                ledger: self.ledger,
            };
            if passes {
                routes.push(&table.tls, "tls", key, &mut context)?;
            } else {
                routes.push(&table.tcp, "tcp", key, &mut context)?;
            }
        }
        Ok(StreamServer { routes })
    }
}

/// The server names that lead to a server: those of its routes where TLS passes through, else its hosts.
fn names(server: &Server, passes: bool, handler: &Handler) -> Vec<Box<str>> {
    let hosts = || server.hosts.iter().map(|host| host.as_str().into());
    match handler {
        Handler::Stream(stream) if passes => {
            let mut names = Vec::new();
            for of_match in stream.routes.server_names() {
                match of_match {
                    [] => names.extend(hosts()),
                    _ => names.extend_from_slice(of_match),
                }
            }
            names
        }
        _ => hosts().collect(),
    }
}

impl Of<'_> {
    fn item(&self) -> Box<str> {
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

impl Listener {
    fn new((port, bind): Place, tls: bool) -> Self {
        Self { port, bind, tls, chains: Vec::new(), names: HostTable::default() }
    }

    fn push(&mut self, chain: Chain) {
        self.chains.push(chain);
    }

    /// The server of plain HTTP, if that is what the listener has.
    fn http(&mut self) -> Option<&mut HttpServer> {
        match self.chains.first_mut().map(|chain| &mut chain.handler) {
            Some(Handler::Http(http)) if !self.tls => Some(http),
            _ => None,
        }
    }

    /// To be called when all is there.
    fn seal(&mut self) {
        for (place, chain) in self.chains.iter_mut().enumerate() {
            if let Handler::Http(http) = &mut chain.handler {
                http.virtual_hosts.iter_mut().for_each(|host| host.routes.seal());
            }
            for name in &chain.names {
                self.names.insert(name, place);
            }
        }
    }
}

impl HttpServer {
    fn virtual_host(&mut self, host: &str, port: u16) -> &mut VirtualHost {
        let place = self.names.get(host).unwrap_or(self.virtual_hosts.len());
        if place == self.virtual_hosts.len() {
            self.names.insert(host, place);
            self.virtual_hosts.push(VirtualHost {
                name: format!("{host}:{port}").into(),
                https_redirect: false,
                routes: VirtualHostRoutes::default(),
            });
        }
        match self.virtual_hosts.get_mut(place) {
            Some(virtual_host) => virtual_host,
            None => unreachable!("it was there, or it was pushed"),
        }
    }
}
