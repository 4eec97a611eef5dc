//! Whether several files are still those that were read.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use mesh_stamp::Stamp;

/// Of each file; absent: it is not there. Two that are equal are of the same content.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Stamps(Vec<Option<Stamp>>);

impl Stamps {
    /// Of files that are about to be read, or are not there; `now` is the time since 1970. None: they may change without its
    /// being seen.
    pub(crate) fn of(paths: impl IntoIterator<Item = PathBuf>, now: Duration) -> Option<Self> {
        let stamps = paths.into_iter().map(|path| match Stamp::of(&path, now) {
            Ok(stamp) => stamp.map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Some(None),
            Err(_) => None,
        });
        stamps.collect::<Option<_>>().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::clock;

    #[test]
    fn one_that_comes_or_changes_changes_all() {
        let folder = tempfile::tempdir().unwrap();
        let [path, absent] = ["a", "absent"].map(|name| folder.path().join(name));
        let later = clock::wall() + Duration::from_mins(1);
        let stamps = || Stamps::of([path.clone(), absent.clone()], later).unwrap();
        fs::write(&path, "one").unwrap();
        let first = stamps();
        assert_eq!(stamps(), first);
        fs::write(&path, "other").unwrap();
        let second = stamps();
        assert_ne!(second, first);
        fs::write(&absent, "").unwrap();
        assert_ne!(stamps(), second);
        // One that was written just now may be written again.
        assert_eq!(Stamps::of([path], clock::wall()), None);
    }
}
