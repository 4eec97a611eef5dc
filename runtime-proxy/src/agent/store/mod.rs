//! What a proxy knows without anybody: the state folder.
//!
//! ```text
//! marks               numbers that only rise
//! current, previous   records of what was confirmed last, and before that
//! objects/<digest>    what they are made of, each object once
//! boots               how often the proxy died soon after it had started from a record
//! identity            private key, certificate and roots
//! world, secrets      what was last heard of the world, so that what is started from finds its way
//! ```
//! Every file is replaced whole: written beside, synced, renamed, its folder synced. Every file is known by its digest to be
//! what was written: one that is not is as if it were not there, and is said. So after a crash at any moment the folder says
//! what it said before or what it was to say, and what it says is true.
//!
//! A snapshot's objects are stored before it is called prepared, its record when it is confirmed; the record in force before
//! becomes `previous`. Nothing here judges what is read: whoever starts from a record verifies and walks it anew.
//!
//! A [`Store`] lives on a thread of its own ([`Queue`]): a disk that hangs holds up nobody else.

mod disk;
mod sealed;

mod boots;
mod identity;
mod objects;
mod record;
mod world;

mod garbage;
mod open;
mod queue;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use mesh_snapshot::{Digest, canonical};

pub use boots::Boots;
pub use disk::{Disk, Folder, FolderError};
pub use identity::StoredIdentity;
pub use objects::Objects;
pub use open::{Candidate, Found, Problem, Slot};
pub use queue::{Queue, QueueFull};
pub use record::Record;
pub use sealed::Unreadable;
pub use world::Remembered;

use super::trial::Marks;

/// The folders in the state folder.
pub const FOLDERS: [&str; 1] = [objects::FOLDER];

const MARKS: &str = "marks";
const CURRENT: &str = "current";
const PREVIOUS: &str = "previous";

/// What everything under a digest is made of.
pub type Contents = Vec<(Digest, Arc<[u8]>)>;
/// All that a version needs.
pub type Reach = Arc<BTreeSet<Digest>>;

/// Why something is not on the disk.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {name}: {error}")]
pub struct StoreError {
    doing: &'static str,
    name: String,
    error: io::Error,
}

/// The state folder, opened.
pub struct Store {
    disk: Arc<dyn Disk>,
    objects: Objects,
    /// As the file has them.
    marks: Option<Marks>,
    current: Kept,
    previous: Kept,
    /// What was started from or confirmed last: what becomes `previous`.
    in_force: Option<(Record, Reach)>,
    boots: Boots,
    /// What the versions in memory need, by epoch, and what one is being prepared from.
    pins: BTreeMap<u64, Reach>,
    preparing: Option<Reach>,
}

/// What a record's file holds, and what that reaches.
#[derive(Debug)]
enum Kept {
    Nothing,
    /// Until it is replaced, nothing can be called garbage.
    Unknown,
    Record(Box<Record>, Reach),
}

impl Store {
    /// Reads objects, from any thread.
    #[must_use]
    pub fn objects(&self) -> Objects {
        self.objects.clone()
    }

    /// Stores what a version is made of, as far as it was not there, before it is called prepared.
    ///
    /// # Errors
    ///
    /// When some of it is not on the disk. Nothing else has changed.
    pub fn put(&mut self, reach: &Reach, contents: &Contents) -> Result<(), StoreError> {
        self.preparing = Some(Arc::clone(reach));
        let written = self.objects.write(contents);
        if matches!(&written, Err(error) if error.error.kind() == io::ErrorKind::StorageFull) {
            self.collect_garbage();
            return self.objects.write(contents);
        }
        written
    }

    /// Nobody waits for what was being prepared.
    pub fn give_up(&mut self) {
        self.preparing = None;
        self.collect_garbage();
    }

    /// What the versions in memory need, by epoch: that stays, whatever the records say.
    pub fn pin(&mut self, pins: BTreeMap<u64, Reach>) {
        let fewer = self.pins.keys().any(|epoch| !pins.contains_key(epoch));
        self.pins = pins;
        if fewer {
            self.collect_garbage();
        }
    }

    /// Makes `record` what the next start begins with, and `marks` what it goes on from. `contents` are objects of it that could not
    /// be stored before.
    ///
    /// # Errors
    ///
    /// When it is not all on the disk. To do it again is harmless.
    pub fn save(
        &mut self,
        marks: Marks,
        record: Option<(Record, Reach)>,
        contents: &Contents,
    ) -> Result<(), StoreError> {
        self.save_marks(marks)?;
        let Some((record, reach)) = record else { return Ok(()) };
        if self.current.holds(&record) {
            return Ok(());
        }
        if !contents.is_empty() {
            self.objects.write(contents)?;
        }
        if let Some((before, its_reach)) = self.in_force.clone()
            && before.snapshot != record.snapshot
            && !self.previous.holds(&before)
        {
            write_record(&*self.disk, PREVIOUS, &mut self.previous, before, its_reach)?;
        }
        let kept = (record.clone(), Arc::clone(&reach));
        write_record(&*self.disk, CURRENT, &mut self.current, record, reach)?;
        self.in_force = Some(kept);
        self.collect_garbage();
        Ok(())
    }

    /// As the disk has them, as far as is known.
    #[must_use]
    pub const fn marks(&self) -> Option<Marks> {
        self.marks
    }

    /// # Errors
    ///
    /// When they are not on the disk.
    pub fn save_marks(&mut self, marks: Marks) -> Result<(), StoreError> {
        if self.marks != Some(marks) {
            self.marks = None;
            sealed::write(&*self.disk, MARKS, MARKS, &canonical::encode(&marks))?;
            self.marks = Some(marks);
        }
        Ok(())
    }

    /// What `candidate` needs is served from now on.
    pub fn started_from(&mut self, candidate: &Candidate, reach: Reach) {
        self.pins.insert(candidate.record.epoch, Arc::clone(&reach));
        self.in_force = Some((candidate.record.clone(), reach));
    }
}

/// Until it has succeeded, the file may hold either record.
fn write_record(
    disk: &dyn Disk,
    name: &str,
    slot: &mut Kept,
    record: Record,
    reach: Reach,
) -> Result<(), StoreError> {
    *slot = Kept::Unknown;
    record.write(disk, name)?;
    *slot = Kept::Record(Box::new(record), reach);
    Ok(())
}

impl Kept {
    fn holds(&self, record: &Record) -> bool {
        matches!(self, Self::Record(kept, _) if **kept == *record)
    }
}
