//! A value that one side replaces and the other reads, very often.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use tokio::sync::Notify;

/// Counts the replacements of a value; zero: there is none yet.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Version(u64);

/// Unknown at first, then a value, replaced whole. Whoever keeps something derived from the value keeps
/// its version beside it and compares: one atomic load.
#[derive(Debug)]
pub struct Watched<T> {
    value: ArcSwapOption<T>,
    version: AtomicU64,
    changed: Notify,
}

impl<T> Default for Watched<T> {
    fn default() -> Self {
        Self { value: ArcSwapOption::empty(), version: AtomicU64::new(0), changed: Notify::new() }
    }
}

impl<T> Watched<T> {
    /// The value; none while it is unknown.
    #[must_use]
    pub fn get(&self) -> Option<Arc<T>> {
        self.value.load_full()
    }

    /// Never newer than the value that a later [`Watched::get`] gives.
    #[must_use]
    pub fn version(&self) -> Version {
        Version(self.version.load(Ordering::Acquire))
    }

    pub fn set(&self, value: T) {
        // The value first: who sees the new version finds the new value.
        self.value.store(Some(Arc::new(value)));
        self.version.fetch_add(1, Ordering::Release);
        self.changed.notify_waiters();
    }

    /// Waits until there has been another value than the one of `version`. Bounded by the caller.
    pub async fn after(&self, version: Version) {
        loop {
            let changed = self.changed.notified();
            if version < self.version() {
                return;
            }
            changed.await;
        }
    }

    /// Waits until there is a value, of a version: from then on [`Watched::version`] never says that there is none. Bounded
    /// by the caller.
    pub async fn known(&self) -> Arc<T> {
        // Not for the value, which is there a moment before its version.
        self.after(Version::default()).await;
        match self.get() {
            Some(value) => value,
            None => unreachable!("a version is that of a value, and none is taken away"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::sync::Arc;
    use std::sync::atomic::Ordering;
    use std::task::{Context, Waker};

    use super::Watched;

    #[tokio::test]
    async fn who_waits_is_told() {
        let cell = Arc::new(Watched::default());
        assert_eq!(cell.get(), None);
        let waiting = tokio::spawn({
            let cell = Arc::clone(&cell);
            async move { *cell.known().await }
        });
        let before = cell.version();
        cell.set(7);
        assert_eq!(waiting.await.unwrap(), 7);
        assert!(before < cell.version());
    }

    /// Who is told that there is a value finds it by its version, too: the value alone is not enough.
    #[test]
    fn what_is_known_has_a_version() {
        let cell = Watched::default();
        cell.value.store(Some(Arc::new(7)));
        assert!(!is_known(&cell));
        cell.version.fetch_add(1, Ordering::Release);
        assert!(is_known(&cell));
    }

    fn is_known(cell: &Watched<u32>) -> bool {
        let asking = pin!(cell.known());
        asking.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }
}
