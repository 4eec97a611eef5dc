//! The files that programs are started with: JSON, in which relative paths are relative to the file.

pub(crate) mod control;
pub(crate) mod proxy;
mod rollout;
mod span;

use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

pub(crate) use span::Span;

/// What a cluster is called that nobody has named. Source: Istio.
const CLUSTER: &str = "Kubernetes";

/// Why a program is not told what to do.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettingsError {
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{}: {error}", path.display())]
    Json { path: PathBuf, error: serde_json::Error },
    #[error("{}: not an Ed25519 public key in PEM", .0.display())]
    Key(PathBuf),
    #[error("`{0}` is missing: give it in the file or as a flag")]
    Missing(&'static str),
    #[error("say whose snapshots are taken: `trust`, or `unsigned` to take anybody's")]
    Signers,
}

pub(crate) fn read<T: DeserializeOwned>(path: &Path) -> Result<T, SettingsError> {
    let bytes =
        std::fs::read(path).map_err(|error| SettingsError::Io { path: path.to_owned(), error })?;
    serde_json::from_slice(&bytes)
        .map_err(|error| SettingsError::Json { path: path.to_owned(), error })
}
