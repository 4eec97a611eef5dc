//! Which Git commit is compiled: what the compiler cannot know, and a snapshot's provenance says.

use std::path::{Path, PathBuf};

use mesh_compiler::source::{EXTENSIONS, Input, NAMES};
use mesh_snapshot::provenance::Provenance;

use crate::render::Paths;
use crate::source::Source;

/// Of the first input, as far as there is a repository, and a Git that reads it; the others may differ from it.
#[derive(Debug, Default)]
pub(super) struct Revision {
    /// In full; empty: not known.
    commit: String,
    /// Whether files differ from it.
    dirty: bool,
}

impl Revision {
    /// Of all that is read: `context` is, too.
    pub(super) fn of(sources: &[Source], context: &[Input]) -> Self {
        let inputs = sources.iter().map(|source| (source.commit.as_deref(), &source.input));
        let mut inputs = inputs.chain(context.iter().map(|input| (None, input)));
        let commit = match inputs.clone().next() {
            Some((Some(commit), _)) => Some(commit.to_owned()),
            Some((None, Input::Path(path))) => head(path),
            _ => None,
        };
        let Some(commit) = commit else { return Self::default() };
        let is_of_it = |(past, input): (Option<&str>, &Input)| match (past, input) {
            (Some(past), _) => past == commit,
            (None, Input::Path(path)) => head(path).as_ref() == Some(&commit) && is_clean(path),
            (None, _) => false,
        };
        let dirty = !inputs.all(is_of_it);
        Self { commit, dirty }
    }

    /// Writes it beside a snapshot.
    pub(super) fn note(self, provenance: &mut Provenance) {
        let Self { commit, dirty } = self;
        (provenance.commit, provenance.dirty) = (commit, dirty);
    }
}

/// The commit that is checked out where a path leads to.
fn head(path: &Path) -> Option<String> {
    git(folder_of(path), "rev-parse", &["HEAD"])
}

/// What is read of a folder, as patterns of Git's. Whether Git ignores it is not asked.
fn read_of_folder() -> Vec<String> {
    let extensions = EXTENSIONS.iter().map(|it| format!(":(glob,icase)**/*.{it}"));
    let names = NAMES.iter().map(|it| format!(":(glob)**/{it}"));
    let hidden = ["**/.*", "**/.*/**"].map(|it| format!(":(glob,exclude){it}"));
    extensions.chain(names).chain(hidden).collect()
}

/// Whether everything that is read there is as the commit has it.
fn is_clean(path: &Path) -> bool {
    let file = path.file_name().filter(|_| !path.is_dir());
    let file = file.map(|name| vec![format!(":(literal){}", name.to_string_lossy())]);
    let read = file.unwrap_or_else(read_of_folder);
    let read: Vec<_> = read.iter().map(String::as_str).collect();
    // Of folders that are ignored, too, each file is looked at.
    let status: &[&str] = &["--porcelain", "--ignored", "--untracked-files=all", "--"];
    let changes = git(folder_of(path), "status", &[status, read.as_slice()].concat());
    changes.is_some_and(|changes| changes.is_empty())
}

/// From where the paths of files are counted.
pub(super) fn paths() -> Paths {
    let here = working_directory();
    let repository = git(&here, "rev-parse", &["--show-toplevel"]).filter(|root| !root.is_empty());
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
    match git(folder_of(first), "rev-parse", &["--show-toplevel"]) {
        Some(root) if !root.is_empty() => here.of_repository(root.into()),
        _ => here,
    }
}

fn folder_of(path: &Path) -> &Path {
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
    if folder.as_os_str().is_empty() { Path::new(".") } else { folder }
}

/// What Git prints, unless it fails.
fn git(folder: &Path, command: &'static str, arguments: &[&str]) -> Option<String> {
    let printed = crate::git::run(folder, command, arguments, &[]).ok()?;
    String::from_utf8(printed).ok().map(|text| text.trim().to_owned())
}
