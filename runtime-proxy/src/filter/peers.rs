//! What metrics call the endpoints that this thread calls, and the clients that call it.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

use mesh_snapshot::wire::Attributes;

use super::downstream::Downstream;
use crate::cluster::{self, Endpoint};
use crate::observe::{Direction, Metrics, Peer, PeerId, Security};
use crate::tls::SpiffeId;

/// By endpoint: an endpoint is looked up in the process's list once a thread.
pub(crate) struct Peers {
    metrics: Arc<Metrics>,
    known: RefCell<HashMap<usize, (Weak<Endpoint>, PeerId)>>,
}

/// Who is at the other end, as metrics see it, and how the connection there is secured.
#[derive(Clone, Copy)]
pub(crate) struct OtherSide {
    pub(crate) peer: PeerId,
    pub(crate) security: Security,
}

impl OtherSide {
    /// As long as nobody has been asked: what comes in has its client at the other end from the beginning.
    pub(crate) fn at_first(direction: Direction, downstream: &Downstream) -> Self {
        match direction {
            Direction::Inbound => Self { peer: downstream.peer, security: downstream.security() },
            Direction::Outbound | Direction::Gateway => {
                Self { peer: PeerId::UNKNOWN, security: Security::Unknown }
            }
        }
    }
}

/// When so many are known, those of endpoints that have gone are forgotten.
const KNOWN_MAX: usize = 4096;

impl Peers {
    pub(crate) fn new(metrics: &Arc<Metrics>) -> Self {
        Self { metrics: Arc::clone(metrics), known: RefCell::default() }
    }

    /// Whom a request is sent to.
    pub(crate) fn of(&self, endpoint: &Arc<Endpoint>) -> OtherSide {
        let security = match endpoint.security {
            cluster::Security::Mesh(_) => Security::Mutual,
            cluster::Security::Plain | cluster::Security::Outside => Security::Plain,
        };
        OtherSide { peer: self.peer(endpoint), security }
    }

    fn peer(&self, endpoint: &Arc<Endpoint>) -> PeerId {
        let place = Arc::as_ptr(endpoint).addr();
        let mut known = self.known.borrow_mut();
        if let Some((still, id)) = known.get(&place)
            // While somebody holds on to an endpoint, no other has its address.
            && still.as_ptr().addr() == place
            && still.strong_count() > 0
        {
            return *id;
        }
        if KNOWN_MAX <= known.len() {
            known.retain(|_, (still, _)| still.strong_count() > 0);
        }
        let about = &endpoint.about;
        let id = self.metrics.peer(&Peer {
            workload: &about.workload,
            namespace: &about.namespace,
            cluster: &about.cluster,
            principal: &about.identity,
            labels: (!about.labels.is_empty()).then_some(&about.labels),
        });
        known.insert(place, (Arc::downgrade(endpoint), id));
        id
    }

    /// A client by what its certificate says: once a connection. How many there are is up to the mesh's authority, which signs what is
    /// said, and bounded even so.
    pub(crate) fn proved(&self, id: &SpiffeId, attributes: Option<&Attributes>) -> PeerId {
        let namespace = id.namespace().unwrap_or_default();
        let known = Peer { namespace, principal: id.as_str(), ..Peer::default() };
        let Some(attributes) = attributes else { return self.metrics.peer(&known) };
        self.metrics.peer(&Peer {
            workload: &attributes.workload,
            cluster: &attributes.cluster,
            labels: Some(&attributes.labels),
            ..known
        })
    }
}
