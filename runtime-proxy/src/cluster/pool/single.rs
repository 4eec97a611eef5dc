//! A connection that carries one request at a time: HTTP/1.1.

use std::cell::Cell;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::time::Duration;

use http::{Request, Response};
use tokio::time::Instant;

use super::lane::Lane;
use super::open::Open;
use crate::http::{Body, Http1Client, Unanswered};

pub(super) struct Single {
    client: Http1Client,
    lane: Weak<Lane>,
    open: Rc<Open>,
    driver: Weak<Driver>,
    /// Requests, the one under way included.
    served: Cell<u64>,
    requests_max: u64,
    idle_since: Cell<Instant>,
    end: Option<Instant>,
}

/// What the task that drives a connection looks after.
#[derive(Default)]
struct Driver {
    /// The connection, when its request is over and the rest of the exchange is not: the answer came before the whole request
    /// was sent, say.
    settling: Cell<Option<Rc<Single>>>,
}

impl Single {
    pub(super) fn start(
        lane: &Lane,
        client: Http1Client,
        connection: impl Future<Output = ()> + Unpin + 'static,
        open: Rc<Open>,
    ) -> Rc<Self> {
        let driver = Rc::new(Driver::default());
        let single = Rc::new(Self {
            client,
            lane: lane.this(),
            open: Rc::clone(&open),
            driver: Rc::downgrade(&driver),
            served: Cell::new(0),
            requests_max: lane.stock.requests_max(),
            idle_since: Cell::new(Instant::now()),
            end: lane.stock.end_of_life(),
        });
        tokio::task::spawn_local(drive(driver, Rc::downgrade(&single), connection, open));
        single
    }

    /// Whether it can take a request now.
    pub(super) fn is_usable(&self) -> bool {
        if self.served.get() == 0 {
            // Not yet driven, perhaps, and so not ready in name.
            return !self.client.is_closed();
        }
        self.client.is_ready()
            && self.served.get() < self.requests_max
            && self.end.is_none_or(|end| Instant::now() < end)
    }

    /// This end's address.
    pub(super) fn local(&self) -> Option<SocketAddr> {
        self.open.local
    }

    /// Counts a request that begins. Whether there were others before.
    pub(super) fn begin(&self) -> bool {
        self.served.replace(self.served.get() + 1) != 0
    }

    pub(super) async fn send(&self, request: Request<Body>) -> Result<Response<Body>, Unanswered> {
        self.client.send(request).await
    }

    /// The request is over, whole or not. The connection can take another one when the exchange has ended in order, and is
    /// closed when it cannot any more.
    pub(super) fn end(self: Rc<Self>) {
        if self.client.is_ready() {
            self.rest();
        } else if !self.client.is_closed()
            && let Some(driver) = self.driver.upgrade()
        {
            driver.settling.set(Some(self));
        }
    }

    fn rest(self: Rc<Self>) {
        self.idle_since.set(Instant::now());
        if let Some(lane) = self.lane.upgrade() {
            lane.take_back(self);
        }
    }

    /// When it is to be closed if it is not used before.
    pub(super) fn due(&self, idle_time: Duration) -> Instant {
        let idle = self.idle_since.get() + idle_time;
        self.end.map_or(idle, |end| end.min(idle))
    }
}

async fn drive(
    driver: Rc<Driver>,
    single: Weak<Single>,
    mut connection: impl Future<Output = ()> + Unpin,
    open: Rc<Open>,
) {
    poll_fn(|cx| {
        let ended = Pin::new(&mut connection).poll(cx);
        match driver.settling.take() {
            Some(single) if single.client.is_ready() => single.rest(),
            Some(single) if ended.is_pending() => driver.settling.set(Some(single)),
            _ => {}
        }
        ended
    })
    .await;
    if let Some(single) = single.upgrade()
        && let Some(lane) = single.lane.upgrade()
    {
        lane.stock.forget_single(&single);
    }
    drop(open);
}
