//! What a client's connection is doing, to end it when it does nothing.
//!
//! Requests cost a few counters; the clock is looked at only when a timer fires, seldom.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::serve::HttpLimits;
use crate::stream::Stream;

/// Counters of one connection. Atomic only because hyper sends what it upgrades.
#[derive(Debug, Default)]
pub(super) struct Activity {
    in_flight: AtomicU32,
    begun: AtomicU64,
    reads: AtomicU64,
    /// [`Activity::reads`] when the last request ended.
    reads_at_end: AtomicU64,
    writes: AtomicU64,
    /// Something is to be written, and the client does not take it.
    is_blocked: AtomicBool,
}

impl Activity {
    /// A request has come in; it lasts until what is returned is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Active {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        self.begun.fetch_add(1, Ordering::Relaxed);
        Active(Arc::clone(self))
    }

    pub(super) fn is_idle(&self) -> bool {
        self.in_flight.load(Ordering::Relaxed) == 0
    }

    pub(super) fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Whether bytes have come that have not become a request yet. True of a connection that has said nothing so far.
    fn is_head_open(&self) -> bool {
        let reads = self.reads.load(Ordering::Relaxed);
        self.begun() == 0 || self.reads_at_end.load(Ordering::Relaxed) < reads
    }
}

/// Takes note of what became of a write or a flush.
fn note<T>(activity: &Activity, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
    activity.is_blocked.store(written.is_pending(), Ordering::Relaxed);
    written
}

/// A request under way.
#[derive(Debug)]
pub(super) struct Active(Arc<Activity>);

impl Drop for Active {
    fn drop(&mut self) {
        let reads = self.0.reads.load(Ordering::Relaxed);
        self.0.reads_at_end.store(reads, Ordering::Relaxed);
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What a connection is ended for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Overdue {
    /// Nothing was asked for too long.
    Idle,
    /// A request's head did not come to its end.
    Head,
    /// The client took nothing of what is to be written.
    Stalled,
}

/// How long a connection that has been told to end may take to do so.
const GRACE: Duration = Duration::from_secs(5);

/// Watches an [`Activity`]. What is overdue is told again after [`GRACE`] when it still is. Heads and clients that take nothing have
/// between once and twice the time that they are given.
pub(super) struct Watchdog {
    activity: Arc<Activity>,
    idle: Duration,
    /// `None`: heads are not watched.
    head: Option<Duration>,
    stalled: Duration,
    sleep: Pin<Box<Sleep>>,
    idle_since: Instant,
    reads: u64,
    /// When something was last written, or nothing had to be.
    unblocked: Instant,
    writes: u64,
    /// How many requests had begun when a head was first seen open.
    open_after: Option<u64>,
}

impl Watchdog {
    pub(super) fn new(activity: &Arc<Activity>, limits: &HttpLimits, watches_heads: bool) -> Self {
        let now = Instant::now();
        let (idle, head) = (limits.idle, watches_heads.then_some(limits.head));
        let stalled = limits.stalled;
        let first = head.map_or(idle, |head| head.min(idle)).min(stalled);
        Self {
            activity: Arc::clone(activity),
            idle,
            head,
            stalled,
            sleep: Box::pin(sleep_until(now + first)),
            idle_since: now,
            reads: 0,
            unblocked: now,
            writes: 0,
            open_after: None,
        }
    }

    /// From now on, what does nothing is overdue after [`GRACE`].
    pub(super) fn hurry(&mut self) {
        self.idle = self.idle.min(GRACE);
        self.sleep.as_mut().reset(Instant::now() + self.idle);
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Option<Overdue> {
        while self.sleep.as_mut().poll(cx).is_ready() {
            let now = Instant::now();
            if let Some(overdue) = self.look(now) {
                self.sleep.as_mut().reset(now + GRACE);
                return Some(overdue);
            }
            let idle_end = self.idle_since + self.idle;
            let next = self.head.map_or(idle_end, |head| idle_end.min(now + head));
            self.sleep.as_mut().reset(next.min(now + self.stalled));
        }
        None
    }

    fn look(&mut self, now: Instant) -> Option<Overdue> {
        let reads = self.activity.reads.load(Ordering::Relaxed);
        if reads != self.reads || !self.activity.is_idle() {
            self.reads = reads;
            self.idle_since = now;
        }
        let writes = self.activity.writes.load(Ordering::Relaxed);
        if writes != self.writes || !self.activity.is_blocked.load(Ordering::Relaxed) {
            self.writes = writes;
            self.unblocked = now;
        }
        if self.stalled <= now - self.unblocked {
            return Some(Overdue::Stalled);
        }
        let is_open =
            self.head.is_some() && self.activity.is_idle() && self.activity.is_head_open();
        let open_after = is_open.then(|| self.activity.begun());
        if open_after.is_some() && open_after == self.open_after {
            return Some(Overdue::Head);
        }
        self.open_after = open_after;
        (self.idle <= now - self.idle_since).then_some(Overdue::Idle)
    }
}

/// A stream whose reads and writes are counted.
pub(super) struct Watched {
    pub(super) stream: Stream,
    pub(super) activity: Arc<Activity>,
}

impl Watched {
    fn written(&self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.activity.writes.fetch_add(1, Ordering::Relaxed);
        }
        note(&self.activity, written)
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if read.is_ready() {
            self.activity.reads.fetch_add(1, Ordering::Relaxed);
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.written(written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(cx);
        note(&self.activity, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::sync::atomic::Ordering;
    use std::task::Poll;
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::{Activity, GRACE, Overdue, Watchdog};
    use crate::http::HttpLimits;

    const HEAD: Duration = Duration::from_secs(10);
    const IDLE: Duration = Duration::from_secs(100);

    async fn overdue(activity: &Arc<Activity>, watches_heads: bool) -> Overdue {
        let limits = HttpLimits { head: HEAD, idle: IDLE, ..HttpLimits::default() };
        let mut watchdog = Watchdog::new(activity, &limits, watches_heads);
        poll_fn(|cx| watchdog.poll(cx).map_or(Poll::Pending, Poll::Ready)).await
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_nothing_is_soon_overdue() {
        let start = Instant::now();
        assert_eq!(overdue(&Arc::default(), true).await, Overdue::Head);
        assert_eq!(start.elapsed(), 2 * HEAD);
    }

    #[tokio::test(start_paused = true)]
    async fn between_requests_there_is_more_time() {
        let activity = Arc::<Activity>::default();
        drop(activity.begin());
        let start = Instant::now();
        assert_eq!(overdue(&activity, true).await, Overdue::Idle);
        assert_eq!(start.elapsed(), IDLE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_request_is_not_idle_and_a_slow_second_head_is_overdue() {
        let activity = Arc::<Activity>::default();
        let serving = async {
            let active = activity.begin();
            sleep(3 * IDLE).await;
            drop(active);
            sleep(Duration::from_secs(1)).await;
            activity.reads.fetch_add(1, Ordering::Relaxed); // the next request begins, slowly
        };
        let start = Instant::now();
        let (overdue, ()) = tokio::join!(overdue(&activity, true), serving);
        assert_eq!(overdue, Overdue::Head);
        let waited = start.elapsed();
        assert!((3 * IDLE + HEAD..=3 * IDLE + 3 * HEAD).contains(&waited), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_a_little_now_and_then_is_not_stalled() {
        let activity = Arc::<Activity>::default();
        activity.is_blocked.store(true, Ordering::Relaxed);
        let _active = activity.begin();
        let stalled = Duration::from_mins(5); // as by default
        let taking = async {
            for _ in 0..10 {
                sleep(stalled * 2 / 3).await;
                activity.writes.fetch_add(1, Ordering::Relaxed);
            }
        };
        let start = Instant::now();
        let (overdue, ()) = tokio::join!(overdue(&activity, true), taking);
        assert_eq!(overdue, Overdue::Stalled);
        let (waited, taken) = (start.elapsed(), 10 * stalled * 2 / 3);
        assert!((taken + stalled..=taken + 2 * stalled).contains(&waited), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_told_to_end_has_until_its_last_request_and_a_little_more() {
        let activity = Arc::<Activity>::default();
        let limits = HttpLimits { head: HEAD, idle: IDLE, ..HttpLimits::default() };
        let mut watchdog = Watchdog::new(&activity, &limits, false);
        let active = activity.begin();
        watchdog.hurry();
        let serving = async {
            sleep(HEAD).await;
            drop(active);
        };
        let start = Instant::now();
        let ending = poll_fn(|cx| watchdog.poll(cx).map_or(Poll::Pending, Poll::Ready));
        let (overdue, ()) = tokio::join!(ending, serving);
        assert_eq!(overdue, Overdue::Idle);
        assert!((HEAD..=HEAD + 2 * GRACE).contains(&start.elapsed()), "{:?}", start.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn http2_needs_no_request_to_stay_for_a_while() {
        let start = Instant::now();
        assert_eq!(overdue(&Arc::default(), false).await, Overdue::Idle);
        assert_eq!(start.elapsed(), IDLE);
    }
}
