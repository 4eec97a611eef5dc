//! Connections to one endpoint that are kept for more than one request. Each thread has its own.
//!
//! A lane holds those that speak alike. HTTP/1.1 connections carry one request at a time, and the one used last is used
//! first, so that those which are not needed grow old and are closed. An HTTP/2 connection carries many, and there is
//! another only when it is full. A request for which there is neither waits its turn while one is opened; whichever
//! connection is free first serves it. Source for the rules of opening, waiting and failing: Envoy, `ConnPoolImplBase`.
//!
//! A pool that nobody holds any more takes its idle connections with it. Those that carry requests stay until the last of
//! these has ended, since each request holds on to its connection.

mod lane;
mod open;
mod stock;

mod multiple;
mod single;

mod lease;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use super::endpoint::Endpoint;
use super::limit::Limits;
use super::state::State;
use crate::tls::MeshClient;
use crate::tls::alpn::Offer;

pub(super) use lane::Lane;
pub(super) use lease::Lease;

/// What connections are opened to, and with.
pub(super) struct Ends {
    /// As it was first known: only its address and its security count, and these stay.
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) state: Arc<State>,
    pub(super) mesh: Rc<MeshClient>,
    /// Of the newest program that has the cluster.
    pub(super) limits: Rc<Cell<Limits>>,
}

/// One endpoint's lanes: few, unless hosts must be kept apart.
pub(super) struct Pool {
    ends: Rc<Ends>,
    lanes: RefCell<Vec<Rc<Lane>>>,
}

impl Pool {
    pub(super) fn new(ends: Ends) -> Rc<Self> {
        Rc::new(Self { ends: Rc::new(ends), lanes: RefCell::default() })
    }

    pub(super) fn ends(&self) -> &Ends {
        &self.ends
    }

    /// `host` is that of the request, where connections for different hosts must be kept apart; else empty.
    pub(super) fn lane(&self, offer: Offer, host: &str) -> Rc<Lane> {
        let mut lanes = self.lanes.borrow_mut();
        if let Some(lane) = lanes.iter().find(|lane| lane.is_for(offer, host)) {
            return Rc::clone(lane);
        }
        // Hosts are for clients to name, so lanes that are of no use any more must not stay.
        lanes.retain(|lane| 1 < Rc::strong_count(lane) || !lane.is_unused());
        let lane = Lane::new(Rc::clone(&self.ends), offer, host);
        lanes.push(Rc::clone(&lane));
        lane
    }

    /// Whether it has neither a connection nor anybody who waits for one.
    pub(super) fn is_unused(&self) -> bool {
        self.lanes.borrow().iter().all(|lane| lane.is_unused())
    }
}
