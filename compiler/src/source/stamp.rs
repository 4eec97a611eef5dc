//! What tells of a file that it is still the same, without reading it.

use std::path::Path;
use std::time::Duration;

use super::Origin;

/// Which file it is, how large, and when it was last written, or anything else of it was changed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

/// A file that was changed within this is not told apart from what it is when it is changed again: file systems count time in
/// ticks, some of whole seconds, and by clocks of their own.
const TICK: Duration = Duration::from_secs(3);

impl Stamp {
    /// None of what is no file, and of one that was changed shortly before `now` (since 1970) or will be.
    pub(crate) fn of(origin: &Origin, now: Duration) -> Option<Self> {
        let Origin::File(path) = origin else { return None };
        Self::of_file(path).filter(|stamp| stamp.is_older_than(now.saturating_sub(TICK)))
    }

    /// Its time of change cannot be set, so that no program can hide that it wrote to it.
    #[cfg(unix)]
    fn of_file(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt;

        let meta = std::fs::metadata(path).ok().filter(std::fs::Metadata::is_file)?;
        Some(Self {
            device: meta.dev(),
            inode: meta.ino(),
            bytes: meta.size(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        })
    }

    #[cfg(not(unix))]
    fn of_file(_: &Path) -> Option<Self> {
        None
    }

    fn is_older_than(&self, time: Duration) -> bool {
        let time = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        self.changed.0 < time && self.modified.0 < time
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::Folder;

    #[test]
    fn what_was_changed_just_now_has_none() {
        let folder = Folder::new();
        folder.write("a.yaml", "a: 1");
        let origin = Origin::File(folder.path().join("a.yaml"));
        let changed = Stamp::of_file(&folder.path().join("a.yaml")).unwrap().changed.0;
        let at = |seconds: i64| {
            Stamp::of(&origin, Duration::from_secs(u64::try_from(changed + seconds).unwrap()))
        };
        assert!(at(0).is_none() && at(3).is_none());
        assert!(at(5).is_some_and(|stamp| Some(stamp) == at(9)));
        assert_eq!(Stamp::of(&Origin::Stdin, Duration::MAX), None);
        // Renamed over it, as editors do, it is another one.
        let before = at(9);
        folder.write("b.yaml", "a: 2");
        std::fs::rename(folder.path().join("b.yaml"), folder.path().join("a.yaml")).unwrap();
        assert_ne!(at(99), before);
    }
}
