//! What requests are judged by, and what the data path needs beside it: made from one slice, off the traffic's path, then only read.
//!
//! ```text
//! slice ─▶ engine::Program ─┬▶ clusters: one each of the engine's, and those that lead to the workload and to strangers
//!                           ├▶ edges:    how each listener of a gateway ends TLS
//!                           ├▶ keys:     the key sets that tokens are verified with and that are world
//!                           └▶ buckets:  what the limits of rates count, kept from the program before
//! ```

mod build;
mod clusters;
mod keys;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use mesh_engine::gateway::Listener;

pub use build::{Builder, FEATURES};
pub(crate) use keys::Keys;

use crate::cluster::{ClusterId, Directory};
use crate::limit::Buckets;
use crate::observe::{Logged, ServiceId};
use crate::tls;

/// See the module.
#[derive(Debug)]
pub struct Program {
    engine: mesh_engine::Program,
    directory: Arc<Directory>,
    clusters: clusters::Known,
    /// By the ports of a sidecar that end TLS of their own.
    own_tls: HashMap<u16, tls::Gateway>,
    /// By the place of the engine's listener; none: its connections begin in plain text.
    edges: Vec<Option<tls::Gateway>>,
    keys: Keys,
    buckets: Buckets,
    logged: Logged,
}

impl Program {
    #[must_use]
    pub const fn engine(&self) -> &mesh_engine::Program {
        &self.engine
    }

    #[must_use]
    pub const fn directory(&self) -> &Arc<Directory> {
        &self.directory
    }

    /// What metrics call the service behind a cluster.
    pub(crate) fn service(&self, id: ClusterId) -> ServiceId {
        self.clusters.services.get(&id).copied().unwrap_or(ServiceId::UNKNOWN)
    }

    /// What leads to a port of the workload itself: to where it is told that the application listens.
    pub(crate) fn inbound(&self, port: u16) -> Option<ClusterId> {
        self.clusters.inbound.get(&port).copied().or(self.clusters.inbound_other)
    }

    /// How a port of the workload itself ends TLS that is not the mesh's.
    pub(crate) fn inbound_tls(&self, port: u16) -> Option<&tls::Gateway> {
        self.own_tls.get(&port)
    }

    /// What logs call the virtual host of a port of the workload itself.
    pub(crate) fn inbound_host(&self, port: u16) -> &str {
        self.clusters.inbound_hosts.get(&port).map_or(clusters::INBOUND_HOST_OTHER, AsRef::as_ref)
    }

    /// What leads to wherever the client was going.
    pub(crate) const fn passthrough(&self) -> Option<ClusterId> {
        self.clusters.passthrough
    }

    /// Which fields of requests the access log asks for.
    pub(crate) const fn logged(&self) -> &Logged {
        &self.logged
    }

    pub(crate) const fn keys(&self) -> &Keys {
        &self.keys
    }

    /// What the limits of rates have counted.
    pub(crate) const fn buckets(&self) -> &Buckets {
        &self.buckets
    }

    /// A gateway's listener, and how it ends TLS.
    pub(crate) fn listener(
        &self,
        port: u16,
        bind: Option<IpAddr>,
    ) -> Option<(&Listener, Option<&tls::Gateway>)> {
        let listeners = self.engine.gateway()?.listeners();
        let place = listeners.iter().position(|at| at.port == port && at.bind == bind)?;
        Some((listeners.get(place)?, self.edges.get(place)?.as_ref()))
    }
}

impl AsRef<mesh_engine::Program> for Program {
    fn as_ref(&self) -> &mesh_engine::Program {
        &self.engine
    }
}
