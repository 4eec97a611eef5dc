//! One endpoint's connections that speak alike.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use super::http1::Single;
use super::http2::Multiple;
use super::lease::Lease;
use crate::cluster::connect;
use crate::cluster::endpoint::Endpoint;
use crate::cluster::error::{Cause, ConnectError};
use crate::cluster::limit::{Limits, Place, Resource};
use crate::cluster::state::{Counters, State};
use crate::http::{http1, http2};
use crate::tls::MeshClient;
use crate::tls::alpn::{Agreed, Offer};

/// What a connection is opened to, and with.
pub(in crate::cluster) struct Ends {
    pub(in crate::cluster) endpoint: Arc<Endpoint>,
    pub(in crate::cluster) state: Arc<State>,
    pub(in crate::cluster) mesh: Rc<MeshClient>,
    /// Of the newest program that has the cluster.
    pub(in crate::cluster) limits: Rc<Cell<Limits>>,
}

pub(in crate::cluster) struct Lane {
    pub(in crate::cluster) offer: Offer,
    /// Of the requests, where connections for different hosts must be kept apart; else empty.
    pub(in crate::cluster) host: Box<str>,
    ends: Rc<Ends>,
    /// Itself, for what it spawns.
    this: Weak<Self>,
    /// Used last, taken first.
    idle: RefCell<Vec<Rc<Single>>>,
    /// Their answers are not read to the end yet.
    settling: RefCell<Vec<Rc<Single>>>,
    multiple: RefCell<Vec<Rc<Multiple>>>,
    waiting: RefCell<VecDeque<oneshot::Sender<Result<Lease, Arc<ConnectError>>>>>,
    /// Being opened.
    opening: Cell<usize>,
    /// Opened, and not closed yet.
    open: Cell<usize>,
    is_sweeping: Cell<bool>,
}

/// How long a connection without requests is kept. Source: Envoy, `idle_timeout` of HTTP.
const IDLE: Duration = Duration::from_hours(1);
/// Of one connection. Source: ztunnel; also what servers commonly grant.
const STREAMS_MAX: usize = 100;

impl Lane {
    pub(in crate::cluster) fn new(ends: Rc<Ends>, offer: Offer, host: &str) -> Rc<Self> {
        Rc::new_cyclic(|this| Self {
            offer,
            host: host.into(),
            ends,
            this: Weak::clone(this),
            idle: RefCell::default(),
            settling: RefCell::default(),
            multiple: RefCell::default(),
            waiting: RefCell::default(),
            opening: Cell::new(0),
            open: Cell::new(0),
            is_sweeping: Cell::new(false),
        })
    }

    /// Whether there is neither a connection nor anybody who waits for one.
    pub(in crate::cluster) fn is_unused(&self) -> bool {
        self.open.get() == 0 && self.opening.get() == 0
    }

    /// A connection for one request. Nobody waits but for a connection.
    pub(in crate::cluster) async fn acquire(&self) -> Result<Lease, Cause> {
        if let Some(lease) = self.ready() {
            return Ok(lease);
        }
        let state = &self.ends.state;
        let Some(_pending) = state.usage.enter(Resource::Pending, &self.ends.limits.get()) else {
            Counters::add(&state.counters.request_overflow);
            return Err(Cause::Overflow(Resource::Pending));
        };
        let (sender, receiver) = oneshot::channel();
        self.waiting.borrow_mut().push_back(sender);
        self.grow();
        match receiver.await {
            Ok(lease) => lease.map_err(Cause::Connect),
            // The lane has gone with its thread.
            Err(_) => Err(Cause::Exchange(crate::http::ExchangeError::Closed)),
        }
    }

    fn ready(&self) -> Option<Lease> {
        if let Some(multiple) = self.multiple.borrow().iter().find(|one| one.has_room()) {
            return Some(Lease::multiple(multiple));
        }
        loop {
            let single = self.idle.borrow_mut().pop()?;
            if single.is_usable() {
                return Some(Lease::single(single));
            }
        }
    }

    /// Opens as many connections as those who wait need, within the limit.
    fn grow(&self) {
        self.waiting.borrow_mut().retain(|waiting| !waiting.is_closed());
        let waiting = self.waiting.borrow().len();
        let wanted = match self.offer {
            Offer::Http2 | Offer::Multiplex => waiting.div_ceil(self.streams_max()),
            Offer::Http1 | Offer::Tcp => waiting,
        };
        while self.opening.get() < wanted {
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
        let has_none = self.open.get() == 0 && self.opening.get() == 0;
        place.or_else(|| has_none.then(|| state.usage.enter_regardless(Resource::Connections)))
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
        stream: crate::stream::Stream,
        agreed: Agreed,
        place: Place,
    ) -> Result<(), ConnectError> {
        let is_multiple = match self.offer {
            Offer::Http2 => true,
            Offer::Multiplex => agreed == Agreed::Multiplexed,
            Offer::Http1 | Offer::Tcp => false,
        };
        if is_multiple {
            let (client, driver) = http2(stream).await?;
            let multiple = Multiple::new(self, client, place);
            self.multiple.borrow_mut().push(Rc::clone(&multiple));
            tokio::task::spawn_local(Multiple::drive(&multiple, driver));
            self.serve_waiting(&multiple);
        } else {
            let (client, driver) = http1(stream).await?;
            let single = Single::new(self, client, place);
            tokio::task::spawn_local(Single::drive(&single, driver));
            self.take_back(single);
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
    fn next_waiting(&self) -> Option<oneshot::Sender<Result<Lease, Arc<ConnectError>>>> {
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
            // It is still there: nothing else of this thread runs in between.
            let _ = waiting.send(Ok(Lease::single(single)));
            return;
        }
        self.idle.borrow_mut().push(single);
        self.sweep();
    }

    /// A connection whose last answer is still being read.
    pub(super) fn settle(&self, single: Rc<Single>) {
        self.settling.borrow_mut().push(single);
    }

    /// One that was settling has settled.
    pub(super) fn settled(&self, single: &Rc<Single>) {
        let mut settling = self.settling.borrow_mut();
        if let Some(position) = settling.iter().position(|other| Rc::ptr_eq(other, single)) {
            let single = settling.swap_remove(position);
            drop(settling);
            self.take_back(single);
        }
    }

    pub(super) fn serve_waiting(&self, multiple: &Rc<Multiple>) {
        while multiple.has_room()
            && let Some(waiting) = self.next_waiting()
        {
            let _ = waiting.send(Ok(Lease::multiple(multiple)));
        }
        if multiple.is_idle() {
            self.sweep();
        }
    }

    /// A connection has ended, or takes no more requests.
    pub(super) fn forget_single(&self, single: &Rc<Single>) {
        self.idle.borrow_mut().retain(|other| !Rc::ptr_eq(other, single));
        self.settling.borrow_mut().retain(|other| !Rc::ptr_eq(other, single));
    }

    pub(super) fn forget_multiple(&self, multiple: &Rc<Multiple>) {
        self.multiple.borrow_mut().retain(|other| !Rc::ptr_eq(other, multiple));
    }

    pub(super) fn opened(&self) {
        self.open.set(self.open.get() + 1);
    }

    /// A connection is no more: there is room for another.
    pub(super) fn closed(&self) {
        self.open.set(self.open.get() - 1);
        if !self.waiting.borrow().is_empty() {
            self.grow();
        }
    }

    pub(super) fn this(&self) -> Weak<Self> {
        Weak::clone(&self.this)
    }

    pub(super) fn streams_max(&self) -> usize {
        let pool = &self.ends.state.spec.policy.connection_pool;
        match usize::try_from(pool.concurrent_streams_max) {
            Ok(0) | Err(_) => STREAMS_MAX,
            Ok(max) => max,
        }
    }

    /// Of one connection.
    pub(super) fn requests_max(&self) -> u64 {
        match self.ends.state.spec.policy.connection_pool.requests_per_connection_max {
            0 => u64::MAX,
            max => max.into(),
        }
    }

    /// When a connection that was opened now is too old.
    pub(super) fn end_of_life(&self) -> Option<Instant> {
        let duration = self.ends.state.spec.policy.connection_pool.connection_duration_max?;
        Some(Instant::now() + Duration::from(duration))
    }

    fn idle_time(&self) -> Duration {
        let idle = self.ends.state.spec.policy.connection_pool.http_idle_timeout;
        idle.map_or(IDLE, Duration::from)
    }

    /// Sees to it that connections which are not used are closed in time.
    fn sweep(&self) {
        if !self.is_sweeping.replace(true) {
            tokio::task::spawn_local(sweep(self.this()));
        }
    }

    /// Closes what is overdue, and says when there is more.
    fn close_overdue(&self, now: Instant) -> Option<Instant> {
        let idle_time = self.idle_time();
        let due = |since: Instant, end: Option<Instant>| {
            let idle = since + idle_time;
            end.map_or(idle, |end| end.min(idle))
        };
        let overdue_singles = |single: &Rc<Single>| due(single.idle_since(), single.end());
        let overdue_multiples = |multiple: &Rc<Multiple>| match multiple.idle_since() {
            Some(since) => Some(due(since, multiple.end())),
            None => multiple.end(),
        };
        let mut closing = Vec::new(); // dropped when nothing is borrowed any more
        let mut next: Option<Instant> = None;
        let mut is_kept = |at: Option<Instant>| {
            let is_kept = at.is_none_or(|at| now < at);
            next = if is_kept { next.into_iter().chain(at).min() } else { next };
            is_kept
        };
        let (kept, over) = std::mem::take(&mut *self.idle.borrow_mut())
            .into_iter()
            .partition(|single| is_kept(Some(overdue_singles(single))));
        *self.idle.borrow_mut() = kept;
        let _: &Vec<Rc<Single>> = &over;
        let (kept, retired): (Vec<_>, Vec<_>) = std::mem::take(&mut *self.multiple.borrow_mut())
            .into_iter()
            .partition(|multiple| is_kept(overdue_multiples(multiple)));
        *self.multiple.borrow_mut() = kept;
        closing.extend(retired);
        next
    }
}

async fn sweep(lane: Weak<Lane>) {
    loop {
        let next = {
            let Some(lane) = lane.upgrade() else { return };
            let next = lane.close_overdue(Instant::now());
            if next.is_none() {
                lane.is_sweeping.set(false);
            }
            next
        };
        let Some(next) = next else { return };
        sleep_until(next).await;
    }
}
