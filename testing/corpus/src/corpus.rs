//! Files of a corpus.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

/// Why a corpus cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum CorpusError {
    #[error("{}: {error}", path.display())]
    Io { path: PathBuf, error: io::Error },
    /// The file does not have the form that its group has.
    #[error("{}: {error}", path.display())]
    Form { path: PathBuf, error: serde_json::Error },
    /// It has the form, and cannot be used.
    #[error("{}: {reason}", path.display())]
    Unusable { path: PathBuf, reason: String },
}

pub(crate) fn text(path: &Path) -> Result<String, CorpusError> {
    fs::read_to_string(path).map_err(|error| CorpusError::Io { path: path.to_owned(), error })
}

pub(crate) fn json<T: DeserializeOwned>(path: &Path) -> Result<T, CorpusError> {
    serde_json::from_str(&text(path)?)
        .map_err(|error| CorpusError::Form { path: path.to_owned(), error })
}

/// A value a line.
pub(crate) fn json_lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, CorpusError> {
    let text = text(path)?;
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines
        .map(|line| {
            serde_json::from_str(line)
                .map_err(|error| CorpusError::Form { path: path.to_owned(), error })
        })
        .collect()
}

/// What a folder holds, by name.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>, CorpusError> {
    let failed = |error| CorpusError::Io { path: folder.to_owned(), error };
    let read = fs::read_dir(folder).map_err(failed)?;
    let mut paths =
        read.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>().map_err(failed)?;
    paths.sort();
    Ok(paths)
}

/// The folders in a folder, by name.
pub(crate) fn folders(folder: &Path) -> Result<Vec<PathBuf>, CorpusError> {
    Ok(entries(folder)?.into_iter().filter(|path| path.is_dir()).collect())
}

/// The last part of a path.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
