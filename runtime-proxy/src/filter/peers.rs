//! What metrics call the endpoints that this thread calls.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Weak};

use crate::cluster::Endpoint;
use crate::observe::{Metrics, Peer, PeerId};

/// By endpoint: an endpoint is looked up in the process's list once a thread.
pub(crate) struct Peers {
    metrics: Arc<Metrics>,
    known: RefCell<HashMap<usize, (Weak<Endpoint>, PeerId)>>,
}

/// When so many are known, those of endpoints that have gone are forgotten.
const KNOWN_MAX: usize = 4096;

impl Peers {
    pub(crate) fn new(metrics: &Arc<Metrics>) -> Self {
        Self { metrics: Arc::clone(metrics), known: RefCell::default() }
    }

    pub(crate) fn of(&self, endpoint: &Arc<Endpoint>) -> PeerId {
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

    /// A client of whom nothing is known but what it has proved.
    pub(crate) fn proved(&self, principal: &str, namespace: &str) -> PeerId {
        self.metrics.peer(&Peer { namespace, principal, ..Peer::default() })
    }
}
