//! A repository that somebody is editing.

use std::path::Path;
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// Tells when files have been saved.
pub(crate) struct Watch {
    changes: mpsc::Receiver<()>,
    /// There was a change that nobody was told of.
    unsettled: bool,
    _watcher: RecommendedWatcher,
}

/// Editors save in several steps.
const SETTLE: Duration = Duration::from_millis(30);
/// However long somebody keeps saving.
const SETTLE_MAX: usize = 20;

impl Watch {
    /// # Errors
    ///
    /// When the system cannot watch `folder`.
    pub(crate) fn new(folder: &Path) -> notify::Result<Self> {
        let (tell, changes) = mpsc::channel(1);
        let told = move |event: notify::Result<Event>| {
            // Reading is what the compiler does itself.
            if !event.is_ok_and(|event| matches!(event.kind, EventKind::Access(_))) {
                // A full queue holds a notice already.
                let _ = tell.try_send(());
            }
        };
        let mut watcher = notify::recommended_watcher(told)?;
        watcher.watch(folder, RecursiveMode::Recursive)?;
        Ok(Self { changes, unsettled: false, _watcher: watcher })
    }

    /// Returns after the next change, once it has settled. May be dropped at any time: a change that was not told is told by
    /// the next call.
    pub(crate) async fn changed(&mut self) {
        while !self.unsettled {
            match self.changes.recv().await {
                Some(()) => self.unsettled = true,
                None => std::future::pending().await,
            }
        }
        for _ in 0..SETTLE_MAX {
            sleep(SETTLE).await;
            if timeout(Duration::ZERO, self.changes.recv()).await.is_err() {
                break;
            }
        }
        self.unsettled = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in a loop that waits for other things, too.
    #[tokio::test]
    async fn a_change_is_told_to_somebody_who_gives_up_and_asks_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(folder.path()).unwrap();
        std::fs::write(folder.path().join("a.yaml"), "a").unwrap();
        let short = Duration::from_millis(1);
        while timeout(short, watch.changed()).await.is_err() && !watch.unsettled {}
        assert!(timeout(Duration::from_secs(10), watch.changed()).await.is_ok());
    }
}
