//! What the store needs of a file system, so that tests can let any step of it fail.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// One folder with files and one level of folders in it. Names are relative, with `/`.
pub trait Disk: Send + Sync + 'static {
    /// The content of a file; an error where it has more than `limit` bytes.
    ///
    /// # Errors
    ///
    /// As the file system has them; likewise below.
    fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>>;
    /// Creates or replaces a file. It may be lost, in whole or in part, until [`Disk::sync`].
    #[expect(clippy::missing_errors_doc, reason = "as above")]
    fn write(&self, name: &str, content: &[u8]) -> io::Result<()>;
    #[expect(clippy::missing_errors_doc, reason = "as above")]
    fn sync(&self, name: &str) -> io::Result<()>;
    /// Replaces what `to` names. It may be undone until [`Disk::sync_folder`].
    #[expect(clippy::missing_errors_doc, reason = "as above")]
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Of the names in a folder; the empty name is the folder itself.
    #[expect(clippy::missing_errors_doc, reason = "as above")]
    fn sync_folder(&self, folder: &str) -> io::Result<()>;
    #[expect(clippy::missing_errors_doc, reason = "as above")]
    fn remove(&self, name: &str) -> io::Result<()>;
    /// The names of the files in a folder, without the folder's.
    #[expect(clippy::missing_errors_doc, reason = "as above")]
    fn list(&self, folder: &str) -> io::Result<Vec<String>>;
}

/// A folder of the machine, for one process at a time. Only its user can look into it.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Held open for its lock, which ends with the process, however that ends.
    _lock: File,
}

/// Why there is no folder to keep state in.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    #[error("cannot use {} as state folder: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("another proxy uses the state folder {}", path.display())]
    InUse { path: PathBuf },
}

impl Folder {
    /// Opens the folder at `path`, made if it is not there, with a folder in it for each of `folders`.
    ///
    /// # Errors
    ///
    /// When it cannot be made or opened, or another process has it.
    pub fn open(path: &Path, folders: &[&str]) -> Result<Self, FolderError> {
        let io = |error| FolderError::Io { path: path.to_owned(), error };
        make_folder(path).map_err(io)?;
        let lock = File::open(path).map_err(io)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => FolderError::InUse { path: path.to_owned() },
            TryLockError::Error(error) => io(error),
        })?;
        for folder in folders {
            make_folder(&path.join(folder)).map_err(io)?;
        }
        Ok(Self { path: path.to_owned(), _lock: lock })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

fn make_folder(path: &Path) -> io::Result<()> {
    if !path.is_dir() {
        return DirBuilder::new().recursive(true).mode(0o700).create(path);
    }
    // Somebody else may have made it, for more to look into; its files are closed to them all the same.
    if let Err(error) = fs::set_permissions(path, Permissions::from_mode(0o700)) {
        tracing::warn!(path = %path.display(), %error, "others may list the state folder");
    }
    Ok(())
}

impl Disk for Folder {
    fn read(&self, name: &str, limit: u64) -> io::Result<Vec<u8>> {
        let mut content = Vec::new();
        File::open(self.file(name))?.take(limit.saturating_add(1)).read_to_end(&mut content)?;
        if content.len() as u64 > limit {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        Ok(content)
    }

    fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        options.open(self.file(name))?.write_all(content)
    }

    fn sync(&self, name: &str) -> io::Result<()> {
        File::open(self.file(name))?.sync_all()
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.file(from), self.file(to))
    }

    fn sync_folder(&self, folder: &str) -> io::Result<()> {
        File::open(self.file(folder))?.sync_all()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.file(name))
    }

    fn list(&self, folder: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(self.file(folder))? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.extend(entry.file_name().into_string());
            }
        }
        names.sort_unstable();
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_user_can_look_into_it_and_only_one_process_at_a_time() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("state");
        let folder = Folder::open(&path, &["objects"]).unwrap();
        folder.write("objects/a", b"content").unwrap();
        folder.sync("objects/a").unwrap();
        folder.rename("objects/a", "objects/b").unwrap();
        folder.sync_folder("objects").unwrap();
        assert_eq!(folder.list("objects").unwrap(), ["b"]);
        assert_eq!(folder.read("objects/b", 7).unwrap(), b"content");
        assert_eq!(folder.read("objects/b", 6).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&path.join("objects/b"))), (0o700, 0o600));

        assert!(matches!(Folder::open(&path, &[]), Err(FolderError::InUse { .. })));
        drop(folder);
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        let _again = Folder::open(&path, &[]).unwrap();
        assert_eq!(mode(&path), 0o700);
    }
}
