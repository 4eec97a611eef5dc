//! What a standing proxy at the edge serves: listeners, what each asks of a connection, and what becomes of it.

mod chain;
mod merge;

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use mesh_snapshot::Key;
use mesh_snapshot::object::ServerTls;

use crate::address::{everywhere, samples};
use crate::host::{HostTable, without_port};
use crate::outbound::StreamOutcome;
use crate::policy::Claims;
use crate::request::Request;
use crate::route::{Outcome, Route, StreamFacts, StreamRoute, StreamTable, VirtualHostRoutes};
use crate::trace::{Step, Trace};

pub use merge::Conflict;
pub(crate) use merge::{Builder, Tables};

/// All that the `Gateway` objects of a workload open.
#[derive(Clone, Debug)]
pub struct Gateway {
    listeners: Vec<Listener>,
    skipped: Vec<Skipped>,
}

/// An address and port that accept.
#[derive(Clone, Debug)]
pub struct Listener {
    pub port: u16,
    /// Absent: all addresses.
    pub bind: Option<IpAddr>,
    /// Whether a connection begins with a TLS handshake.
    pub tls: bool,
    chains: Vec<Chain>,
    names: HostTable<usize>,
}

/// How connections for certain server names are treated; on a listener without TLS there is one, for all.
#[derive(Clone, Debug)]
pub struct Chain {
    /// The server of the `Gateway` object that it comes from: the first of several that were merged.
    pub key: Arc<Key>,
    /// `servers[0]`.
    pub item: Box<str>,
    /// Of the `Gateway` object, and of its secrets.
    pub namespace: Box<str>,
    /// Whether to end TLS here, and how.
    pub tls: ServerTls,
    pub handler: Handler,
    /// Server names that it is for; on a listener without TLS they say nothing.
    names: Vec<Box<str>>,
}

#[derive(Clone, Debug)]
pub enum Handler {
    Http(HttpServer),
    Stream(StreamServer),
}

/// Requests, by authority.
#[derive(Clone, Debug, Default)]
pub struct HttpServer {
    /// What clients connect to, and what [`Request::port`] is here.
    pub port: u16,
    names: HostTable<usize>,
    virtual_hosts: Vec<VirtualHost>,
}

#[derive(Clone, Debug)]
struct VirtualHost {
    host: Box<str>,
    name: Box<str>,
    https_redirect: bool,
    routes: VirtualHostRoutes,
}

/// Bytes: of TCP, or of TLS that is ended here or passes through.
#[derive(Clone, Debug, Default)]
pub struct StreamServer {
    /// What clients connect to.
    pub port: u16,
    routes: StreamTable,
}

/// A server that is not served, since an older one has what it wants.
#[derive(Clone, Debug)]
pub struct Skipped {
    pub key: Arc<Key>,
    /// `servers[0]`.
    pub item: Box<str>,
    pub conflict: Conflict,
}

impl Gateway {
    #[must_use]
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// What was asked for and is not served.
    #[must_use]
    pub fn skipped(&self) -> &[Skipped] {
        &self.skipped
    }
}

impl Listener {
    /// How to treat a connection. With `None` it is closed: no server is for that name.
    #[must_use]
    pub fn chain(&self, sni: Option<&str>) -> Option<&Chain> {
        if !self.tls {
            return self.chains.first();
        }
        // A client that names nobody is for whoever takes any name.
        let found = self.names.find(sni.unwrap_or_default())?;
        self.chains.get(found.value)
    }

    #[must_use]
    pub fn chains(&self) -> &[Chain] {
        &self.chains
    }
}

impl Chain {
    /// The server names that lead to it: names and wildcards.
    #[must_use]
    pub fn names(&self) -> &[Box<str>] {
        &self.names
    }
}

impl HttpServer {
    /// Whether a virtual host is for an authority. To others each request is refused.
    #[must_use]
    pub fn serves(&self, authority: &str) -> bool {
        self.names.find(without_port(authority)).is_some()
    }

    /// What becomes of a request.
    #[must_use]
    pub fn route(&self, request: &Request<'_>, claims: &Claims) -> Outcome<'_> {
        self.route_traced(request, claims, &mut ())
    }

    /// The same, telling each step.
    pub fn route_traced<T: Trace>(
        &self,
        request: &Request<'_>,
        claims: &Claims,
        trace: &mut T,
    ) -> Outcome<'_> {
        let found = self.names.find(without_port(request.authority));
        let virtual_host = found.and_then(|found| self.virtual_hosts.get(found.value));
        let Some(virtual_host) = virtual_host else {
            if T::LISTENS {
                trace.step(Step::UnknownHost { authority: request.authority, port: request.port });
            }
            return Outcome::NoHost;
        };
        let name = &*virtual_host.name;
        if T::LISTENS {
            let wildcard = found.is_some_and(|found| found.wildcard);
            trace.step(Step::VirtualHost { name, wildcard });
        }
        if virtual_host.https_redirect && request.scheme != "https" {
            return Outcome::HttpsRedirect;
        }
        virtual_host.routes.select(name, request, claims, trace)
    }
}

impl HttpServer {
    /// All virtual hosts by name, with their routes in order: for those who explain.
    pub fn virtual_hosts(&self) -> impl Iterator<Item = (&str, &[Route])> {
        self.virtual_hosts.iter().map(|host| (&*host.name, host.routes.routes()))
    }
}

impl StreamServer {
    /// What becomes of a connection; `None`: no route takes it, and it is closed. `roll` is uniform over all of `u32`.
    #[must_use]
    pub fn stream(
        &self,
        destination: IpAddr,
        sni: Option<&str>,
        roll: u32,
    ) -> Option<StreamOutcome<'_>> {
        let route = self.routes.find(&StreamFacts { sni, destination })?;
        Some(StreamOutcome::of(route, roll))
    }

    /// The routes that ask at which address a connection came, once for each block of those that they take: for those who explain.
    pub fn subnets(&self) -> impl Iterator<Item = (&StreamRoute, IpNet)> {
        self.routes.subnets()
    }

    /// Addresses that stand for all: whatever becomes of a connection that came at any, of one to some of these the same does.
    #[must_use]
    pub fn destinations(&self) -> BTreeSet<IpAddr> {
        samples(&everywhere(), self.subnets().map(|(_, net)| net))
    }
}

#[cfg(test)]
mod tests;
