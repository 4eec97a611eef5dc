//! From one server of a `Gateway` object to a chain: what it asks of connections, and where they go.

use std::sync::Arc;

use mesh_snapshot::Reference;
use mesh_snapshot::object::{self, RouteTable, Server, ServerProtocol, ServerTls};

use super::merge::{Builder, Of, Place, Tables};
use super::{Chain, Handler, HttpServer, Listener, StreamServer, VirtualHost};
use crate::host::HostTable;
use crate::program::{BuildError, Named, Site};
use crate::route::{Context, StreamTable, VirtualHostRoutes};

impl Builder<'_> {
    pub(super) fn chain(&mut self, of: &Of<'_>) -> Result<Chain, BuildError> {
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
    pub(super) fn http(&mut self, of: &Of<'_>, http: &mut HttpServer) -> Result<(), BuildError> {
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
            let (key, table) = table(self.tables, routes);
            virtual_host.routes.push(table, key, &mut context)?;
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
        if let Some(reference) = &of.server.stream_routes {
            let (key, table) = table(self.tables, reference);
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
        Ok(StreamServer { port: of.server.port, routes })
    }
}

fn table<'a>(tables: &'a Tables, reference: &Reference) -> &'a Named<RouteTable> {
    match tables.get(&reference.key) {
        Some(table) => table,
        None => unreachable!("every table that a gateway refers to was loaded"),
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

impl Listener {
    pub(super) fn new((port, bind): Place, tls: bool) -> Self {
        Self { port, bind, tls, chains: Vec::new(), names: HostTable::default() }
    }

    pub(super) fn push(&mut self, chain: Chain) {
        self.chains.push(chain);
    }

    /// The server of plain HTTP, if that is what the listener has.
    pub(super) fn http(&mut self) -> Option<&mut HttpServer> {
        match self.chains.first_mut().map(|chain| &mut chain.handler) {
            Some(Handler::Http(http)) if !self.tls => Some(http),
            _ => None,
        }
    }

    /// To be called when all is there. Nothing accepts bytes that no route would take.
    pub(super) fn seal(&mut self) {
        self.chains.retain(|chain| match &chain.handler {
            Handler::Http(_) => true,
            Handler::Stream(stream) => !stream.routes.is_empty(),
        });
        for (place, chain) in self.chains.iter_mut().enumerate() {
            if let Handler::Http(http) = &mut chain.handler {
                http.seal();
            }
            for name in &chain.names {
                self.names.insert(name, place);
            }
        }
    }
}

impl HttpServer {
    /// Virtual hosts of which no route can be taken are none: so a wildcard may take their requests.
    fn seal(&mut self) {
        self.virtual_hosts.retain(|host| host.https_redirect || host.routes.take_any());
        self.names = HostTable::default();
        for (place, host) in self.virtual_hosts.iter_mut().enumerate() {
            self.names.insert(&host.host, place);
            host.routes.seal();
        }
    }

    fn virtual_host(&mut self, host: &str, port: u16) -> &mut VirtualHost {
        let place = self.names.get(host).unwrap_or(self.virtual_hosts.len());
        if place == self.virtual_hosts.len() {
            self.names.insert(host, place);
            self.virtual_hosts.push(VirtualHost {
                host: host.into(),
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
