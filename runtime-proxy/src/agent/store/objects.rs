//! Objects of snapshots, each in a file named by its digest. What is read is compared with its name, so a file that was
//! damaged is a file that is not there: it is fetched again.

use std::collections::BTreeSet;
use std::sync::Arc;

use mesh_snapshot::wire::MESSAGE_MAX_BYTES;
use mesh_snapshot::{Digest, ReadObjects};

use super::StoreError;
use super::disk::Disk;
use super::sealed::UNFINISHED;

pub(super) const FOLDER: &str = "objects";

/// Reads what is stored, from any thread.
#[derive(Clone)]
pub struct Objects(pub(super) Arc<dyn Disk>);

impl ReadObjects for Objects {
    fn read(&self, digest: &Digest) -> Option<Arc<[u8]>> {
        let bytes = self.0.read(&name(digest), MESSAGE_MAX_BYTES as u64).ok()?;
        (Digest::of(&bytes) == *digest).then(|| bytes.into())
    }
}

impl Objects {
    /// Stores `objects`, whatever their files hold now; all of them are on the disk when this succeeds.
    pub(super) fn write(&self, objects: &[(Digest, Arc<[u8]>)]) -> Result<(), StoreError> {
        let written = self.write_unfinished(objects);
        if written.is_err() {
            for (digest, _) in objects {
                let _ = self.0.remove(&unfinished(digest));
            }
        }
        written?;
        self.0.sync_folder(FOLDER).map_err(failed("sync", FOLDER))
    }

    /// Each step for all before the next for any: a file system syncs many files for little more than one.
    fn write_unfinished(&self, objects: &[(Digest, Arc<[u8]>)]) -> Result<(), StoreError> {
        for (digest, bytes) in objects {
            let name = unfinished(digest);
            self.0.write(&name, bytes).map_err(failed("write", &name))?;
        }
        for (digest, _) in objects {
            let name = unfinished(digest);
            self.0.sync(&name).map_err(failed("sync", &name))?;
        }
        for (digest, _) in objects {
            let name = name(digest);
            self.0.rename(&unfinished(digest), &name).map_err(failed("rename", &name))?;
        }
        Ok(())
    }

    /// Removes all that is not to be kept. What cannot be removed now stays until the next time.
    pub(super) fn keep_only(&self, kept: &BTreeSet<Digest>) {
        let names: BTreeSet<_> = kept.iter().map(Digest::hex).collect();
        for found in self.0.list(FOLDER).unwrap_or_default() {
            if !names.contains(&found) {
                let _ = self.0.remove(&format!("{FOLDER}/{found}"));
            }
        }
    }
}

fn name(digest: &Digest) -> String {
    format!("{FOLDER}/{}", digest.hex())
}

fn unfinished(digest: &Digest) -> String {
    name(digest) + UNFINISHED
}

fn failed(doing: &'static str, name: &str) -> impl FnOnce(std::io::Error) -> StoreError {
    let name = name.to_owned();
    move |error| StoreError { doing, name, error }
}
