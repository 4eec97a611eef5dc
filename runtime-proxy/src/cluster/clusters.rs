//! What one thread knows of clusters.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use super::directory::{ClusterId, Directory};
use super::endpoint::Endpoint;
use super::error::PickError;
use super::limit::Place;
use super::picked::Picked;
use super::spec::Spec;
use super::state::Counters;
use crate::tls::MeshClient;

/// One a thread: its pools and balancers.
pub struct Clusters {
    mesh: Rc<MeshClient>,
}

/// A cluster as a program has it, for one thread.
pub struct Cluster {
    spec: Arc<Spec>,
}

/// What an endpoint is picked by.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pick<'a> {
    /// For balancers that keep like requests together ([`mesh_engine::cluster::Hashed`]).
    pub hash: Option<u64>,
    /// Where the request has been already: taken only when there is no other.
    pub avoid: &'a [Arc<Endpoint>],
    /// Where the client was going.
    pub original: Option<SocketAddr>,
}

impl Clusters {
    /// To be called where tasks can be spawned locally.
    #[must_use]
    pub fn new(mesh: Rc<MeshClient>) -> Rc<Self> {
        Rc::new(Self { mesh })
    }

    /// The cluster of an ID that `directory` gave out.
    #[must_use]
    pub fn get(&self, directory: &Arc<Directory>, id: ClusterId) -> Option<Rc<Cluster>> {
        let _ = (directory, id, &self.mesh);
        todo!()
    }
}

impl Cluster {
    #[must_use]
    pub const fn spec(&self) -> &Arc<Spec> {
        &self.spec
    }

    /// Waits until somebody has said which endpoints there are. Bounded by the caller.
    pub async fn known(&self) {
        todo!()
    }

    /// # Errors
    ///
    /// When there is no endpoint to be used.
    pub fn pick(&self, pick: &Pick<'_>) -> Result<Picked, PickError> {
        let _ = pick;
        todo!()
    }

    /// A place among the retries under way; `None`: there are too many.
    #[must_use]
    pub fn retry(&self) -> Option<Place> {
        todo!()
    }

    /// No answer came of a request to `endpoint` in the time of one attempt.
    pub fn timed_out(&self, endpoint: &Endpoint) {
        let _ = endpoint;
        todo!()
    }

    /// The address of a host that the client named where a cluster leads to wherever clients go.
    ///
    /// # Errors
    ///
    /// When the name cannot be resolved.
    pub async fn resolve(&self, host: &str, port: u16) -> std::io::Result<SocketAddr> {
        let _ = (host, port);
        todo!()
    }

    #[must_use]
    pub fn counters(&self) -> &Counters {
        todo!()
    }
}
