//! What is in the folder, and which of it is the newest publication.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use mesh_snapshot::Digest;
use mesh_snapshot::container::{self, Bundle, FileError};

use super::verify::{Signers, VerifyError};
use crate::clock;
use crate::problems::Problems;
use crate::world::Stamps;

/// A file that may be rolled out.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Publication {
    pub(super) path: PathBuf,
    pub(super) digest: Digest,
    pub(super) serial: u64,
    /// By which people order what nobody signs; whether a file is another one, its stamp tells.
    modified: SystemTime,
}

pub(super) struct Folder {
    path: PathBuf,
    signers: Signers,
    problems: Problems,
    /// Every file as it was when it was read last; nothing where it cannot be taken. Without a stamp it is read again.
    files: BTreeMap<PathBuf, (Option<Stamps>, Option<Publication>)>,
}

#[derive(Debug, thiserror::Error)]
enum ReadError {
    #[error(transparent)]
    File(#[from] FileError),
    #[error(transparent)]
    Verify(#[from] VerifyError),
}

impl Publication {
    /// The name under which its problems are told.
    pub(super) fn place(&self) -> String {
        place(&self.path)
    }

    /// The newer one is greater.
    fn age(&self, other: &Self) -> Ordering {
        let age = |it: &Self| (it.serial, it.modified);
        age(self).cmp(&age(other)).then_with(|| self.path.cmp(&other.path))
    }
}

fn place(path: &Path) -> String {
    format!("release {}", path.display())
}

impl Folder {
    pub(super) const fn new(path: PathBuf, signers: Signers, problems: Problems) -> Self {
        Self { path, signers, problems, files: BTreeMap::new() }
    }

    /// Reads what has changed, and returns the newest publication; with its content, if that has just been read.
    pub(super) fn scan(&mut self) -> Option<(Publication, Option<Bundle>)> {
        let listed = list(&self.path);
        let found = self.problems.note(&place(&self.path), listed)?;
        for (path, _) in self.files.extract_if(.., |path, _| !found.contains_key(path)) {
            self.problems.resolve(&place(&path));
        }
        let mut newest_read: Option<(Publication, Bundle)> = None;
        for (path, modified) in found {
            // Taken before it is read: what changes meanwhile has another one.
            let stamp = Stamps::of([path.clone()], clock::wall());
            let known = self.files.get(&path).and_then(|(known, _)| known.as_ref());
            if known.is_none() || known != stamp.as_ref() {
                let read = self.read(&path, modified);
                let publication = read.as_ref().map(|(publication, _)| publication.clone());
                self.files.insert(path, (stamp, publication));
                // Of those that follow one another only the newest stays in memory.
                newest_read = newest_read.into_iter().chain(read).max_by(|(a, _), (b, _)| a.age(b));
            }
        }
        let publications = self.files.values().filter_map(|(_, publication)| publication.as_ref());
        let newest = publications.max_by(|a, b| a.age(b))?.clone();
        let read = newest_read.filter(|(publication, _)| *publication == newest);
        Some((newest, read.map(|(_, bundle)| bundle)))
    }

    fn read(&self, path: &Path, modified: SystemTime) -> Option<(Publication, Bundle)> {
        let read = || -> Result<(Publication, Bundle), ReadError> {
            let bundle = container::read_file(path)?;
            let serial = self.signers.verify(&bundle, clock::wall())?;
            let digest = bundle.snapshot.digest();
            Ok((Publication { path: path.to_owned(), digest, serial, modified }, bundle))
        };
        let read = read();
        // Whoever publishes may also clean up, even now.
        if read.is_err() && !path.exists() {
            return None;
        }
        self.problems.note(&place(path), read)
    }
}

/// The files, and when each was changed last. A folder that is not there has none.
fn list(folder: &Path) -> io::Result<BTreeMap<PathBuf, SystemTime>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        entries => entries?,
    };
    let mut files = BTreeMap::new();
    for entry in entries {
        let path = entry?.path();
        if path.extension().is_none_or(|extension| extension != "mesh") {
            continue;
        }
        // It may be gone again: whoever publishes may also clean up.
        let Ok(metadata) = fs::metadata(&path) else { continue };
        files.insert(path, metadata.modified()?);
    }
    Ok(files)
}
