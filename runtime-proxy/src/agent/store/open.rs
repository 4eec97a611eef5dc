//! What a folder says when it is opened.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use mesh_snapshot::canonical;

use super::boots::Boots;
use super::disk::Disk;
use super::objects::{FOLDER, Objects};
use super::sealed::{self, UNFINISHED, Unreadable};
use super::{CURRENT, Kept, MARKS, PREVIOUS, Record, Store};
use crate::agent::trial::Marks;
use crate::agent::walk::walk;

const MARKS_MAX_BYTES: u64 = 1 << 12;

/// What there is to start from.
#[derive(Debug)]
pub struct Found {
    /// The greatest of each that the folder remembers; none: it remembers nothing.
    pub marks: Option<Marks>,
    /// The last one confirmed, then the one before it.
    pub candidates: Vec<Candidate>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// A record that was read. Whether it may be served is to be found out.
#[derive(Clone, Debug)]
pub struct Candidate {
    pub slot: Slot,
    pub record: Record,
    /// All that it needs is there.
    pub complete: bool,
}

/// The place of a record.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Slot {
    Current,
    Previous,
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Current => CURRENT,
            Self::Previous => PREVIOUS,
        })
    }
}

/// A file that tells nothing.
#[derive(Debug, thiserror::Error)]
#[error("{file}: {why}")]
pub struct Problem {
    pub file: &'static str,
    pub why: Unreadable,
}

impl Store {
    /// Opens the folder. What cannot be read of it is told, and is as if it were not there.
    #[must_use]
    pub fn open(disk: Arc<dyn Disk>) -> (Self, Found) {
        remove_unfinished(&*disk);
        let mut problems = Vec::new();
        let mut note = |file, why| problems.push(Problem { file, why });
        let marks = told(read_marks(&*disk), |why| note(MARKS, why));
        let boots = told(Boots::read(&*disk), |why| note("boots", why)).unwrap_or_default();
        let objects = Objects(Arc::clone(&disk));
        let mut candidates = Vec::new();
        let mut slot = |slot, name| match Record::read(&*disk, name) {
            Ok(record) => {
                let walked = walk(record.snapshot, &record.workload, &objects);
                let complete = walked.is_ok();
                candidates.push(Candidate { slot, record: record.clone(), complete });
                match walked {
                    Ok(walk) => Kept::Record(Box::new(record), Arc::new(walk.reach)),
                    Err(_) => Kept::Unknown,
                }
            }
            Err(Unreadable::Absent) => Kept::Nothing,
            Err(why) => {
                note(name, why);
                Kept::Unknown
            }
        };
        let (current, previous) = (slot(Slot::Current, CURRENT), slot(Slot::Previous, PREVIOUS));
        let of_records = candidates.iter().map(|candidate| candidate.record.marks);
        let found = marks.into_iter().chain(of_records).reduce(Marks::max);
        let (pins, preparing) = (BTreeMap::new(), None);
        let in_force = None;
        let store =
            Self { disk, objects, marks, current, previous, in_force, boots, pins, preparing };
        (store, Found { marks: found, candidates, problems })
    }
}

fn read_marks(disk: &dyn Disk) -> Result<Marks, Unreadable> {
    let content = sealed::read(disk, MARKS, MARKS, MARKS_MAX_BYTES)?;
    canonical::decode(&content).map_err(|_| Unreadable::Damaged)
}

/// What was read; why not, unless there was nothing to read.
fn told<T>(read: Result<T, Unreadable>, note: impl FnOnce(Unreadable)) -> Option<T> {
    match read {
        Ok(value) => Some(value),
        Err(Unreadable::Absent) => None,
        Err(why) => {
            note(why);
            None
        }
    }
}

/// What a crash left half written.
fn remove_unfinished(disk: &dyn Disk) {
    for folder in ["", FOLDER] {
        for name in disk.list(folder).unwrap_or_default() {
            if name.ends_with(UNFINISHED) {
                let name = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                let _ = disk.remove(&name);
            }
        }
    }
}
