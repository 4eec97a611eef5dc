//! Which Git commit is compiled: what the compiler cannot know, and a snapshot's provenance says.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use mesh_compiler::source::Input;
use mesh_snapshot::provenance::Provenance;

use crate::render::Paths;
use crate::source::Source;

/// Of the first input, as far as there is a repository, and a Git that reads it.
#[derive(Debug, Default)]
pub(super) struct Revision {
    /// In full; empty: not known.
    commit: String,
    /// Whether files differ from it.
    dirty: bool,
}

impl Revision {
    pub(super) fn of(sources: &[Source]) -> Self {
        let first = sources.first();
        if let Some(commit) = first.and_then(|source| source.commit.clone()) {
            return Self { commit, dirty: false };
        }
        let Some(Input::Path(path)) = first.map(|source| &source.input) else {
            return Self::default();
        };
        let folder = folder_of(path);
        let Some(commit) = git(folder, &["rev-parse", "HEAD"]) else { return Self::default() };
        let changes = git(folder, &["status", "--porcelain", "--", "."]);
        Self { commit, dirty: changes.is_none_or(|changes| !changes.is_empty()) }
    }

    /// Writes it beside a snapshot.
    pub(super) fn note(self, provenance: &mut Provenance) {
        let Self { commit, dirty } = self;
        (provenance.commit, provenance.dirty) = (commit, dirty);
    }
}

/// From where the paths of files are counted.
pub(super) fn paths() -> Paths {
    let here = working_directory();
    let repository = git(&here, &["rev-parse", "--show-toplevel"]).filter(|root| !root.is_empty());
    Paths::new(here, repository.map(PathBuf::from))
}

/// The same for those who read what is printed where they stand, and need not wait for Git.
pub(super) fn paths_from_here() -> Paths {
    Paths::new(working_directory(), None)
}

fn working_directory() -> PathBuf {
    std::env::current_dir().and_then(std::fs::canonicalize).unwrap_or_default()
}

/// The same for a patch of files in `paths`, which is for the repository that the first lies in, if there is one.
pub(super) fn paths_of(paths: &[String]) -> Paths {
    let here = self::paths();
    let first = paths.first().map_or(Path::new("."), Path::new);
    match git(folder_of(first), &["rev-parse", "--show-toplevel"]) {
        Some(root) if !root.is_empty() => here.of_repository(root.into()),
        _ => here,
    }
}

fn folder_of(path: &Path) -> &Path {
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

/// What it prints, unless it fails. Nothing that the repository configures is run.
fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(["-c", "core.fsmonitor=false", "--no-optional-locks"])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then(|| text.trim().to_owned())
}
