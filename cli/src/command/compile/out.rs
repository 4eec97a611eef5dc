//! Where a snapshot is written, and who signs it.

use std::path::{Path, PathBuf};
use std::{fs, io};

use mesh_snapshot::container::{self, Bundle};
use mesh_snapshot::signature::{NotAKey, PrivateKey, Statement};

use crate::command::Exit;

/// Why a snapshot that was made is not where it should be.
#[derive(Debug, thiserror::Error)]
pub(super) enum WriteError {
    #[error("{}: {error}", path.display())]
    Key { path: PathBuf, error: io::Error },
    #[error("{}: {error}", path.display())]
    NotAKey { path: PathBuf, error: NotAKey },
    #[error(transparent)]
    File(#[from] container::FileError),
    #[error(transparent)]
    Layout(#[from] container::LayoutError),
}

impl From<WriteError> for Exit {
    fn from(error: WriteError) -> Self {
        match error {
            WriteError::Key { .. } | WriteError::NotAKey { .. } => Self::Input.because(&error),
            WriteError::File(_) | WriteError::Layout(_) => Self::Unreachable.because(&error),
        }
    }
}

/// Writes a snapshot to a file, or as an OCI image into a folder; `key` signs it for the mesh of this name.
pub(super) fn write(
    bundle: &mut Bundle,
    out: &Path,
    key: Option<&Path>,
    mesh: &str,
) -> Result<(), WriteError> {
    if let Some(path) = key {
        let pem = fs::read_to_string(path)
            .map_err(|error| WriteError::Key { path: path.to_owned(), error })?;
        let key = PrivateKey::from_pem(&pem)
            .map_err(|error| WriteError::NotAKey { path: path.to_owned(), error })?;
        bundle.signatures.push(key.sign(&statement(bundle, mesh)));
    }
    if out.is_dir() || out.as_os_str().to_string_lossy().ends_with('/') {
        container::write_layout(out, bundle)?;
    } else {
        container::write_file(out, bundle)?;
    }
    Ok(())
}

/// The serial is the time of signing, so that what is signed later counts as newer.
fn statement(bundle: &Bundle, mesh: &str) -> Statement {
    let now = mesh_control::clock::wall();
    Statement {
        snapshot: bundle.snapshot.digest(),
        serial: u64::try_from(now.as_micros()).unwrap_or(u64::MAX),
        floor: 0,
        mesh: mesh.to_owned(),
        not_after: 0,
    }
}
