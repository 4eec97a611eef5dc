//! Secrets in folders: `<namespace>/<name>/`, with the file names of a Kubernetes TLS secret.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Secret;

const CERTIFICATE_CHAIN: &str = "tls.crt";
const PRIVATE_KEY: &str = "tls.key";
const CA: &str = "ca.crt";

/// Why a folder is no secret. What it was before stands.
#[derive(Debug, thiserror::Error)]
pub(super) enum SecretError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("tls.crt and tls.key belong together")]
    Half,
    #[error("it has none of tls.crt, tls.key and ca.crt")]
    Empty,
}

impl Secret {
    /// What it may consist of.
    pub(super) fn files(folder: &Path) -> [PathBuf; 3] {
        [CERTIFICATE_CHAIN, PRIVATE_KEY, CA].map(|name| folder.join(name))
    }

    pub(super) fn read(folder: &Path) -> Result<Self, SecretError> {
        let file = |name: &str| match fs::read(folder.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            read => read,
        };
        let secret = Self {
            certificate_chain: file(CERTIFICATE_CHAIN)?,
            private_key: file(PRIVATE_KEY)?,
            ca: file(CA)?,
        };
        if secret.certificate_chain.is_empty() != secret.private_key.is_empty() {
            return Err(SecretError::Half);
        }
        if secret == Self::default() { Err(SecretError::Empty) } else { Ok(secret) }
    }
}
