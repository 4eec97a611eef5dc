//! What a file system says of a file without its being read: whether it is still the one that was read.

use std::io;
use std::path::Path;
use std::time::Duration;

/// Which file it is, how large, and when it was last written, or anything else of it was changed. Two that are equal are of the
/// same content.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    /// Bytes.
    length: u64,
    /// Seconds and nanoseconds since 1970.
    modified: (i64, i64),
    /// As `modified`, and nobody can set it: it tells of a file that was written and given its old time again.
    changed: (i64, i64),
}

/// Whoever writes twice within this may leave the same stamp: file systems count time in ticks, some of whole seconds, FAT in
/// two, and by clocks of their own.
const TICK: Duration = Duration::from_secs(3);

impl Stamp {
    /// Of a file that is about to be read; `now` is the time since 1970. `None`: nothing tells that it is the same, as it was
    /// changed a moment ago, is no file, or stands in a system that says too little of it.
    ///
    /// # Errors
    /// When it is not there, or cannot be looked at.
    pub fn of(path: &Path, now: Duration) -> io::Result<Option<Self>> {
        let metadata = std::fs::metadata(path)?;
        let stamp = Self::of_metadata(&metadata);
        Ok(stamp.filter(|stamp| stamp.is_older_than(now.saturating_sub(TICK))))
    }

    #[cfg(unix)]
    fn of_metadata(metadata: &std::fs::Metadata) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;

        metadata.is_file().then(|| Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
        })
    }

    #[cfg(not(unix))]
    fn of_metadata(_: &std::fs::Metadata) -> Option<Self> {
        None
    }

    fn is_older_than(&self, time: Duration) -> bool {
        let time = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
        self.changed.0 < time && self.modified.0 < time
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::time::Duration;

    use super::Stamp;

    fn later(path: &Path) -> Stamp {
        Stamp::of(path, Duration::MAX).unwrap().unwrap()
    }

    #[test]
    fn another_file_has_another_stamp_whatever_its_length_and_time() {
        let folder = tempfile::tempdir().unwrap();
        let [path, new] = ["a", "new"].map(|name| folder.path().join(name));
        assert!(Stamp::of(&path, Duration::MAX).is_err());
        assert_eq!(Stamp::of(folder.path(), Duration::MAX).unwrap(), None);
        fs::write(&path, "one").unwrap();
        let first = later(&path);
        assert_eq!(later(&path), first);
        fs::write(&new, "two").unwrap();
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        fs::File::options().write(true).open(&new).unwrap().set_modified(time).unwrap();
        fs::rename(&new, &path).unwrap();
        let second = later(&path);
        assert_ne!(second, first);
        fs::write(&path, "longer").unwrap();
        assert_ne!(later(&path), second);
    }

    #[test]
    fn what_was_changed_just_now_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "one").unwrap();
        let changed = u64::try_from(later(&path).changed.0).unwrap();
        let at = |seconds| Stamp::of(&path, Duration::from_secs(changed + seconds)).unwrap();
        assert!(at(0).is_none() && at(3).is_none());
        assert!(at(4).is_some_and(|stamp| Some(stamp) == at(9)));
    }
}
