//! What requests are judged by, and what the data path needs beside it: made from one slice, off the traffic's path, then only read.
//!
//! ```text
//! slice ─▶ engine::Program ─┬▶ clusters: one each of the engine's, and those that lead to the workload and to strangers
//!                           ├▶ edges:    how each listener of a gateway ends TLS
//!                           └▶ keys:     the key sets that tokens are verified with and that are world
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
use crate::observe::ServiceId;
use crate::tls;

/// See the module.
#[derive(Debug)]
pub struct Program {
    engine: mesh_engine::Program,
    directory: Arc<Directory>,
    /// By [`ClusterId`], what metrics call the service behind it.
    services: Vec<ServiceId>,
    /// The workload itself, by its ports that some service leads to.
    inbound: HashMap<u16, ClusterId>,
    /// The workload itself, by any other port.
    inbound_other: ClusterId,
    passthrough: ClusterId,
    /// By the place of the engine's listener; none: its connections begin in plain text.
    edges: Vec<Option<tls::Gateway>>,
    keys: Keys,
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

    /// The cluster that the engine means.
    pub(crate) fn cluster(id: mesh_engine::cluster::ClusterId) -> ClusterId {
        ClusterId(u32::try_from(id.index()).unwrap_or(u32::MAX))
    }

    pub(crate) fn service(&self, id: ClusterId) -> ServiceId {
        let place = usize::try_from(id.0).ok();
        place.and_then(|place| self.services.get(place)).copied().unwrap_or(ServiceId::UNKNOWN)
    }

    /// What leads to a port of the workload itself: always where it is told that the application listens.
    pub(crate) fn inbound(&self, port: u16) -> ClusterId {
        self.inbound.get(&port).copied().unwrap_or(self.inbound_other)
    }

    /// What leads to wherever the client was going.
    pub(crate) const fn passthrough(&self) -> ClusterId {
        self.passthrough
    }

    pub(crate) const fn keys(&self) -> &Keys {
        &self.keys
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
