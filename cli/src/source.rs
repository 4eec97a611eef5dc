//! What a user names on the command line: a file, a folder, standard input, or one of these as it was at a Git revision.

use std::path::Path;

use mesh_compiler::source::Input;
use tempfile::TempDir;

use crate::git::{GitError, Repository};

/// Something to compile. Its files are there for as long as it lives.
#[derive(Debug)]
pub(crate) struct Source {
    pub input: Input,
    /// Of a revision.
    pub commit: Option<String>,
    _folder: Option<TempDir>,
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum SourceError {
    #[error(transparent)]
    Git(#[from] GitError),
    #[error("`{path}` is not there at `{revision}`")]
    NotThere { path: String, revision: String },
}

/// `git:REVISION` is the working directory as it was then, and `git:REVISION:PATH` what lies there.
const GIT: &str = "git:";

impl Source {
    pub(crate) fn open(named: &str) -> Result<Self, SourceError> {
        let Some(named) = named.strip_prefix(GIT) else {
            return Ok(Self { input: Input::from(named), commit: None, _folder: None });
        };
        let (revision, path) = named.split_once(':').unwrap_or((named, ""));
        let path = if path.is_empty() { "." } else { path };
        let repository = Repository::of(".")?;
        let commit = repository.commit(revision)?;
        let inside = repository.inside(path)?;
        let folder = repository.extract(&commit, std::slice::from_ref(&inside))?;
        let place = folder.path().join(inside);
        if !place.exists() {
            let (path, revision) = (path.to_owned(), revision.to_owned());
            return Err(SourceError::NotThere { path, revision });
        }
        let below = if path == "." { "" } else { path };
        let name = format!("{GIT}{revision}:{below}");
        let input = Input::Called { path: place, name };
        Ok(Self { input, commit: Some(commit), _folder: Some(folder) })
    }

    /// The path that is named, at whatever revision.
    pub(crate) fn path(named: &str) -> &str {
        let Some(at_revision) = named.strip_prefix(GIT) else { return named };
        match at_revision.split_once(':') {
            Some((_, path)) if !path.is_empty() => path,
            _ => ".",
        }
    }

    /// Whether a revision is named.
    pub(crate) fn is_past(named: &str) -> bool {
        named.starts_with(GIT)
    }

    /// Whether there is anything of that name.
    pub(crate) fn exists(named: &str) -> bool {
        Self::is_past(named) || Path::new(named).exists()
    }
}
