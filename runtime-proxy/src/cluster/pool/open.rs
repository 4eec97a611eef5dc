//! A connection that is open, counted.

use std::net::SocketAddr;
use std::rc::Weak;

use super::lane::Lane;
use crate::cluster::limit::Place;

/// Counts a connection until everybody has let go of it: whoever drives it, whoever keeps it, and whoever has turned it into
/// a tunnel.
pub(super) struct Open {
    lane: Weak<Lane>,
    _place: Place,
    /// This end's address.
    pub(super) local: Option<SocketAddr>,
}

impl Open {
    pub(super) fn new(lane: &Lane, place: Place, local: Option<SocketAddr>) -> Self {
        lane.opened();
        Self { lane: lane.this(), _place: place, local }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        if let Some(lane) = self.lane.upgrade() {
            lane.closed();
        }
    }
}
