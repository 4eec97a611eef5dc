//! Where everything of a local mesh lies.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// One folder, for this mesh alone.
#[derive(Clone, Debug)]
pub(crate) struct Folders {
    root: PathBuf,
}

impl Folders {
    /// Makes what is missing: the control runtime is told of changes in folders that are there when it starts.
    ///
    /// # Errors
    ///
    /// When the file system refuses.
    pub(crate) fn open(root: &Path) -> io::Result<Self> {
        fs::create_dir_all(root)?;
        let folders = Self { root: root.canonicalize()? };
        for folder in [
            folders.registry(),
            folders.secrets(),
            folders.releases(),
            folders.settings(),
            folders.logs(),
        ] {
            fs::create_dir_all(folder)?;
        }
        Ok(folders)
    }

    /// Held as long as the mesh runs. None: another one holds it.
    ///
    /// # Errors
    ///
    /// When the file system refuses.
    pub(super) fn claim(&self) -> io::Result<Option<File>> {
        let file = File::create(self.root.join("lock"))?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn control(&self) -> PathBuf {
        self.root.join("control")
    }

    pub(crate) fn registry(&self) -> PathBuf {
        self.root.join("registry")
    }

    pub(crate) fn secrets(&self) -> PathBuf {
        self.root.join("secrets")
    }

    pub(crate) fn releases(&self) -> PathBuf {
        self.root.join("releases")
    }

    pub(crate) fn bootstrap(&self) -> PathBuf {
        self.root.join("bootstrap")
    }

    pub(crate) fn settings(&self) -> PathBuf {
        self.root.join("settings")
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.root.join("logs")
    }

    pub(crate) fn proxy(&self, namespace: &str, instance: &str) -> PathBuf {
        self.root.join("proxies").join(namespace).join(instance)
    }

    pub(crate) fn signing_key(&self) -> PathBuf {
        self.root.join("signing-key.pem")
    }

    pub(crate) fn verifying_key(&self) -> PathBuf {
        self.root.join("verifying-key.pem")
    }

    /// Whom clients of gateways are to believe.
    pub(crate) fn edge_authority(&self) -> PathBuf {
        self.root.join("edge-ca.pem")
    }

    pub(crate) fn edge_authority_key(&self) -> PathBuf {
        self.root.join("edge-ca-key.pem")
    }
}

/// Who may read a file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Reader {
    Everybody,
    Owner,
}

/// Whole or not at all for whoever reads it; folders are made as needed. Not on disk yet when it returns: after a power cut the mesh of this
/// machine is brought up anew.
pub(super) fn replace(path: &Path, bytes: &[u8], reader: Reader) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    let mode = match reader {
        Reader::Everybody => 0o644,
        Reader::Owner => 0o600,
    };
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(mode).open(&new)?;
    file.write_all(bytes)?;
    fs::rename(new, path)
}
