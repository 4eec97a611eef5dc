//! The proxy's key and certificate, in one file, so that they always belong together.

use mesh_snapshot::canonical;
use mesh_snapshot::object::Bytes;
use serde::{Deserialize, Serialize};

use super::disk::Disk;
use super::sealed::{self, Unreadable};
use super::{Store, StoreError};

const NAME: &str = "identity";
const SIZE_MAX_BYTES: u64 = 1 << 20;

/// All in DER.
#[derive(Clone, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StoredIdentity {
    /// PKCS #8.
    pub key: Bytes,
    /// The proxy's certificate, then its issuers.
    pub chain: Vec<Bytes>,
    pub trust_domain: String,
    pub roots: Vec<Bytes>,
}

impl Store {
    /// # Errors
    ///
    /// When it is not on the disk: after a crash the proxy has the identity that was there before, or none.
    pub fn save_identity(&mut self, identity: &StoredIdentity) -> Result<(), StoreError> {
        sealed::write(&*self.disk, NAME, NAME, &canonical::encode(identity))
    }

    /// # Errors
    ///
    /// When there is none that can be read.
    pub fn identity(&self) -> Result<StoredIdentity, Unreadable> {
        read(&*self.disk)
    }
}

fn read(disk: &dyn Disk) -> Result<StoredIdentity, Unreadable> {
    let content = sealed::read(disk, NAME, NAME, SIZE_MAX_BYTES)?;
    canonical::decode(&content).map_err(|_| Unreadable::Damaged)
}
