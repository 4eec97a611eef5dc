//! What this crate's tests share.

use crate::diagnostic::{Finding, finish};
use crate::source::Input;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of its own for a test, removed when it ends.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("mesh-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(fs::canonicalize(path).unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// A symbolic link `name` to `target`, which is relative to the link.
    pub(crate) fn link(&self, name: &str, target: &str) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(target, path).unwrap();
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Everything that the compiler says of a folder.
pub(crate) fn findings(folder: &Path) -> Vec<Finding> {
    let mut diagnostics = Vec::new();
    let parsed = crate::read(&[Input::Path(folder.into())], &mut diagnostics);
    let mesh = crate::api::decode(&parsed, &mut diagnostics);
    let levels = crate::levels(&mesh, &parsed, &mut diagnostics);
    finish(diagnostics, &parsed, &mesh.faults, &levels)
}
