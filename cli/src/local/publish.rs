//! Signs snapshots with the mesh's own key, and puts them where the control runtime looks.

use std::fs;
use std::io;
use std::path::PathBuf;

use mesh_control::clock;
use mesh_snapshot::Digest;
use mesh_snapshot::container::{self, Bundle, FileError};
use mesh_snapshot::signature::{PrivateKey, Statement};

use super::folders::{Folders, Reader, replace};

/// The name of the mesh that local signatures are for.
pub(super) const MESH: &str = "local";

#[derive(Debug)]
pub(super) struct Publisher {
    key: PrivateKey,
    file: PathBuf,
    serial: u64,
}

/// Why a mesh has no key.
#[derive(Debug, thiserror::Error)]
pub(crate) enum KeyError {
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{}: not an Ed25519 private key in PEM", .0.display())]
    Content(PathBuf),
}

impl Publisher {
    /// With the folder's key, which is made where there is none: what was signed in an earlier run is still believed.
    pub(super) fn open(folders: &Folders) -> Result<Self, KeyError> {
        let path = folders.signing_key();
        let failed = |error| KeyError::Io { path: path.clone(), error };
        let key = match fs::read_to_string(&path) {
            Ok(pem) => PrivateKey::from_pem(&pem).map_err(|_| KeyError::Content(path.clone()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = PrivateKey::from_seed(&rand::random());
                replace(&path, key.to_pem().as_bytes(), Reader::Owner).map_err(failed)?;
                key
            }
            Err(error) => return Err(failed(error)),
        };
        let public = key.public().to_pem();
        replace(&folders.verifying_key(), public.as_bytes(), Reader::Everybody).map_err(failed)?;
        Ok(Self { key, file: folders.releases().join("policy.mesh"), serial: 0 })
    }

    /// What is published takes the place of what was published before.
    pub(super) fn publish(&mut self, bundle: &Bundle) -> Result<Digest, FileError> {
        let now = u64::try_from(clock::wall().as_micros()).unwrap_or(u64::MAX);
        // Twice in a microsecond, or after the clock was put back.
        self.serial = now.max(self.serial + 1);
        let snapshot = bundle.snapshot.digest();
        let statement = Statement {
            snapshot,
            serial: self.serial,
            floor: 0,
            mesh: MESH.to_owned(),
            not_after: 0,
        };
        let signed = Bundle { signatures: vec![self.key.sign(&statement)], ..bundle.clone() };
        container::write_file(&self.file, &signed)?;
        Ok(snapshot)
    }
}
