//! The order to end gracefully.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
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
    parent: Option<Drain>,
}

impl Drain {
    /// Begins, for every clone and every child.
    pub fn begin(&self) {
        self.0.begun.store(true, Ordering::Release);
        self.0.token.cancel();
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
        Self(Arc::new(Inner { begun: AtomicBool::new(false), token, parent: Some(self.clone()) }))
    }

    /// For a future that asks with each of its polls.
    pub(crate) fn watch(&self) -> Watch {
        let begun = Box::pin(self.0.token.clone().cancelled_owned());
        Watch { drain: self.clone(), begun, waker: Waker::noop().clone() }
    }
}

/// Tells a future when to end, and wakes it then.
pub(crate) struct Watch {
    drain: Drain,
    begun: Pin<Box<WaitForCancellationFutureOwned>>,
    /// The one that will be woken.
    waker: Waker,
}

impl Watch {
    /// Whether the drain has begun. Costs a look at a flag, but for the first time.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> bool {
        if !self.waker.will_wake(cx.waker()) {
            let _ = self.begun.as_mut().poll(cx);
            self.waker.clone_from(cx.waker());
        }
        self.drain.is_begun()
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
}
