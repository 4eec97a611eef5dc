//! Whether a snapshot may be rolled out at all.

use std::time::Duration;

use mesh_snapshot::container::Bundle;
use mesh_snapshot::signature::{SignatureError, TrustedKeys};
use mesh_snapshot::wire::MESSAGE_MAX_BYTES;

/// Whose snapshots are taken.
#[derive(Clone, Debug)]
pub enum Signers {
    /// Whoever can write into the folder: for development.
    Anybody,
    /// Those who hold one of these keys, for the mesh of this name.
    Trusted { keys: TrustedKeys, mesh: String },
}

/// Why a snapshot is not taken.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    #[error(transparent)]
    Signature(#[from] SignatureError),
    #[error("its signer gave it until {until} s after 1970 to be rolled out")]
    Expired { until: u64 },
    #[error("it has an object of {0} bytes, which no message can carry")]
    ObjectTooLarge(usize),
}

/// Room in a message beside one object.
const FRAMING_BYTES: usize = 64;

impl Signers {
    /// The serial of the publication; zero where nobody signs. `now` is the time since 1970.
    ///
    /// # Errors
    ///
    /// When no signature will do, or the snapshot cannot be sent.
    pub fn verify(&self, bundle: &Bundle, now: Duration) -> Result<u64, VerifyError> {
        let largest = bundle.snapshot.parts().map(|(_, bytes)| bytes.len()).max().unwrap_or(0);
        if largest + FRAMING_BYTES > MESSAGE_MAX_BYTES {
            return Err(VerifyError::ObjectTooLarge(largest));
        }
        let Self::Trusted { keys, mesh } = self else { return Ok(0) };
        let statement = keys.verify(bundle.snapshot.digest(), mesh, &bundle.signatures)?;
        if statement.not_after != 0 && statement.not_after < now.as_secs() {
            return Err(VerifyError::Expired { until: statement.not_after });
        }
        Ok(statement.serial)
    }
}
