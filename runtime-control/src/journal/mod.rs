//! What the rollout has decided, on disk before it is done.
//!
//! One file that only grows, by a batch of records at a time, a lock beside it, and now and then a shorter file in its place. A record is acknowledged when
//! it, with its batch, and the name of the file it stands in, are synced. After an error nothing is assumed about the file: the next try
//! opens it anew and cuts it back to what was acknowledged.

mod frame;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::rollout::Record;
use frame::Frame;

/// A record, and when it was made: milliseconds since 1970, for people.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    pub at: u64,
    pub record: Record,
}

/// Why a journal cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// Perhaps later.
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    #[error("{} is in use by another control runtime", .0.display())]
    InUse(PathBuf),
    /// Somebody must look: what was acknowledged may stand behind the damage. Without the file the control runtime begins anew, and
    /// learns epochs and terms from the proxies.
    #[error("{} is damaged at byte {at}: move it away to begin without it", path.display())]
    Damaged { path: PathBuf, at: u64 },
    #[error("{} holds a record of another version at byte {at}: {reason}", path.display())]
    Unknown { path: PathBuf, at: u64, reason: String },
    #[error("records of one step are larger than {} bytes", frame::PAYLOAD_MAX_BYTES)]
    TooLarge,
}

#[derive(Debug)]
pub struct Journal {
    path: PathBuf,
    /// Held as long as the journal is.
    _lock: File,
    /// None after an error.
    file: Option<File>,
    /// Up to here everything was acknowledged.
    length: u64,
    entries: usize,
}

/// When a journal is worth compacting, and how much of its past is kept for people.
const COMPACT_AT_ENTRIES: usize = 4096;
pub const KEPT_ENTRIES: usize = 256;

impl Journal {
    /// Opens the journal in `folder`, or begins one, and reads it. A torn batch at the end is cut off.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is damaged, or another process has it.
    pub fn open(folder: &Path) -> Result<(Self, Vec<Entry>), JournalError> {
        let path = folder.join("journal");
        let io = |error| JournalError::Io { path: path.clone(), error };
        fs::create_dir_all(folder).map_err(io)?;
        let lock = lock(&folder.join("lock"))?;
        let mut file = open(&path).map_err(io)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(io)?;
        let (entries, length) = read(&path, &bytes)?;
        if length < bytes.len() as u64 {
            let torn = bytes.len() as u64 - length;
            tracing::warn!(path = %path.display(), bytes = torn, "cut a torn batch off the journal");
            file.set_len(length).and_then(|()| file.sync_all()).map_err(io)?;
        }
        sync_folder(folder).map_err(io)?;
        let journal = Self { path, _lock: lock, file: Some(file), length, entries: entries.len() };
        Ok((journal, entries))
    }

    /// Writes more entries; they are on disk when this returns. After a crash before that there are all of them, or none.
    ///
    /// # Errors
    ///
    /// When the file system refuses. Nothing was acknowledged then, and it may be tried again.
    pub fn append(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        let frames = encode(entries)?;
        let written = self.write(&frames);
        if written.is_err() {
            self.file = None;
        }
        written.map_err(|error| JournalError::Io { path: self.path.clone(), error })?;
        self.length += frames.len() as u64;
        self.entries += entries.len();
        Ok(())
    }

    fn write(&mut self, frames: &[u8]) -> io::Result<()> {
        if self.file.is_none() {
            self.reopen()?;
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        file.seek(SeekFrom::Start(self.length))?;
        file.write_all(frames)?;
        file.sync_data()
    }

    fn reopen(&mut self) -> io::Result<()> {
        let file = open(&self.path)?;
        file.set_len(self.length)?;
        sync_folder(self.path.parent().unwrap_or(Path::new(".")))?;
        self.file = Some(file);
        Ok(())
    }

    #[must_use]
    pub const fn is_long(&self) -> bool {
        self.entries >= COMPACT_AT_ENTRIES
    }

    /// Puts `entries` in place of all that was written so far.
    ///
    /// # Errors
    ///
    /// When the file system refuses; the journal is then as it was.
    pub fn replace(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        let bytes = encode_each(entries)?;
        let new = self.path.with_extension("new");
        let io = |error| JournalError::Io { path: new.clone(), error };
        write_new(&new, &bytes).map_err(io)?;
        fs::rename(&new, &self.path).map_err(io)?;
        // From here on it is the journal. It is opened, and its name synced, before anything is written to it.
        self.file = None;
        self.length = bytes.len() as u64;
        self.entries = entries.len();
        self.reopen().map_err(io)
    }
}

/// As one batch.
fn encode(entries: &[Entry]) -> Result<Vec<u8>, JournalError> {
    let payload = serde_json::to_vec(entries)
        .unwrap_or_else(|error| unreachable!("records are JSON: {error}"));
    frame::encode(&payload).ok_or(JournalError::TooLarge)
}

/// Each by itself, for a file that is whole before anybody reads it: all together may be too large for a batch.
fn encode_each(entries: &[Entry]) -> Result<Vec<u8>, JournalError> {
    let mut frames = Vec::new();
    for entry in entries {
        frames.extend(encode(std::slice::from_ref(entry))?);
    }
    Ok(frames)
}

fn read(path: &Path, bytes: &[u8]) -> Result<(Vec<Entry>, u64), JournalError> {
    let mut entries = Vec::new();
    let mut rest = bytes;
    loop {
        let at = (bytes.len() - rest.len()) as u64;
        match frame::decode(rest) {
            Frame::Whole(payload, after) => {
                entries.extend(batch(payload).map_err(|error| {
                    let (path, reason) = (path.to_owned(), error.to_string());
                    JournalError::Unknown { path, at, reason }
                })?);
                rest = after;
            }
            Frame::Torn | Frame::End => return Ok((entries, at)),
            Frame::Damaged => return Err(JournalError::Damaged { path: path.to_owned(), at }),
        }
    }
}

/// Versions before this one wrote each record by itself, and not as a list of one.
fn batch(payload: &[u8]) -> serde_json::Result<Vec<Entry>> {
    if payload.starts_with(b"[") {
        serde_json::from_slice(payload)
    } else {
        serde_json::from_slice(payload).map(|entry| vec![entry])
    }
}

fn lock(path: &Path) -> Result<File, JournalError> {
    let io = |error| JournalError::Io { path: path.to_owned(), error };
    let file = open(path).map_err(io)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(fs::TryLockError::WouldBlock) => Err(JournalError::InUse(path.to_owned())),
        Err(fs::TryLockError::Error(error)) => Err(io(error)),
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(term: u64) -> Entry {
        Entry { at: term, record: Record::Reigned { term } }
    }

    fn written(folder: &Path) -> Vec<Entry> {
        Journal::open(folder).unwrap().1
    }

    #[test]
    fn what_was_appended_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, before) = Journal::open(folder.path()).unwrap();
        assert!(before.is_empty());
        journal.append(&[entry(1)]).unwrap();
        journal.append(&[entry(2), entry(3)]).unwrap();
        drop(journal);
        assert_eq!(written(folder.path()), [entry(1), entry(2), entry(3)]);
    }

    #[test]
    fn a_torn_batch_is_cut_off_whole_and_written_over() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(folder.path()).unwrap();
        journal.append(&[entry(1)]).unwrap();
        journal.append(&[entry(2), entry(3)]).unwrap();
        drop(journal);
        let path = folder.path().join("journal");
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 3]).unwrap();
        let (mut journal, entries) = Journal::open(folder.path()).unwrap();
        assert_eq!(entries, [entry(1)]);
        journal.append(&[entry(4)]).unwrap();
        drop(journal);
        assert_eq!(written(folder.path()), [entry(1), entry(4)]);
    }

    #[test]
    fn a_journal_of_an_earlier_version_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let record = serde_json::to_vec(&entry(1)).unwrap();
        fs::write(folder.path().join("journal"), frame::encode(&record).unwrap()).unwrap();
        let (mut journal, entries) = Journal::open(folder.path()).unwrap();
        assert_eq!(entries, [entry(1)]);
        journal.append(&[entry(2)]).unwrap();
        drop(journal);
        assert_eq!(written(folder.path()), [entry(1), entry(2)]);
    }

    #[test]
    fn damage_is_reported_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(folder.path()).unwrap();
        journal.append(&[entry(1)]).unwrap();
        journal.append(&[entry(2)]).unwrap();
        drop(journal);
        let path = folder.path().join("journal");
        let mut bytes = fs::read(&path).unwrap();
        bytes[20] ^= 1;
        fs::write(&path, bytes).unwrap();
        let error = Journal::open(folder.path()).unwrap_err();
        assert!(matches!(error, JournalError::Damaged { at: 0, .. }), "{error}");
    }

    #[test]
    fn a_journal_has_one_writer() {
        let folder = tempfile::tempdir().unwrap();
        let _journal = Journal::open(folder.path()).unwrap();
        let error = Journal::open(folder.path()).unwrap_err();
        assert!(matches!(error, JournalError::InUse(_)), "{error}");
    }

    #[test]
    fn an_error_is_reported_and_leaves_what_was_acknowledged() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(folder.path()).unwrap();
        journal.append(&[entry(1)]).unwrap();
        // A file that cannot be written to stands in for a full disk.
        journal.file = Some(File::open(&journal.path).unwrap());
        assert!(matches!(journal.append(&[entry(2)]), Err(JournalError::Io { .. })));
        journal.append(&[entry(3)]).unwrap();
        drop(journal);
        assert_eq!(written(folder.path()), [entry(1), entry(3)]);
    }

    #[test]
    fn a_shorter_journal_takes_the_place_of_a_long_one() {
        let folder = tempfile::tempdir().unwrap();
        let (mut journal, _) = Journal::open(folder.path()).unwrap();
        for term in 1..=5 {
            journal.append(&[entry(term)]).unwrap();
        }
        journal.replace(&[entry(5)]).unwrap();
        journal.append(&[entry(6)]).unwrap();
        drop(journal);
        assert_eq!(written(folder.path()), [entry(5), entry(6)]);
    }
}
