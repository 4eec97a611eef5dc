//! One endpoint's connections that speak alike, and who waits for them.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use tokio::sync::{Notify, oneshot};

use super::Ends;
use super::lease::Lease;
use super::multiple::Multiple;
use super::open::Open;
use super::single::Single;
use super::stock::Stock;
use crate::cluster::connect;
use crate::cluster::counters::Counters;
use crate::cluster::error::{Cause, ConnectError};
use crate::cluster::limit::{Place, Resource};
use crate::http::{ExchangeError, http1, http2};
use crate::stream::Stream;
use crate::tls::alpn::{Agreed, Offer};

pub(in crate::cluster) struct Lane {
    offer: Offer,
    /// Of the requests, where connections for different hosts must be kept apart; else empty.
    host: Box<str>,
    ends: Rc<Ends>,
    /// Itself, for what it spawns.
    this: Weak<Self>,
    pub(super) stock: Stock,
    waiting: RefCell<VecDeque<Waiting>>,
    /// Being opened.
    opening: Cell<usize>,
    /// Opened, and not closed yet.
    open: Cell<usize>,
    /// Whether one connection carries many requests, as far as is known.
    is_multiple: Cell<bool>,
    /// A connection was closed: somebody who waits may open another.
    room: Notify,
}

/// Somebody who waits for a connection.
type Waiting = oneshot::Sender<Result<Lease, Arc<ConnectError>>>;

impl Lane {
    pub(super) fn new(ends: Rc<Ends>, offer: Offer, host: &str) -> Rc<Self> {
        Rc::new_cyclic(|this| Self {
            offer,
            host: host.into(),
            stock: Stock::new(&ends.state.spec.policy.connection_pool),
            ends,
            this: Weak::clone(this),
            waiting: RefCell::default(),
            opening: Cell::new(0),
            open: Cell::new(0),
            is_multiple: Cell::new(matches!(offer, Offer::Http2 | Offer::Multiplex)),
            room: Notify::new(),
        })
    }

    pub(super) fn is_for(&self, offer: Offer, host: &str) -> bool {
        self.offer == offer && *self.host == *host
    }

    /// Whether there is neither a connection nor anybody who waits for one.
    pub(super) fn is_unused(&self) -> bool {
        self.open.get() == 0 && self.opening.get() == 0
    }

    /// A connection for one request. Nobody waits but for a connection.
    pub(in crate::cluster) async fn acquire(&self) -> Result<Lease, Cause> {
        if let Some(lease) = self.stock.take() {
            return Ok(lease);
        }
        let state = &self.ends.state;
        let Some(_pending) = state.usage.enter(Resource::Pending, &self.ends.limits.get()) else {
            Counters::add(&state.counters.request_overflow);
            return Err(Cause::Overflow(Resource::Pending));
        };
        let (sender, mut receiver) = oneshot::channel();
        self.waiting.borrow_mut().push_back(sender);
        self.grow();
        loop {
            tokio::select! {
                biased;
                lease = &mut receiver => return match lease {
                    Ok(lease) => lease.map_err(Cause::Connect),
                    // The lane has gone with its thread.
                    Err(_) => Err(Cause::Exchange(ExchangeError::Closed)),
                },
                () = self.room.notified() => self.grow(),
            }
        }
    }

    /// Opens as many connections as those who wait need, within the limit.
    fn grow(&self) {
        self.waiting.borrow_mut().retain(|waiting| !waiting.is_closed());
        let waiting = self.waiting.borrow().len();
        let each = if self.is_multiple.get() { self.stock.streams_max() } else { 1 };
        while self.opening.get() < waiting.div_ceil(each) {
            let Some(place) = self.place() else { return };
            let Some(this) = self.this.upgrade() else { return };
            self.opening.set(self.opening.get() + 1);
            tokio::task::spawn_local(this.open(place));
        }
    }

    /// An endpoint without any connection gets one, or those who wait for it would wait for ever.
    fn place(&self) -> Option<Place> {
        let state = &self.ends.state;
        let place = state.usage.enter(Resource::Connections, &self.ends.limits.get());
        if place.is_none() {
            Counters::add(&state.counters.connection_overflow);
        }
        place.or_else(|| {
            self.is_unused().then(|| state.usage.enter_regardless(Resource::Connections))
        })
    }

    async fn open(self: Rc<Self>, place: Place) {
        let Ends { endpoint, state, mesh, .. } = &*self.ends;
        let opened = connect::open(state, mesh, endpoint, self.offer, &self.host).await;
        let opened = match opened {
            Ok((stream, agreed)) => self.begin(stream, agreed, place).await,
            Err(error) => Err(error),
        };
        self.opening.set(self.opening.get() - 1);
        match opened {
            Ok(()) => {
                Counters::add(&state.counters.connections);
                self.grow();
            }
            Err(error) => {
                Counters::add(&state.counters.connect_failures);
                self.fail(&Arc::new(error));
            }
        }
    }

    /// Speaks HTTP over a connection from now on.
    async fn begin(
        &self,
        stream: Stream,
        agreed: Agreed,
        place: Place,
    ) -> Result<(), ConnectError> {
        let open = Rc::new(Open::new(self, place, stream.local_address()));
        let is_multiple = match self.offer {
            Offer::Http2 => true,
            Offer::Multiplex => agreed == Agreed::Multiplexed,
            Offer::Http1 | Offer::Tcp => false,
        };
        self.is_multiple.set(is_multiple);
        if is_multiple {
            let (client, driver) = http2(stream).await?;
            let multiple = Multiple::start(self, client, driver, open);
            self.stock.keep_multiple(&multiple);
            self.serve(&multiple);
        } else {
            let (client, driver) = http1(stream).await?;
            self.take_back(Single::start(self, client, driver, open));
        }
        Ok(())
    }

    /// Nobody waits for an endpoint that cannot be reached: each may know another.
    fn fail(&self, error: &Arc<ConnectError>) {
        let waiting = std::mem::take(&mut *self.waiting.borrow_mut());
        for waiting in waiting {
            let _ = waiting.send(Err(Arc::clone(error)));
        }
    }

    /// Who has waited longest, and still does.
    fn next_waiting(&self) -> Option<Waiting> {
        loop {
            let waiting = self.waiting.borrow_mut().pop_front()?;
            if !waiting.is_closed() {
                return Some(waiting);
            }
        }
    }

    /// A connection that can take a request: it goes to who waits, or is kept.
    pub(super) fn take_back(&self, single: Rc<Single>) {
        if !single.is_usable() {
            return;
        }
        if let Some(waiting) = self.next_waiting() {
            // Should nobody wait any more after all, the lease is dropped, and comes back here.
            let _ = waiting.send(Ok(Lease::single(single)));
            return;
        }
        self.stock.keep_single(single);
        self.sweep();
    }

    /// A connection has room for requests, perhaps.
    pub(super) fn serve(&self, multiple: &Rc<Multiple>) {
        while multiple.has_room()
            && let Some(waiting) = self.next_waiting()
        {
            let _ = waiting.send(Ok(Lease::multiple(multiple)));
        }
        if multiple.is_idle() {
            self.sweep();
        }
    }

    /// Keeps no connection any more. Who waits is served all the same.
    pub(super) fn retire(&self) {
        self.stock.retire();
    }

    pub(super) fn opened(&self) {
        self.open.set(self.open.get() + 1);
    }

    /// A connection is no more: there is room for another. It is opened by one of those who wait, since tasks cannot be
    /// spawned while a thread ends.
    pub(super) fn closed(&self) {
        self.open.set(self.open.get() - 1);
        if !self.waiting.borrow().is_empty() {
            self.room.notify_one();
        }
    }

    pub(super) fn this(&self) -> Weak<Self> {
        Weak::clone(&self.this)
    }

    /// Sees to it that connections which are not used are closed in time.
    fn sweep(&self) {
        if self.stock.begin_sweeping() {
            tokio::task::spawn_local(sweep(self.this()));
        }
    }
}

async fn sweep(lane: Weak<Lane>) {
    loop {
        let Some(next) = lane.upgrade().and_then(|lane| lane.stock.close_overdue()) else { return };
        tokio::time::sleep_until(next).await;
    }
}
