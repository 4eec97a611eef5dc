//! A folder that somebody else writes to.

use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// Notices changes at once where the system tells of them, and a little later in any case.
pub(crate) struct Watch {
    folder: PathBuf,
    tell: mpsc::Sender<()>,
    changes: mpsc::Receiver<()>,
    /// None: the folder is not there, or the system will not tell of it.
    watcher: Option<RecommendedWatcher>,
}

/// Without a notice. Some file systems give none.
const RESCAN: Duration = Duration::from_secs(2);
/// Changes come in bursts: a rename is three notices. Each release waits for it, so it is short; a longer burst is read twice.
const SETTLE: Duration = Duration::from_millis(2);

impl Watch {
    /// Watches `folder` and all folders in it. That the system will not tell of changes is logged, and no error.
    pub(crate) fn new(folder: &Path) -> Self {
        let (tell, changes) = mpsc::channel(1);
        let watcher = watch(folder, &tell);
        if let Err(error) = &watcher {
            tracing::warn!(folder = %folder.display(), "no notices of changes: {error}");
        }
        Self { folder: folder.to_owned(), tell, changes, watcher: watcher.ok() }
    }

    /// Something may have changed since the last call.
    pub(crate) async fn changed(&mut self) {
        if timeout(RESCAN, self.changes.recv()).await.is_ok() {
            sleep(SETTLE).await;
            while self.changes.try_recv().is_ok() {}
        } else if self.watcher.is_none() {
            // It may be there by now.
            self.watcher = watch(&self.folder, &self.tell).ok();
        }
    }
}

fn watch(folder: &Path, tell: &mpsc::Sender<()>) -> notify::Result<RecommendedWatcher> {
    let tell = tell.clone();
    let told = move |event: notify::Result<Event>| {
        // An error is a reason to look, too. A full queue holds a notice already.
        if event.is_ok_and(|event| !is_change(event.kind)) {
            return;
        }
        let _ = tell.try_send(());
    };
    let mut watcher = notify::recommended_watcher(told)?;
    watcher.watch(folder, RecursiveMode::Recursive)?;
    Ok(watcher)
}

/// Whoever looks opens and lists, and would give itself notice without end.
const fn is_change(kind: EventKind) -> bool {
    !matches!(kind, EventKind::Access(_))
        || matches!(kind, EventKind::Access(AccessKind::Close(AccessMode::Write)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Notices come in their order, so what was read before the last file was made is told before it.
    #[test]
    fn a_change_is_noticed_and_a_look_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        std::fs::write(file("before"), "").unwrap();
        let (tell, told) = std::sync::mpsc::channel();
        let mut watcher =
            notify::recommended_watcher(move |event| tell.send(event).unwrap()).unwrap();
        watcher.watch(folder.path(), RecursiveMode::Recursive).unwrap();
        std::fs::read(file("before")).unwrap();
        std::fs::read_dir(folder.path()).unwrap().for_each(drop);
        std::fs::write(file("new"), "").unwrap();
        std::fs::rename(file("new"), file("after")).unwrap();
        let events = told.iter().map(Result::unwrap).filter(|event| is_change(event.kind));
        let mut changed = events.flat_map(|event| event.paths);
        assert_eq!(changed.next(), Some(file("new")));
        assert!(changed.any(|path| path == file("after")));
    }

    /// It is there by then, and told of; before that nobody is kept busy.
    #[tokio::test(start_paused = true)]
    async fn a_folder_that_is_not_there_is_looked_for_now_and_then() {
        let folder = tempfile::tempdir().unwrap();
        let late = folder.path().join("late");
        let mut watch = Watch::new(&late);
        let began = tokio::time::Instant::now();
        watch.changed().await;
        assert_eq!(began.elapsed(), RESCAN);
        std::fs::create_dir(&late).unwrap();
        watch.changed().await;
        assert!(watch.watcher.is_some());
    }
}
