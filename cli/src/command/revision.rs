//! Which Git commit is compiled: what the compiler cannot know, and a snapshot's provenance says.

use std::path::Path;
use std::process::{Command, Stdio};

use mesh_compiler::Options;
use mesh_compiler::source::Input;

/// Of the first input, as far as there is a repository, and a Git that reads it.
pub(super) fn of(inputs: &[Input]) -> Options {
    let Some(Input::Path(path)) = inputs.first() else { return Options::default() };
    let folder = if path.is_dir() { path } else { path.parent().unwrap_or(path) };
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    match git(folder, &["rev-parse", "HEAD"]) {
        Some(commit) => {
            let changes = git(folder, &["status", "--porcelain", "--", "."]);
            Options { commit, dirty: changes.is_none_or(|changes| !changes.is_empty()) }
        }
        None => Options::default(),
    }
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
