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

use super::root::{Place, Root};

/// Tells when files have been saved.
pub(crate) struct Watch {
    news: Arc<News>,
    settle: Settle,
    roots: Vec<Root>,
    /// What the program itself writes.
    written: Arc<[PathBuf]>,
    /// Where the roots were when they were last looked for.
    places: Vec<Option<Place>>,
    /// When they are looked for again.
    looks: Instant,
    watcher: Option<RecommendedWatcher>,
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

/// How often it is looked whether what is watched is still where it was: nothing tells when a folder that was removed is there
/// again, or one farther up was put in the place of another.
const LOOK: Duration = Duration::from_millis(250);

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
    /// When one of them is not there, or the system cannot watch it.
    pub(crate) fn over(
        paths: &[PathBuf],
        written: &[&Path],
        settle: Settle,
    ) -> notify::Result<Self> {
        let roots: io::Result<Vec<_>> = paths.iter().map(|path| Root::of(path)).collect();
        let roots = roots.map_err(notify::Error::io)?;
        let written =
            written.iter().filter_map(|path| std::path::absolute(path).ok()).collect::<Vec<_>>();
        let mut watch = Self {
            news: Arc::default(),
            settle,
            roots,
            written: written.into(),
            places: Vec::new(),
            looks: Instant::now() + LOOK,
            watcher: None,
        };
        watch.listen()?;
        Ok(watch)
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
                    // Listened at before it is read, and read when that has settled, too.
                    if !self.look() {
                        self.news.change(Option::take);
                        return;
                    }
                }
                () = sleep_until(self.looks) => drop(self.look()),
            }
        }
    }

    /// Whether what is watched is no longer where it was. That is news, and it is listened where it is now; and so it is where
    /// nothing could be heard since.
    fn look(&mut self) -> bool {
        self.looks = Instant::now() + LOOK;
        let is_moved = !self.roots.iter().map(Root::place).eq(self.places.iter().cloned());
        if is_moved || self.watcher.is_none() {
            // What fails is tried at the next look.
            let _ = self.listen();
            self.news.add(None);
        }
        is_moved
    }

    /// Listens where the roots are now, and nowhere else. Those that are not there are no error.
    fn listen(&mut self) -> notify::Result<()> {
        // There are only so many folders that one may listen at.
        self.watcher = None;
        self.places = self.roots.iter().map(Root::place).collect();
        let known: Vec<_> = self.places.iter().flatten().map(Place::watched).collect();
        let (heard, written) = (Arc::clone(&self.news), Arc::clone(&self.written));
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
        for place in self.places.iter().flatten() {
            let mode = if place.is_of_one_file() {
                RecursiveMode::NonRecursive
            } else {
                RecursiveMode::Recursive
            };
            watcher.watch(place.folder(), mode)?;
        }
        self.watcher = Some(watcher);
        Ok(())
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

    /// Once for what has happened, and once more for what is written then.
    async fn is_followed(watch: &mut Watch, file: &Path) -> bool {
        let patience = Duration::from_secs(30);
        if timeout(patience, watch.changed()).await.is_err() {
            return false;
        }
        std::fs::write(file, "b").unwrap();
        timeout(patience, watch.changed()).await.is_ok()
    }

    /// As tools do that write their output afresh.
    #[tokio::test]
    async fn a_folder_that_was_made_anew_is_watched() {
        let within = tempfile::tempdir().unwrap();
        let folder = within.path().join("a/b");
        let file = folder.join("a.yaml");
        let make = || {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, "a").unwrap();
        };
        make();
        let settle = Settle { whole: Duration::ZERO, partial: Duration::from_millis(10) };
        for watched in [&folder, &file] {
            let mut watch = Watch::over(std::slice::from_ref(watched), &[], settle).unwrap();
            std::fs::remove_dir_all(&folder).unwrap();
            make();
            assert!(is_followed(&mut watch, &file).await, "at once");
            std::fs::remove_dir_all(&folder).unwrap();
            // That it is gone is told, too.
            assert!(timeout(Duration::from_secs(30), watch.changed()).await.is_ok());
            make();
            assert!(is_followed(&mut watch, &file).await, "later");
            std::fs::rename(within.path().join("a"), within.path().join("c")).unwrap();
            make();
            assert!(is_followed(&mut watch, &file).await, "with what it is in");
            std::fs::remove_dir_all(within.path().join("c")).unwrap();
        }
    }
}
