//! What a proxy starts from: the name of a snapshot, and what it takes to believe in it.

use mesh_snapshot::object::{Bytes, Workload};
use mesh_snapshot::signature::Signature;
use mesh_snapshot::{Digest, canonical};
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::disk::Disk;
use super::sealed::{self, Unreadable};
use crate::agent::trial::{Marks, Version};

const KIND: &str = "record";
const SIZE_MAX_BYTES: u64 = 1 << 20;

/// A snapshot that was confirmed. The objects themselves are beside it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Record {
    /// Of the snapshot: [`mesh_snapshot::manifest::FORMAT`].
    pub format: u32,
    pub epoch: u64,
    pub snapshot: Digest,
    pub slice: Digest,
    /// Under which it was served when it was confirmed.
    pub generation: u64,
    /// As they were then.
    pub marks: Marks,
    signatures: Vec<Stored>,
    /// Whom the slice was for.
    pub workload: Workload,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Stored {
    key: Digest,
    statement: Bytes,
    signature: Bytes,
}

impl Record {
    #[must_use]
    pub fn new(
        version: Version,
        generation: u64,
        marks: Marks,
        signatures: &[Signature],
        workload: &Workload,
    ) -> Self {
        let store = |Signature { key, statement, signature }: &Signature| Stored {
            key: *key,
            statement: Bytes(statement.clone()),
            signature: Bytes(signature.clone()),
        };
        Self {
            format: mesh_snapshot::manifest::FORMAT,
            epoch: version.epoch,
            snapshot: version.snapshot,
            slice: version.slice,
            generation,
            marks,
            signatures: signatures.iter().map(store).collect(),
            workload: workload.clone(),
        }
    }

    #[must_use]
    pub const fn version(&self) -> Version {
        Version { epoch: self.epoch, snapshot: self.snapshot, slice: self.slice }
    }

    #[must_use]
    pub fn signatures(&self) -> Vec<Signature> {
        let read = |Stored { key, statement, signature }: &Stored| Signature {
            key: *key,
            statement: statement.0.clone(),
            signature: signature.0.clone(),
        };
        self.signatures.iter().map(read).collect()
    }

    pub(super) fn write(&self, disk: &dyn Disk, name: &str) -> Result<(), StoreError> {
        sealed::write(disk, KIND, name, &canonical::encode(self))
    }

    pub(super) fn read(disk: &dyn Disk, name: &str) -> Result<Self, Unreadable> {
        let content = sealed::read(disk, KIND, name, SIZE_MAX_BYTES)?;
        canonical::decode(&content).map_err(|_| Unreadable::Damaged)
    }
}
