//! What is watched, and where that is: a folder may be taken away, and another one made in its place.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// A folder that is watched, or the one that a watched file is in: editors put a new file in the place of an old one, which its
/// folder alone tells.
#[derive(Debug)]
pub(super) struct Root {
    folder: PathBuf,
    file: Option<OsString>,
}

/// A folder that is there. The next one of its name is another: who listens at this one hears nothing of that.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Place {
    /// Without links: so events name what is in it.
    folder: PathBuf,
    file: Option<OsString>,
    device: u64,
    inode: u64,
    /// The number of a folder that was removed may be given to the next; not all systems know when it was made.
    made: Option<SystemTime>,
}

impl Root {
    /// # Errors
    ///
    /// When there is no such file or folder.
    pub(super) fn of(path: &Path) -> io::Result<Self> {
        let whole = path.canonicalize()?;
        match (whole.parent(), whole.file_name()) {
            (Some(folder), Some(file)) if whole.is_file() => {
                Ok(Self { folder: folder.to_owned(), file: Some(file.to_owned()) })
            }
            // As it is named: a link may lead elsewhere later.
            _ => Ok(Self { folder: std::path::absolute(path)?, file: None }),
        }
    }

    /// Where it is now, if it is.
    pub(super) fn place(&self) -> Option<Place> {
        let folder = self.folder.canonicalize().ok()?;
        let about = folder.metadata().ok()?;
        Some(Place {
            folder,
            file: self.file.clone(),
            device: about.dev(),
            inode: about.ino(),
            made: about.created().ok(),
        })
    }
}

impl Place {
    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What of it is watched: one file, or all.
    pub(super) fn watched(&self) -> PathBuf {
        self.file.as_ref().map_or_else(|| self.folder.clone(), |file| self.folder.join(file))
    }

    pub(super) const fn is_of_one_file(&self) -> bool {
        self.file.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_folder_is_another_one_when_it_was_made_anew() {
        let within = tempfile::tempdir().unwrap();
        let path = within.path().join("a");
        fs::create_dir(&path).unwrap();
        let root = Root::of(&path).unwrap();
        let first = root.place();
        assert!(first.is_some());
        fs::write(path.join("a.yaml"), "a").unwrap();
        assert_eq!(root.place(), first, "what is in it says nothing of it");
        fs::rename(&path, within.path().join("b")).unwrap();
        assert_eq!(root.place(), None);
        fs::create_dir(&path).unwrap();
        let second = root.place();
        assert!(second.is_some() && second != first);
    }

    #[test]
    fn a_link_leads_elsewhere_later() {
        let within = tempfile::tempdir().unwrap();
        let (link, one, two) =
            (within.path().join("link"), within.path().join("1"), within.path().join("2"));
        for folder in [&one, &two] {
            fs::create_dir(folder).unwrap();
        }
        std::os::unix::fs::symlink(&one, &link).unwrap();
        let root = Root::of(&link).unwrap();
        let place = || root.place().unwrap().folder().to_owned();
        assert_eq!(place(), one.canonicalize().unwrap());
        fs::remove_file(&link).unwrap();
        std::os::unix::fs::symlink(&two, &link).unwrap();
        assert_eq!(place(), two.canonicalize().unwrap());
    }

    #[test]
    fn of_a_file_its_folder_is_listened_at() {
        let within = tempfile::tempdir().unwrap();
        let file = within.path().join("a.yaml");
        assert!(Root::of(&file).is_err());
        fs::write(&file, "a").unwrap();
        let root = Root::of(&file).unwrap();
        fs::remove_file(&file).unwrap();
        let place = root.place().unwrap();
        assert!(place.is_of_one_file());
        assert_eq!(place.folder(), within.path().canonicalize().unwrap());
        assert_eq!(place.watched(), place.folder().join("a.yaml"));
    }
}
