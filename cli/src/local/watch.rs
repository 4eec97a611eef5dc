//! A repository that somebody is editing.

use std::path::Path;
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// Tells when files have been saved.
pub(crate) struct Watch {
    changes: mpsc::Receiver<()>,
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
        Ok(Self { changes, _watcher: watcher })
    }

    /// Returns after the next change, once it has settled.
    pub(crate) async fn changed(&mut self) {
        if self.changes.recv().await.is_none() {
            return std::future::pending().await;
        }
        for _ in 0..SETTLE_MAX {
            sleep(SETTLE).await;
            if timeout(Duration::ZERO, self.changes.recv()).await.is_err() {
                return;
            }
        }
    }
}
