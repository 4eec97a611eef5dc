//! What the file system says of a file without its being read: whether it is still the one that was read.

use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use rustls::pki_types::UnixTime;

/// Two that are equal are of the same content.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum FileStamp {
    /// It is not there, or cannot be looked at.
    Unseen,
    Seen {
        device: u64,
        inode: u64,
        length: u64,
        /// Seconds and nanoseconds since 1970.
        modified: (i64, i64),
        /// As `modified`, and nobody can set it: it tells of a file that was written and given its old time again.
        changed: (i64, i64),
    },
}

/// Times are as fine as the file system's clock: some count in seconds, FAT in two. Whoever writes twice within one tick
/// leaves the same stamp.
const TICK: Duration = Duration::from_secs(2);

impl FileStamp {
    /// Of a file that is about to be read. `None`: it has changed a moment ago, and may do so again without its being
    /// seen.
    pub(super) fn of(file: &Path, now: UnixTime) -> Option<Self> {
        let Ok(seen) = std::fs::metadata(file) else { return Some(Self::Unseen) };
        let changed = (seen.ctime(), seen.ctime_nsec());
        let settled = Duration::from_secs(u64::try_from(changed.0).ok()? + 1) + TICK;
        (settled.as_secs() <= now.as_secs()).then(|| Self::Seen {
            device: seen.dev(),
            inode: seen.ino(),
            length: seen.len(),
            modified: (seen.mtime(), seen.mtime_nsec()),
            changed,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use rustls::pki_types::UnixTime;

    use super::{FileStamp, TICK};

    fn after(wait: Duration) -> UnixTime {
        UnixTime::since_unix_epoch(Duration::from_secs(UnixTime::now().as_secs()) + wait)
    }

    #[test]
    fn another_file_has_another_stamp_whatever_its_length_and_time() {
        let folder = tempfile::tempdir().unwrap();
        let [path, new] = ["a", "new"].map(|name| folder.path().join(name));
        let stamp = || FileStamp::of(&path, after(Duration::from_mins(1))).unwrap();
        assert_eq!(stamp(), FileStamp::Unseen);
        fs::write(&path, "one").unwrap();
        let first = stamp();
        assert_eq!(stamp(), first);
        fs::write(&new, "two").unwrap();
        let time = fs::metadata(&path).unwrap().modified().unwrap();
        fs::File::options().write(true).open(&new).unwrap().set_modified(time).unwrap();
        fs::rename(&new, &path).unwrap();
        assert_ne!(stamp(), first);
    }

    #[test]
    fn what_was_written_just_now_has_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        fs::write(&path, "one").unwrap();
        assert_eq!(FileStamp::of(&path, UnixTime::now()), None);
        assert!(FileStamp::of(&path, after(TICK * 2)).is_some());
    }
}
