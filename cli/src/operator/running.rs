//! The control runtimes that run on this machine for one user, so that an operator need not know their addresses.
//!
//! Each one keeps a small file in the user's own folder, and holds a lock on it as long as it lives. The kernel takes the lock
//! back however a process ends, so a file that can be locked is a leftover, and is removed by whoever finds it.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::token::Token;

/// One that runs.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Running {
    /// Where it answers operators.
    pub admin: SocketAddr,
    /// What the user started: `mesh up policies/bookinfo`.
    pub called: String,
    pub pid: u32,
    /// What it wants to be shown; absent: it is of a version that wants none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
}

/// It is to be found as long as this is kept.
#[derive(Debug)]
pub(crate) struct Announced {
    path: PathBuf,
    _lock: File,
}

impl Running {
    /// This process answers operators at `admin`, who show it `token`.
    ///
    /// # Errors
    ///
    /// When the user has no folder, or the file system refuses.
    pub(crate) fn announce(
        admin: SocketAddr,
        called: &str,
        token: Option<Token>,
    ) -> io::Result<Announced> {
        let folders = folders(|name| std::env::var_os(name).map(PathBuf::from));
        let folder = folders.into_iter().next().ok_or_else(|| {
            io::Error::new(io::ErrorKind::NotFound, "neither XDG_RUNTIME_DIR nor HOME is set")
        })?;
        let running = Self { admin, called: called.to_owned(), pid: std::process::id(), token };
        running.announce_in(&folder)
    }

    /// All that can be found now.
    pub(crate) fn all() -> Vec<Self> {
        let folders = folders(|name| std::env::var_os(name).map(PathBuf::from));
        let mut all: Vec<_> = folders.iter().flat_map(|folder| Self::all_in(folder)).collect();
        all.sort_unstable();
        all
    }

    fn announce_in(&self, folder: &Path) -> io::Result<Announced> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        // Leftovers go now, should nobody ever ask.
        drop(Self::all_in(folder));
        // A name that was never used: whoever removes a leftover must not hit what has taken its place.
        let name = format!("{}-{}", self.pid, mesh_control::clock::wall().as_nanos());
        let (new, path) = (folder.join(&name), folder.join(format!("{name}.{SUFFIX}")));
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        // Locked and whole before it can be found.
        file.lock()?;
        file.write_all(&serde_json::to_vec(self)?)?;
        fs::rename(new, &path)?;
        Ok(Announced { path, _lock: file })
    }

    fn all_in(folder: &Path) -> Vec<Self> {
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        let paths = entries.map(|entry| entry.path());
        let ours = paths.filter(|path| path.extension().is_some_and(|suffix| suffix == SUFFIX));
        ours.filter_map(|path| Self::read(&path)).collect()
    }

    /// None: it has ended.
    fn read(path: &Path) -> Option<Self> {
        let file = File::open(path).ok()?;
        Self::judge(path, &file, &file.try_lock_shared())
    }

    /// Of a file, and what came of locking it.
    fn judge(path: &Path, file: &File, locked: &Result<(), TryLockError>) -> Option<Self> {
        if locked.is_ok() {
            // Somebody else may have removed it meanwhile.
            let _ = fs::remove_file(path);
            return None;
        }
        // It is locked, or the file system knows no locks (ENOLCK) or has too many: nothing says that it has ended.
        serde_json::from_reader(file).ok()
    }
}

impl Drop for Announced {
    fn drop(&mut self) {
        // What stays is recognised as a leftover.
        let _ = fs::remove_file(&self.path);
    }
}

const SUFFIX: &str = "running";

/// Where one may be found; the first is where they are announced. The second is for a login that has no runtime folder, as by
/// `cron`; relative paths do not count (XDG Base Directory Specification).
fn folders(variable: impl Fn(&str) -> Option<PathBuf>) -> Vec<PathBuf> {
    let absolute = |name| variable(name).filter(|path| path.is_absolute());
    let state = absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .map(|state| state.join("mesh/running"));
    let runtime = absolute("XDG_RUNTIME_DIR").map(|runtime| runtime.join("mesh"));
    runtime.into_iter().chain(state).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn running(port: u16) -> Running {
        let admin = SocketAddr::from(([127, 0, 0, 1], port));
        Running {
            admin,
            called: "mesh up policies/shop".to_owned(),
            pid: 1,
            token: Some("0f".repeat(32).parse().unwrap()),
        }
    }

    #[test]
    fn it_is_found_as_long_as_it_runs() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path().join("mesh");
        let (one, other) = (running(1), running(2));
        let announced = one.announce_in(&folder).unwrap();
        let mode = fs::metadata(&folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
        let mode = fs::metadata(&announced.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "it holds a token");
        assert_eq!(Running::all_in(&folder), [one]);
        let _other = other.announce_in(&folder).unwrap();
        assert_eq!(Running::all_in(&folder).len(), 2);
        drop(announced);
        assert_eq!(Running::all_in(&folder), [other]);
    }

    #[test]
    fn what_a_killed_one_left_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join(format!("1-1.{SUFFIX}"));
        fs::write(&left, serde_json::to_vec(&running(1)).unwrap()).unwrap();
        assert_eq!(Running::all_in(folder.path()), []);
        assert!(!left.exists());
    }

    #[test]
    fn who_cannot_be_asked_whether_it_lives_is_not_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(format!("1-1.{SUFFIX}"));
        fs::write(&path, serde_json::to_vec(&running(1)).unwrap()).unwrap();
        let no_locks = io::Error::from(io::ErrorKind::Unsupported);
        let file = File::open(&path).unwrap();
        let found = Running::judge(&path, &file, &Err(TryLockError::Error(no_locks)));
        assert_eq!(found, Some(running(1)));
        assert!(path.exists());
    }

    #[test]
    fn it_is_looked_for_where_the_user_keeps_such_things() {
        let of = |given: &[(&str, &str)]| {
            let variable = |name: &str| {
                let found = given.iter().find(|(known, _)| *known == name);
                found.map(|(_, path)| PathBuf::from(path))
            };
            folders(variable)
        };
        let both = of(&[("XDG_RUNTIME_DIR", "/run/user/7"), ("HOME", "/home/a")]);
        assert_eq!(
            both,
            ["/run/user/7/mesh", "/home/a/.local/state/mesh/running"].map(PathBuf::from)
        );
        assert_eq!(
            of(&[("XDG_RUNTIME_DIR", "run"), ("XDG_STATE_HOME", "/s")]),
            [PathBuf::from("/s/mesh/running")]
        );
        assert!(of(&[]).is_empty());
    }
}
