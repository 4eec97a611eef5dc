//! The program in force, swapped whole.
//!
//! The agent swaps, the data path reads. A thread keeps one [`Reader`]; a request takes what is in force once, at its
//! beginning, and holds on to it until its end, so that it is judged by one snapshot whatever happens meanwhile. What is
//! no longer in force lives for as long as some request holds it.
//!
//! ```text
//! Current::swap ──▶ slot, then count ──▶ Reader::get: one atomic load; the slot is looked at only when the count moved
//! ```

use std::cell::RefCell;
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use mesh_snapshot::{Digest, SourceMap};
use tokio::sync::Notify;

use crate::agent::health::EpochCounters;
use crate::world::Watched;

/// What requests are judged by, and the names under which that is told.
#[derive(Debug)]
pub struct Live<P> {
    /// Of the rollout, for logs and metrics.
    pub epoch: u64,
    /// Of this proxy's swaps: it only rises, restarts included.
    pub generation: u64,
    pub snapshot: Digest,
    /// Shared by snapshots in which this workload's slice is the same.
    pub program: Arc<P>,
    /// Where the policies stand; what is known of it may change while the program does not.
    pub sources: Arc<Watched<SourceMap>>,
    /// Where the requests decided under this epoch are counted.
    pub health: Arc<EpochCounters>,
}

/// The place where the program in force is found. Cheap to clone; all clones are one.
pub struct Current<P>(Arc<Slot<P>>);

struct Slot<P> {
    live: ArcSwapOption<Live<P>>,
    /// Counts the swaps.
    count: AtomicU64,
    changed: Notify,
}

impl<P> Default for Current<P> {
    /// Nothing is in force: what comes is refused.
    fn default() -> Self {
        let live = ArcSwapOption::empty();
        Self(Arc::new(Slot { live, count: AtomicU64::new(0), changed: Notify::new() }))
    }
}

impl<P> Clone for Current<P> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<P> fmt::Debug for Current<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let epoch = self.load().map(|live| live.epoch);
        f.debug_struct("Current").field("epoch", &epoch).finish_non_exhaustive()
    }
}

impl<P> Current<P> {
    /// For all who ask from now on; none: nothing is in force.
    pub fn swap(&self, live: Option<Live<P>>) {
        // The slot first: who sees the new count finds what is new.
        self.0.live.store(live.map(Arc::new));
        self.0.count.fetch_add(1, Ordering::Release);
        self.0.changed.notify_waiters();
    }

    /// For those who ask rarely. The data path has a [`Reader`].
    #[must_use]
    pub fn load(&self) -> Option<Arc<Live<P>>> {
        self.0.live.load_full()
    }

    /// For one thread.
    #[must_use]
    pub fn reader(&self) -> Reader<P> {
        let cached = RefCell::new(Cached { count: 0, pinned: None });
        let reader = Reader { slot: Arc::clone(&self.0), cached };
        reader.refresh();
        reader
    }

    /// Waits until `is` holds of what is in force. Bounded by the caller.
    pub async fn until(&self, is: impl Fn(Option<&Live<P>>) -> bool) {
        loop {
            let changed = self.0.changed.notified();
            if is(self.load().as_deref()) {
                return;
            }
            changed.await;
        }
    }
}

/// One thread's view of a [`Current`].
pub struct Reader<P> {
    slot: Arc<Slot<P>>,
    cached: RefCell<Cached<P>>,
}

struct Cached<P> {
    count: u64,
    pinned: Option<Pinned<P>>,
}

/// What a request holds. To hold one more costs no atomic operation: threads do not meet.
#[expect(
    clippy::redundant_allocation,
    reason = "the inner count is the process's, the outer the thread's"
)]
pub struct Pinned<P>(Rc<Arc<Live<P>>>);

impl<P> Clone for Pinned<P> {
    fn clone(&self) -> Self {
        Self(Rc::clone(&self.0))
    }
}

impl<P> Deref for Pinned<P> {
    type Target = Live<P>;

    fn deref(&self) -> &Live<P> {
        &self.0
    }
}

impl<P> Reader<P> {
    /// What is in force now; none where nothing is.
    #[must_use]
    pub fn get(&self) -> Option<Pinned<P>> {
        if self.slot.count.load(Ordering::Acquire) != self.cached.borrow().count {
            self.refresh();
        }
        self.cached.borrow().pinned.clone()
    }

    /// Keeps up with the swaps, so that a thread without requests does not keep alive what is no longer in force. Never
    /// ends: the thread runs it beside its requests.
    pub async fn follow(&self) {
        loop {
            let changed = self.slot.changed.notified();
            if self.slot.count.load(Ordering::Acquire) == self.cached.borrow().count {
                changed.await;
            }
            self.refresh();
        }
    }

    fn refresh(&self) {
        // The count first: should another swap come in between, the next `get` sees it.
        let count = self.slot.count.load(Ordering::Acquire);
        let pinned = self.slot.live.load_full().map(|live| Pinned(Rc::new(live)));
        self.cached.replace(Cached { count, pinned });
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Weak;

    use super::*;

    fn live(epoch: u64) -> Live<u64> {
        Live {
            epoch,
            generation: epoch,
            snapshot: Digest::of(b""),
            program: Arc::new(epoch),
            sources: Arc::default(),
            health: Arc::default(),
        }
    }

    #[test]
    fn a_request_keeps_what_it_began_with() {
        let current = Current::default();
        let reader = current.reader();
        assert!(reader.get().is_none());
        current.swap(Some(live(1)));
        let request = reader.get().unwrap();
        current.swap(Some(live(2)));
        assert_eq!((request.epoch, reader.get().unwrap().epoch), (1, 2));
        current.swap(None);
        assert!(reader.get().is_none() && *request.program == 1);
    }

    #[tokio::test]
    async fn what_nobody_holds_is_dropped_even_if_no_request_comes() {
        let current = Current::default();
        current.swap(Some(live(1)));
        let reader = current.reader();
        let retired: Weak<u64> = Arc::downgrade(&reader.get().unwrap().program);
        let follow = reader.follow();
        tokio::pin!(follow);
        let mut poll = async || {
            tokio::select! { biased; () = &mut follow => {}, () = std::future::ready(()) => {} }
        };
        poll().await;
        current.swap(Some(live(2)));
        assert!(retired.upgrade().is_some(), "the reader has not looked yet");
        poll().await;
        assert!(retired.upgrade().is_none());
    }

    #[test]
    fn threads_read_only_forwards() {
        let current = Current::default();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                let current = current.clone();
                scope.spawn(move || {
                    let reader = current.reader();
                    let mut last = 0;
                    while last < 2000 {
                        let Some(now) = reader.get() else { continue };
                        assert!(last <= now.epoch && now.epoch == *now.program);
                        last = now.epoch;
                    }
                });
            }
            (1..=2000).for_each(|epoch| current.swap(Some(live(epoch))));
        });
    }
}
