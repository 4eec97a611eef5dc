//! A repository that somebody is editing.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until};

/// Tells when files have been saved.
pub(crate) struct Watch {
    news: Arc<News>,
    settle: Settle,
    _watcher: RecommendedWatcher,
}

/// How long nothing must have happened before a change is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settle {
    /// Where all files that changed are whole, for others that are saved with them.
    pub whole: Duration,
    /// Where some may be half of what their author saves.
    pub partial: Duration,
}

/// What has happened and nobody was told of.
#[derive(Default)]
struct News {
    change: Mutex<Option<Change>>,
    more: Notify,
}

#[derive(Debug)]
struct Change {
    first: Instant,
    latest: Instant,
    /// Files of which nothing tells that they are whole.
    partial: HashSet<PathBuf>,
}

/// Editors save in several steps, and Git writes one file after the other: half a change must not be rolled out.
const SETTLE: Duration = Duration::from_millis(250);
/// However long somebody keeps saving.
const SETTLE_MAX: Duration = Duration::from_secs(5);

impl News {
    fn change<T>(&self, look: impl FnOnce(&mut Option<Change>) -> T) -> T {
        look(&mut self.change.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes note of an event, or of a failure to hear of one.
    fn add(&self, event: Option<&Event>) {
        let now = Instant::now();
        let begun = || Change { first: now, latest: now, partial: HashSet::new() };
        self.change(|change| change.get_or_insert_with(begun).add(event, now));
        self.more.notify_one();
    }
}

impl Change {
    /// A file that its writer has closed is whole, and so is one that was moved to its place. One that was taken away may be
    /// about to be replaced.
    fn add(&mut self, event: Option<&Event>, now: Instant) {
        self.latest = now;
        let Some(event) = event.filter(|it| !it.paths.is_empty()) else {
            self.partial.insert(PathBuf::new());
            return;
        };
        match event.kind {
            EventKind::Access(_) | EventKind::Modify(ModifyKind::Name(RenameMode::To)) => {
                for path in &event.paths {
                    self.partial.remove(path);
                }
            }
            // The first says nothing of what is in the file, and the second what was said of each path.
            EventKind::Modify(ModifyKind::Metadata(_) | ModifyKind::Name(RenameMode::Both)) => {}
            _ => self.partial.extend(event.paths.iter().cloned()),
        }
    }

    fn settles(&self, settle: Settle) -> Instant {
        let quiet = if self.partial.is_empty() { settle.whole } else { settle.partial };
        (self.latest + quiet).min(self.first + SETTLE_MAX)
    }
}

impl Watch {
    /// # Errors
    ///
    /// When the system cannot watch `repository`.
    pub(crate) fn new(repository: &Path) -> notify::Result<Self> {
        let settle = Settle { whole: SETTLE, partial: SETTLE };
        Self::over(&[repository.to_owned()], &[], settle)
    }

    /// Watches files and folders, but not what the program itself writes.
    ///
    /// # Errors
    ///
    /// When the system cannot watch one of them.
    pub(crate) fn over(
        paths: &[PathBuf],
        written: &[&Path],
        settle: Settle,
    ) -> notify::Result<Self> {
        let roots: io::Result<Vec<_>> = paths.iter().map(|path| path.canonicalize()).collect();
        let roots = roots.map_err(notify::Error::io)?;
        let written: Vec<_> =
            written.iter().filter_map(|path| std::path::absolute(path).ok()).collect();
        let known = roots.clone();
        let news = Arc::new(News::default());
        let heard = Arc::clone(&news);
        let told = move |event: notify::Result<Event>| {
            let is_ours = |event: &Event| written.iter().any(|it| is_all_of(event, it));
            let concerns = |event: &Event| known.iter().any(|root| concerns(event, root));
            // An error is a reason to look, too.
            let event = event.ok();
            if event.as_ref().is_none_or(|event| !is_ours(event) && concerns(event)) {
                heard.add(event.as_ref());
            }
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
        Ok(Self { news, settle, _watcher: watcher })
    }

    /// Returns after the next change, once it has settled. May be dropped at any time: a change that was not told is told by
    /// the next call.
    pub(crate) async fn changed(&mut self) {
        loop {
            let settles = self.news.change(|it| it.as_ref().map(|it| it.settles(self.settle)));
            tokio::select! {
                // What has happened meanwhile may take longer to settle.
                biased;
                () = self.news.more.notified() => {}
                () = sleep_until(settles.unwrap_or_else(Instant::now)), if settles.is_some() => {
                    self.news.change(Option::take);
                    return;
                }
            }
        }
    }
}

/// Whether the compiler could find something new, or a file is whole that it found: it reads no hidden files, and reading is what
/// it does itself.
fn concerns(event: &Event, root: &Path) -> bool {
    let is_hidden = |path: &Path| {
        let names = path.components().map(|part| part.as_os_str().as_encoded_bytes());
        names.into_iter().any(|name| name.starts_with(b"."))
    };
    let seen = |path: &PathBuf| path.strip_prefix(root).is_ok_and(|path| !is_hidden(path));
    // Without a path it may be anything.
    let somewhere = event.paths.is_empty() || event.paths.iter().any(seen);
    let is_read = match event.kind {
        EventKind::Access(kind) => kind != AccessKind::Close(AccessMode::Write),
        _ => false,
    };
    somewhere && !is_read
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

    /// What Linux tells of files that are saved in several steps.
    #[test]
    fn a_change_settles_when_each_of_its_files_is_whole() {
        use notify::event::{CreateKind, DataChange, EventAttributes, MetadataKind, RemoveKind};
        let settle = Settle { whole: Duration::from_millis(1), partial: Duration::from_millis(10) };
        let created = EventKind::Create(CreateKind::File);
        let modified = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        let closed = EventKind::Access(AccessKind::Close(AccessMode::Write));
        let renamed = |mode| EventKind::Modify(ModifyKind::Name(mode));
        let (from, to, both) =
            (renamed(RenameMode::From), renamed(RenameMode::To), renamed(RenameMode::Both));
        let removed = EventKind::Remove(RemoveKind::File);
        let marked = EventKind::Modify(ModifyKind::Metadata(MetadataKind::Any));
        let quiet = |events: &[(EventKind, &[&str])]| {
            let now = Instant::now();
            let mut change = Change { first: now, latest: now, partial: HashSet::new() };
            for (kind, paths) in events {
                let paths = paths.iter().map(PathBuf::from).collect();
                change.add(
                    Some(&Event { kind: *kind, paths, attrs: EventAttributes::default() }),
                    now,
                );
            }
            change.settles(settle) - now
        };
        // Emptied, written, closed.
        assert_eq!(quiet(&[(modified, &["a"])]), settle.partial);
        assert_eq!(quiet(&[(modified, &["a"]), (modified, &["a"])]), settle.partial);
        assert_eq!(quiet(&[(modified, &["a"]), (closed, &["a"])]), settle.whole);
        // One is whole, and another is not.
        assert_eq!(quiet(&[(modified, &["a"]), (closed, &["b"])]), settle.partial);
        // Written beside, and moved to its place.
        let beside = [(created, &["b"][..]), (modified, &["b"]), (closed, &["b"])];
        let moved = [(from, &["b"][..]), (to, &["a"]), (both, &["b", "a"])];
        assert_eq!(quiet(&beside), settle.whole);
        assert_eq!(quiet(&[(to, &["a"]), (marked, &["a"])]), settle.whole);
        assert_eq!(quiet(&moved), settle.partial, "somebody may put another in its place");
        // The old one is set aside, and the new one is written.
        let aside = [(from, &["a"][..]), (to, &["a~"]), (both, &["a", "a~"])];
        assert_eq!(quiet(&aside), settle.partial);
        let replaced = [aside[0], aside[1], aside[2], (created, &["a"]), (closed, &["a"])];
        assert_eq!(quiet(&replaced), settle.whole);
        assert_eq!(quiet(&[(removed, &["a"])]), settle.partial);
        // Something, somewhere.
        assert_eq!(quiet(&[(EventKind::Other, &[])]), settle.partial);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn a_file_that_was_closed_is_not_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let settle = Settle { whole: Duration::ZERO, partial: SETTLE_MAX };
        let mut watch = Watch::over(&[folder.path().to_owned()], &[], settle).unwrap();
        let begun = Instant::now();
        std::fs::write(folder.path().join("a.yaml"), "a").unwrap();
        watch.changed().await;
        assert!(begun.elapsed() < SETTLE_MAX);
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
