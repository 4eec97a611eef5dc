//! The connections of a lane that can take requests.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use mesh_snapshot::object::ConnectionPool;
use tokio::time::Instant;

use super::lease::Lease;
use super::multiple::Multiple;
use super::single::Single;

pub(super) struct Stock {
    /// Used last, taken first.
    idle: RefCell<Vec<Rc<Single>>>,
    multiple: RefCell<Vec<Rc<Multiple>>>,
    idle_time: Duration,
    streams_max: usize,
    requests_max: u64,
    life: Option<Duration>,
    is_sweeping: Cell<bool>,
}

/// How long a connection without requests is kept. Source: Envoy, `idle_timeout` of HTTP.
const IDLE: Duration = Duration::from_hours(1);
/// Of one connection. Source: ztunnel; also what servers commonly grant.
const STREAMS_MAX: usize = 100;

impl Stock {
    pub(super) fn new(policy: &ConnectionPool) -> Self {
        let streams_max = usize::try_from(policy.concurrent_streams_max).ok();
        let requests_max = u64::from(policy.requests_per_connection_max);
        Self {
            idle: RefCell::default(),
            multiple: RefCell::default(),
            idle_time: policy.http_idle_timeout.map_or(IDLE, Duration::from),
            streams_max: streams_max.filter(|max| *max != 0).unwrap_or(STREAMS_MAX),
            requests_max: if requests_max == 0 { u64::MAX } else { requests_max },
            life: policy.connection_duration_max.map(Duration::from),
            is_sweeping: Cell::new(false),
        }
    }

    /// Requests at once, of one connection.
    pub(super) const fn streams_max(&self) -> usize {
        self.streams_max
    }

    /// Requests one after the other, of one connection.
    pub(super) const fn requests_max(&self) -> u64 {
        self.requests_max
    }

    /// When a connection that was opened now is too old.
    pub(super) fn end_of_life(&self) -> Option<Instant> {
        self.life.map(|life| Instant::now() + life)
    }

    /// One that can take a request at once.
    pub(super) fn take(&self) -> Option<Lease> {
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

    pub(super) fn keep_single(&self, single: Rc<Single>) {
        self.idle.borrow_mut().push(single);
    }

    pub(super) fn keep_multiple(&self, multiple: &Rc<Multiple>) {
        self.multiple.borrow_mut().push(Rc::clone(multiple));
    }

    /// A connection has ended, or takes no more requests.
    pub(super) fn forget_single(&self, single: &Rc<Single>) {
        self.idle.borrow_mut().retain(|other| !Rc::ptr_eq(other, single));
    }

    /// Lets go of those that take no more requests.
    pub(super) fn forget_retired(&self) {
        self.multiple.borrow_mut().retain(|multiple| !multiple.is_retired());
    }

    /// Whether nobody sweeps yet: the caller does from now on, until [`Stock::close_overdue`] says that there is
    /// nothing left to sweep.
    pub(super) fn begin_sweeping(&self) -> bool {
        !self.is_sweeping.replace(true)
    }

    /// Closes what is overdue, and says when there is more.
    pub(super) fn close_overdue(&self) -> Option<Instant> {
        let now = Instant::now();
        let mut next: Option<Instant> = None;
        let mut is_over = |due: Instant| {
            if now < due {
                next = Some(next.map_or(due, |next| next.min(due)));
            }
            due <= now
        };
        let idle_time = self.idle_time;
        let singles: Vec<_> = self
            .idle
            .borrow_mut()
            .extract_if(.., |single| is_over(single.due(idle_time)))
            .collect();
        let multiples: Vec<_> = self
            .multiple
            .borrow_mut()
            .extract_if(.., |multiple| multiple.due(idle_time).is_some_and(&mut is_over))
            .collect();
        for multiple in &multiples {
            multiple.retire();
        }
        // Both are closed here, or when their last request has ended.
        drop((singles, multiples));
        self.is_sweeping.set(next.is_some());
        next
    }
}
