//! How often the proxy died soon after it had started from a snapshot. Each start is written down before it is tried, and
//! struck out when the proxy has lived for a while, or ends in good order; what is left over is deaths.

use std::collections::BTreeMap;

use mesh_snapshot::{Digest, canonical};

use super::disk::Disk;
use super::sealed::{self, Unreadable};
use super::{Store, StoreError};

const NAME: &str = "boots";
const SIZE_MAX_BYTES: u64 = 1 << 16;

/// Starts that nobody has struck out, by snapshot.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Boots(BTreeMap<String, u32>);

impl Boots {
    /// How often in a row a start from that snapshot ended in a death.
    #[must_use]
    pub fn deaths(&self, snapshot: &Digest) -> u32 {
        self.0.get(&snapshot.hex()).copied().unwrap_or(0)
    }

    pub(super) fn read(disk: &dyn Disk) -> Result<Self, Unreadable> {
        let content = sealed::read(disk, NAME, NAME, SIZE_MAX_BYTES)?;
        canonical::decode(&content).map(Self).map_err(|_| Unreadable::Damaged)
    }
}

impl Store {
    #[must_use]
    pub const fn boots(&self) -> &Boots {
        &self.boots
    }

    /// The proxy is about to start from `snapshot`.
    ///
    /// # Errors
    ///
    /// When it is not on the disk: should the proxy die of it, nobody will know.
    pub fn begin_boot(&mut self, snapshot: &Digest) -> Result<(), StoreError> {
        let deaths = self.boots.0.entry(snapshot.hex()).or_default();
        *deaths = deaths.saturating_add(1);
        self.write_boots()
    }

    /// It lives, or it ended for another reason.
    ///
    /// # Errors
    ///
    /// When it is not on the disk: the start goes on to count as a death.
    pub fn survived(&mut self, snapshot: &Digest) -> Result<(), StoreError> {
        match self.boots.0.remove(&snapshot.hex()) {
            Some(_) => self.write_boots(),
            None => Ok(()),
        }
    }

    /// Only what can be started from is worth remembering.
    fn write_boots(&mut self) -> Result<(), StoreError> {
        let names = [&self.current, &self.previous].map(|kept| match kept {
            super::Kept::Record(record, _) => Some(record.snapshot.hex()),
            _ => None,
        });
        if names.iter().all(Option::is_some) {
            self.boots.0.retain(|name, _| names.contains(&Some(name.clone())));
        }
        sealed::write(&*self.disk, NAME, NAME, &canonical::encode(&self.boots.0))
    }
}
