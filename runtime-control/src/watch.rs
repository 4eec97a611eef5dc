//! A folder that somebody else writes to.

use std::path::Path;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// Notices changes at once where the system tells of them, and a little later in any case.
pub(crate) struct Watch {
    changes: mpsc::Receiver<()>,
    _watcher: Option<RecommendedWatcher>,
}

/// Without a notice. Some file systems give none.
const RESCAN: Duration = Duration::from_secs(2);
/// Changes come in bursts: a rename is three notices. Each release waits for it, so it is short; a longer burst is read twice.
const SETTLE: Duration = Duration::from_millis(2);

impl Watch {
    /// Watches `folder` and all folders in it. That the system will not tell of changes is logged, and no error.
    pub(crate) fn new(folder: &Path) -> Self {
        let (tell, changes) = mpsc::channel(1);
        let told = move |_| {
            // A full queue holds a notice already.
            let _ = tell.try_send(());
        };
        let watcher = notify::recommended_watcher(told).and_then(|mut watcher| {
            watcher.watch(folder, RecursiveMode::Recursive)?;
            Ok(watcher)
        });
        if let Err(error) = &watcher {
            tracing::warn!(folder = %folder.display(), "no notices of changes: {error}");
        }
        Self { changes, _watcher: watcher.ok() }
    }

    /// Something may have changed since the last call.
    pub(crate) async fn changed(&mut self) {
        if let Ok(Some(())) = timeout(RESCAN, self.changes.recv()).await {
            sleep(SETTLE).await;
            while self.changes.try_recv().is_ok() {}
        }
    }
}
