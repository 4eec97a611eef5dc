//! Files of a Git revision, read from the object store: no checkout, and nothing that the repository configures is run.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

#[derive(Debug, thiserror::Error)]
pub(crate) enum GitError {
    #[error("{0}: there is no Git repository here, or no Git that reads it")]
    NoRepository(String),
    #[error("{path}: it does not lie in the repository `{}`", repository.display())]
    Elsewhere { path: String, repository: PathBuf },
    #[error("`{0}` is no revision of the repository")]
    Revision(String),
    #[error("git {command}: {error}")]
    Git { command: &'static str, error: String },
    #[error("a folder for the files of the revision: {0}")]
    Folder(#[from] io::Error),
}

#[derive(Debug)]
pub(crate) struct Repository {
    /// Absolute, without links.
    root: PathBuf,
}

impl Repository {
    /// The one that holds `path`.
    pub(crate) fn of(path: &str) -> Result<Self, GitError> {
        let none = || GitError::NoRepository(path.to_owned());
        let real = fs::canonicalize(path).map_err(|_| none())?;
        let folder = if real.is_dir() { real.as_path() } else { real.parent().ok_or_else(none)? };
        let root = run(folder, "rev-parse", &["--show-toplevel"], &[]).map_err(|_| none())?;
        let root = String::from_utf8_lossy(&root).trim_end_matches('\n').to_owned();
        let root = fs::canonicalize(root).map_err(|_| none())?;
        Ok(Self { root })
    }

    /// The name that a revision's commit always has.
    pub(crate) fn commit(&self, revision: &str) -> Result<String, GitError> {
        let named = format!("{revision}^{{commit}}");
        let arguments = ["--verify", "--quiet", "--end-of-options", &named];
        let commit = run(&self.root, "rev-parse", &arguments, &[])
            .map_err(|_| GitError::Revision(revision.to_owned()))?;
        Ok(String::from_utf8_lossy(&commit).trim().to_owned())
    }

    /// A path below the root of the repository: as it is now, or, where there is none, as it is written.
    pub(crate) fn inside(&self, path: &str) -> Result<PathBuf, GitError> {
        let real = fs::canonicalize(path).or_else(|_| written(path))?;
        let below = real.strip_prefix(&self.root).map(Path::to_owned);
        below.map_err(|_| GitError::Elsewhere {
            path: path.to_owned(),
            repository: self.root.clone(),
        })
    }

    /// A folder with the files of `commit` that lie in `paths`, each below it as below the root of the repository.
    pub(crate) fn extract(&self, commit: &str, paths: &[PathBuf]) -> Result<TempDir, GitError> {
        let folder = tempfile::Builder::new().prefix("mesh-past-").tempdir()?;
        let whole = paths.iter().any(|path| path.as_os_str().is_empty());
        let named: Vec<_> = paths.iter().map(|path| path.to_string_lossy().into_owned()).collect();
        let mut arguments = vec!["-r", "-z", "--full-tree", commit, "--"];
        arguments.extend(named.iter().map(String::as_str).filter(|_| !whole));
        let listed = run(&self.root, "ls-tree", &arguments, &[])?;
        let files: Vec<_> = listed.split(|byte| *byte == 0).filter_map(Listed::read).collect();
        let objects: Vec<_> = files.iter().map(|file| file.object.as_str()).collect();
        let wanted = objects.join("\n") + "\n";
        let bodies = run(&self.root, "cat-file", &["--batch"], wanted.as_bytes())?;
        let links = files.iter().filter(|file| file.is_link).map(|file| file.path.as_path());
        let links: BTreeSet<_> = links.collect();
        let mut rest = bodies.as_slice();
        for file in &files {
            let body = next_body(&mut rest).ok_or_else(|| GitError::Git {
                command: "cat-file",
                error: format!("it does not tell `{}`", file.path.display()),
            })?;
            file.write(body, folder.path(), &links)?;
        }
        Ok(folder)
    }
}

/// The path that `path` would have from the working directory, without `.` and `..`.
fn written(path: &str) -> io::Result<PathBuf> {
    let mut real = fs::canonicalize(".")?;
    for part in Path::new(path).components() {
        match part {
            Component::ParentDir => drop(real.pop()),
            part => real.push(part),
        }
    }
    Ok(real)
}

/// A file or a link of a tree.
struct Listed {
    is_link: bool,
    object: String,
    /// Relative, and without `..`.
    path: PathBuf,
}

impl Listed {
    /// `mode type object<TAB>path`. Submodules hold no files of this repository.
    fn read(line: &[u8]) -> Option<Self> {
        let line = String::from_utf8_lossy(line);
        let (head, path) = line.split_once('\t')?;
        let mut words = head.split(' ');
        let (mode, kind, object) = (words.next()?, words.next()?, words.next()?);
        let path = PathBuf::from(path);
        let is_inside = path.components().all(|part| matches!(part, Component::Normal(_)));
        let is_link = mode == "120000";
        (kind == "blob" && is_inside).then(|| Self { is_link, object: object.to_owned(), path })
    }

    /// A link that may leave the folder would show the present. One that leads nowhere is made in its place, so that of a file of
    /// policy it is said that it cannot be read.
    fn write(&self, body: &[u8], folder: &Path, links: &BTreeSet<&Path>) -> io::Result<()> {
        let path = folder.join(&self.path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        if !self.is_link {
            return fs::write(path, body);
        }
        let target = PathBuf::from(String::from_utf8_lossy(body).into_owned());
        let stays = stays_inside(&self.path, &target, links);
        let target = if stays { target.as_path() } else { Path::new(OUTSIDE) };
        std::os::unix::fs::symlink(target, path)
    }
}

/// Where a link leads that may leave the folder: nothing is ever below what is no folder.
const OUTSIDE: &str = "/dev/null/outside";

/// Whether the link at `path` leads to something in the folder that `path` is relative to.
///
/// It must pass none of the `links` on its way: behind one, `..` is the parent of wherever that leads. It may end at one, which
/// is made only if it stays inside too.
fn stays_inside(path: &Path, target: &Path, links: &BTreeSet<&Path>) -> bool {
    let Some(parent) = path.parent() else { return false };
    if parent.ancestors().any(|folder| links.contains(folder)) {
        return false;
    }
    let step = |mut at: PathBuf, part: Component<'_>| {
        if links.contains(at.as_path()) {
            return None;
        }
        match part {
            Component::ParentDir => at.pop().then_some(at),
            Component::Normal(name) => Some(at.join(name)),
            Component::CurDir => Some(at),
            Component::RootDir | Component::Prefix(_) => None,
        }
    };
    target.components().try_fold(parent.to_owned(), step).is_some()
}

/// `object type size<LF>bytes<LF>`, as `git cat-file --batch` writes it.
fn next_body<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let (head, after) = rest.split_at_checked(end)?;
    let size = std::str::from_utf8(head).ok()?.rsplit(' ').next()?.parse().ok()?;
    let (body, after) = after.get(1..)?.split_at_checked(size)?;
    *rest = after.get(1..)?;
    Some(body)
}

/// What Git prints when it is told `input`.
fn run(
    folder: &Path,
    command: &'static str,
    arguments: &[&str],
    input: &[u8],
) -> Result<Vec<u8>, GitError> {
    let failed = |error: String| GitError::Git { command, error };
    let mut child = Command::new("git")
        .args(["-c", "core.fsmonitor=false", "--no-optional-locks", "--literal-pathspecs", command])
        .args(arguments)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(error.to_string()))?;
    let mut stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        // Git answers while it is asked, so both must be under way.
        scope.spawn(move || {
            if let Some(mut stdin) = stdin.take() {
                // Where it stops reading, its exit code says why.
                let _ = stdin.write_all(input);
            }
        });
        child.wait_with_output()
    });
    let output = output.map_err(|error| failed(error.to_string()))?;
    if output.status.success() {
        Ok(output.stdout)
    } else {
        Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_leave_are_seen() {
        let links = BTreeSet::from([Path::new("d"), Path::new("b/here")]);
        for (path, target, stays) in [
            ("x", "a", true),
            ("c/x", "../a", true),
            ("c/x", "../../a", false),
            ("c/d/e/x", "/etc", false),
            ("x", "b/../../a", false),
            ("d", ".", true),
            ("x", "d", true),
            ("x", "d/a", false),
            ("x.yaml", "d/d/d/../../tmp", false),
            ("b/x", "here/../../../a", false),
            ("d/x", "../a", false),
        ] {
            let stays_here = stays_inside(Path::new(path), Path::new(target), &links);
            assert_eq!(stays_here, stays, "{path} -> {target}");
        }
    }

    #[test]
    fn bodies_are_told_apart_by_their_length() {
        let mut rest = b"aa blob 3\nx\ny\nbb blob 0\n\ncc missing\n".as_slice();
        assert_eq!(next_body(&mut rest), Some(b"x\ny".as_slice()));
        assert_eq!(next_body(&mut rest), Some(b"".as_slice()));
        assert_eq!(next_body(&mut rest), None);
    }
}
