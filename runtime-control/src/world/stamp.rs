//! What the file system says of files without their being read: whether they are still those that were read.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::time::Duration;

/// Two that are equal are of the same content.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Stamp(Vec<Option<FileStamp>>);

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct FileStamp {
    device: u64,
    inode: u64,
    length: u64,
    /// Seconds and nanoseconds since 1970.
    modified: (i64, i64),
    /// As `modified`, and nobody can set it: it tells of a file that was written and given its old time again.
    changed: (i64, i64),
}

/// Times are as fine as the file system's clock: some count in seconds, FAT in two. Whoever writes twice within one tick
/// leaves the same stamp.
const TICK: Duration = Duration::from_secs(2);

impl Stamp {
    /// Of files that are about to be read, or are not there; `now` is the time since 1970. None: they may change without its
    /// being seen.
    pub(crate) fn of(paths: impl IntoIterator<Item = PathBuf>, now: Duration) -> Option<Self> {
        let stamps = paths.into_iter().map(|path| match fs::metadata(path) {
            Ok(metadata) => FileStamp::of(&metadata, now).map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(None),
            Err(_) => None,
        });
        stamps.collect::<Option<_>>().map(Self)
    }
}

impl FileStamp {
    fn of(metadata: &fs::Metadata, now: Duration) -> Option<Self> {
        let changed = (metadata.ctime(), metadata.ctime_nsec());
        let seconds = u64::try_from(changed.0).ok()?;
        let settled = Duration::from_secs(seconds + 1) + TICK <= now;
        settled.then(|| Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn another_file_or_another_content_has_another_stamp() {
        let folder = tempfile::tempdir().unwrap();
        let [path, new, absent] = ["a", "new", "absent"].map(|name| folder.path().join(name));
        let later = clock::wall() + Duration::from_mins(1);
        let stamp = || Stamp::of([path.clone(), absent.clone()], later).unwrap();
        fs::write(&path, "one").unwrap();
        let first = stamp();
        assert_eq!(stamp(), first);
        fs::write(&path, "other").unwrap();
        let second = stamp();
        assert_ne!(second, first);
        fs::write(&new, "third").unwrap();
        fs::rename(&new, &path).unwrap();
        let third = stamp();
        assert_ne!(third, second, "as long as the second");
        fs::write(&absent, "").unwrap();
        assert_ne!(stamp(), third);
    }

    #[test]
    fn what_was_written_just_now_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "one").unwrap();
        assert_eq!(Stamp::of([path.clone()], clock::wall()), None);
        assert!(Stamp::of([path], clock::wall() + TICK * 2).is_some());
    }
}
