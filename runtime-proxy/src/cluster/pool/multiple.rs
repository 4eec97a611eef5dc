//! A connection that carries many requests at once: HTTP/2.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};
use std::time::Duration;

use http::{Request, Response};
use tokio::time::Instant;

use super::lane::Lane;
use super::open::Open;
use crate::http::{Body, Http2Client, Unanswered};

pub(super) struct Multiple {
    client: Http2Client,
    lane: Weak<Lane>,
    open: Rc<Open>,
    /// Requests under way.
    streams: Cell<usize>,
    streams_max: usize,
    /// Requests in all.
    served: Cell<u64>,
    requests_max: u64,
    idle_since: Cell<Instant>,
    end: Option<Instant>,
    /// Takes no more requests.
    is_retired: Cell<bool>,
}

impl Multiple {
    pub(super) fn start(
        lane: &Lane,
        client: Http2Client,
        connection: impl Future<Output = ()> + 'static,
        open: Rc<Open>,
    ) -> Rc<Self> {
        let multiple = Rc::new(Self {
            client,
            lane: lane.this(),
            open: Rc::clone(&open),
            streams: Cell::new(0),
            streams_max: lane.stock.streams_max(),
            served: Cell::new(0),
            requests_max: lane.stock.requests_max(),
            idle_since: Cell::new(Instant::now()),
            end: lane.stock.end_of_life(),
            is_retired: Cell::new(false),
        });
        tokio::task::spawn_local(drive(Rc::downgrade(&multiple), connection, open));
        multiple
    }

    pub(super) fn has_room(&self) -> bool {
        if self.is_retired.get() {
            return false;
        }
        // A new connection takes one, whatever the server says: else there would be another, and another.
        self.served.get() == 0
            || self.streams.get() < self.streams_max.min(self.client.streams_max())
                && self.served.get() < self.requests_max
                && self.end.is_none_or(|end| Instant::now() < end)
    }

    pub(super) fn is_retired(&self) -> bool {
        self.is_retired.get()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.streams.get() == 0
    }

    /// This end's address.
    pub(super) fn local(&self) -> Option<SocketAddr> {
        self.open.local
    }

    /// Counts a request that begins. Whether there were others before.
    pub(super) fn begin(&self) -> bool {
        self.streams.set(self.streams.get() + 1);
        self.served.replace(self.served.get() + 1) != 0
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Result<Response<Body>, Unanswered> {
        let answer = self.client.send(request).await;
        if matches!(&answer, Err(Unanswered { unsent: Some(_), .. })) {
            self.leave_lane(); // the server is going away, or has gone
        }
        answer
    }

    /// A request is over, whole or not.
    pub(super) fn end(self: &Rc<Self>) {
        self.streams.set(self.streams.get() - 1);
        if self.is_idle() {
            self.idle_since.set(Instant::now());
        }
        if self.requests_max <= self.served.get() {
            self.leave_lane();
        }
        if let Some(lane) = self.lane.upgrade() {
            lane.serve(self);
        }
    }

    /// Takes no more requests; it is closed when those under way have ended.
    pub(super) fn retire(&self) {
        self.is_retired.set(true);
    }

    fn leave_lane(&self) {
        self.retire();
        if let Some(lane) = self.lane.upgrade() {
            lane.stock.forget_retired();
        }
    }

    /// When it is to be retired, if nothing changes.
    pub(super) fn due(&self, idle_time: Duration) -> Option<Instant> {
        let idle = self.is_idle().then(|| self.idle_since.get() + idle_time);
        idle.into_iter().chain(self.end).min()
    }
}

async fn drive(multiple: Weak<Multiple>, connection: impl Future<Output = ()>, open: Rc<Open>) {
    connection.await;
    if let Some(multiple) = multiple.upgrade() {
        multiple.leave_lane();
    }
    drop(open);
}
