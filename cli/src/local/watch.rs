//! A repository that somebody is editing.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// Tells when files have been saved.
pub(crate) struct Watch {
    changes: mpsc::Receiver<()>,
    /// How long nothing must have happened.
    settle: Duration,
    /// There was a change that nobody was told of.
    unsettled: Option<Unsettled>,
    _watcher: RecommendedWatcher,
}

#[derive(Clone, Copy)]
struct Unsettled {
    first: Instant,
    latest: Instant,
}

/// Editors save in several steps, and Git writes one file after the other: half a change must not be rolled out.
const SETTLE: Duration = Duration::from_millis(250);
/// However long somebody keeps saving.
const SETTLE_MAX: Duration = Duration::from_secs(5);

impl Watch {
    /// # Errors
    ///
    /// When the system cannot watch `repository`.
    pub(crate) fn new(repository: &Path) -> notify::Result<Self> {
        Self::over(&[repository.to_owned()], None, SETTLE)
    }

    /// Watches files and folders, but not what the program itself writes.
    ///
    /// # Errors
    ///
    /// When the system cannot watch one of them.
    pub(crate) fn over(
        paths: &[PathBuf],
        written: Option<&Path>,
        settle: Duration,
    ) -> notify::Result<Self> {
        let (tell, changes) = mpsc::channel(1);
        let roots: io::Result<Vec<_>> = paths.iter().map(|path| path.canonicalize()).collect();
        let roots = roots.map_err(notify::Error::io)?;
        let written = written.and_then(|path| std::path::absolute(path).ok());
        let known = roots.clone();
        let told = move |event: notify::Result<Event>| {
            let is_ours = |event: &Event| written.as_ref().is_some_and(|it| is_all_of(event, it));
            let concerns = |event: &Event| known.iter().any(|root| concerns(event, root));
            // An error is a reason to look, too.
            if event.is_ok_and(|event| is_ours(&event) || !concerns(&event)) {
                return;
            }
            // A full queue holds a notice already.
            let _ = tell.try_send(());
        };
        let mut watcher = notify::recommended_watcher(told)?;
        for root in roots {
            // Editors put a new file in the place of an old one, which its folder alone tells.
            match root.parent() {
                Some(parent) if root.is_file() => {
                    watcher.watch(parent, RecursiveMode::NonRecursive)?;
                }
                _ => watcher.watch(&root, RecursiveMode::Recursive)?,
            }
        }
        Ok(Self { changes, settle, unsettled: None, _watcher: watcher })
    }

    /// Returns after the next change, once it has settled. May be dropped at any time: a change that was not told is told by
    /// the next call.
    pub(crate) async fn changed(&mut self) {
        loop {
            let settles = |it: Unsettled| (it.latest + self.settle).min(it.first + SETTLE_MAX);
            let settled = self.unsettled.map(settles);
            tokio::select! {
                () = sleep_until(settled.unwrap_or_else(Instant::now)), if settled.is_some() => {
                    self.unsettled = None;
                    return;
                }
                change = self.changes.recv() => {
                    if change.is_none() {
                        return std::future::pending().await;
                    }
                    let latest = Instant::now();
                    let first = self.unsettled.map_or(latest, |it| it.first);
                    self.unsettled = Some(Unsettled { first, latest });
                }
            }
        }
    }
}

/// Whether the compiler could find something new: it reads no hidden files, and reading is what it does itself.
fn concerns(event: &Event, root: &Path) -> bool {
    let is_hidden = |path: &Path| {
        let names = path.components().map(|part| part.as_os_str().as_encoded_bytes());
        names.into_iter().any(|name| name.starts_with(b"."))
    };
    let seen = |path: &PathBuf| path.strip_prefix(root).is_ok_and(|path| !is_hidden(path));
    // Without a path it may be anything.
    let somewhere = event.paths.is_empty() || event.paths.iter().any(seen);
    somewhere && !matches!(event.kind, EventKind::Access(_))
}

/// Whether it tells of nothing but what is written to `path`: a file, what takes its place, or a folder.
fn is_all_of(event: &Event, path: &Path) -> bool {
    let begins = |it: &PathBuf| {
        it.as_os_str().as_encoded_bytes().starts_with(path.as_os_str().as_encoded_bytes())
    };
    !event.paths.is_empty() && event.paths.iter().all(begins)
}

#[cfg(test)]
mod tests {
    use tokio::time::timeout;

    use super::*;

    #[test]
    fn what_is_hidden_or_beside_a_file_is_nobodys_business() {
        let event = |path: &str| Event::new(EventKind::Any).add_path(path.into());
        let concerns = |path, root| concerns(&event(path), Path::new(root));
        assert!(concerns("/.a/policy/shop/reviews.yaml", "/.a/policy"));
        assert!(!concerns("/policy/.git/index", "/policy"));
        assert!(!concerns("/policy/shop/.reviews.yaml.swp", "/policy"));
        assert!(concerns("/policy/mesh.yaml", "/policy/mesh.yaml"));
        assert!(!concerns("/policy/other.yaml", "/policy/mesh.yaml"));
    }

    #[test]
    fn what_the_program_writes_itself_is_no_news() {
        let event = |path: &str| Event::new(EventKind::Any).add_path(path.into());
        for path in ["/policy/x.mesh", "/policy/x.mesh.7.partial", "/policy/x.mesh/index.json"] {
            assert!(is_all_of(&event(path), Path::new("/policy/x.mesh")));
        }
        assert!(!is_all_of(&event("/policy/y.yaml"), Path::new("/policy/x.mesh")));
    }

    /// As in a loop that waits for other things, too.
    #[tokio::test]
    async fn a_change_is_told_to_somebody_who_gives_up_and_asks_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut watch = Watch::new(folder.path()).unwrap();
        std::fs::write(folder.path().join("a.yaml"), "a").unwrap();
        // It asks again and again, never for as long as it takes to settle.
        let told = async { while timeout(SETTLE / 4, watch.changed()).await.is_err() {} };
        assert!(timeout(Duration::from_secs(30), told).await.is_ok());
    }
}
