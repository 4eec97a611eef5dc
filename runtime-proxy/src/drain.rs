//! The order to end gracefully.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::{Context, Waker};

use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Once begun, nothing new is accepted and what is open is brought to an end. Cheap to clone; all clones are one.
#[derive(Clone, Debug, Default)]
pub struct Drain(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// Beside the token, whose own answer takes a lock: connections of every thread ask with each poll.
    begun: AtomicBool,
    token: CancellationToken,
    /// Whether those who watch say what they do.
    announced: Announced,
    parent: Option<Drain>,
}

/// Connections of every thread would meet at one counter with each request, were it kept before anybody asks.
#[derive(Debug, Default)]
struct Announced {
    is_so: AtomicBool,
    token: CancellationToken,
    /// Who watches and has nothing under way.
    idle: AtomicU32,
}

impl Drain {
    /// Begins, for every clone and every child.
    pub fn begin(&self) {
        self.0.begun.store(true, Ordering::Release);
        self.0.token.cancel();
    }

    /// Asks those who watch to say when they have nothing under way: see [`Drain::idle`].
    pub fn announce(&self) {
        self.0.announced.is_so.store(true, Ordering::Release);
        self.0.announced.token.cancel();
    }

    /// Connections that could end now without anybody being told no. Of those that watch a child, nothing is known here.
    #[must_use]
    pub fn idle(&self) -> u32 {
        self.0.announced.idle.load(Ordering::Acquire)
    }

    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.0.begun.load(Ordering::Acquire) || self.0.parent.as_ref().is_some_and(Self::is_begun)
    }

    /// Waits until it begins.
    pub async fn begun(&self) {
        self.0.token.cancelled().await;
    }

    /// One that begins with this one or before it: for a listener that goes while others stay.
    #[must_use]
    pub fn child(&self) -> Self {
        let token = self.0.token.child_token();
        let parent = Some(self.clone());
        Self(Arc::new(Inner { token, parent, ..Inner::default() }))
    }

    /// For a future that asks with each of its polls.
    pub(crate) fn watch(&self) -> Watch {
        let inner = &self.0;
        Watch {
            drain: self.clone(),
            begun: Box::pin(inner.token.clone().cancelled_owned()),
            announced: Box::pin(inner.announced.token.clone().cancelled_owned()),
            waker: Waker::noop().clone(),
            is_idle: false,
        }
    }
}

/// Tells a future when to end, and wakes it then.
pub(crate) struct Watch {
    drain: Drain,
    begun: Pin<Box<WaitForCancellationFutureOwned>>,
    announced: Pin<Box<WaitForCancellationFutureOwned>>,
    /// The one that will be woken.
    waker: Waker,
    /// Whether it is counted as idle.
    is_idle: bool,
}

impl Watch {
    /// Whether the drain has begun. Costs a look at a flag, but for the first time.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.waker.will_wake(cx.waker()) {
            let _ = self.begun.as_mut().poll(cx);
            if !self.is_announced() {
                let _ = self.announced.as_mut().poll(cx);
            }
            self.waker.clone_from(cx.waker());
        }
        self.drain.is_begun()
    }

    /// Whether the future has anything under way, for when somebody asks. To be told with each poll.
    pub(crate) fn tell(&mut self, is_idle: bool) {
        if self.is_idle != is_idle && self.is_announced() {
            self.is_idle = is_idle;
            let idle = &self.drain.0.announced.idle;
            if is_idle {
                idle.fetch_add(1, Ordering::Release);
            } else {
                idle.fetch_sub(1, Ordering::Release);
            }
        }
    }

    fn is_announced(&self) -> bool {
        self.drain.0.announced.is_so.load(Ordering::Acquire)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.tell(false);
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use super::Drain;

    #[tokio::test]
    async fn a_child_ends_with_its_parent_and_not_the_other_way() {
        let parent = Drain::default();
        let (child, other) = (parent.child(), parent.child());
        child.begin();
        assert!(child.is_begun() && !parent.is_begun() && !other.is_begun());
        let waiting = tokio::spawn({
            let other = other.clone();
            async move { other.begun().await }
        });
        parent.begin();
        waiting.await.unwrap();
        assert!(other.is_begun());
    }

    #[tokio::test]
    async fn who_watches_is_woken() {
        let drain = Drain::default();
        let mut watch = drain.child().watch();
        let watching = tokio::spawn(async move {
            poll_fn(|cx| if watch.poll(cx) { Poll::Ready(()) } else { Poll::Pending }).await;
        });
        tokio::task::yield_now().await;
        drain.begin();
        watching.await.unwrap();
    }

    #[tokio::test]
    async fn who_is_idle_says_so_once_it_is_asked() {
        let drain = Drain::default();
        let mut watches = [drain.watch(), drain.watch()];
        let waiting = tokio::spawn({
            let mut watch = drain.watch();
            let drain = drain.clone();
            poll_fn(move |cx| {
                assert!(!watch.poll(cx), "it has not begun");
                watch.tell(true);
                if drain.idle() == 0 { Poll::Pending } else { Poll::Ready(()) }
            })
        });
        tokio::task::yield_now().await;
        watches[0].tell(true);
        assert_eq!(drain.idle(), 0, "nobody has asked");
        drain.announce();
        waiting.await.unwrap();
        let [one, other] = &mut watches;
        one.tell(true);
        one.tell(true);
        other.tell(false);
        assert_eq!(drain.idle(), 1);
        one.tell(false);
        one.tell(true);
        drop(watches);
        assert_eq!(drain.idle(), 0, "who has ended is not idle");
    }
}
