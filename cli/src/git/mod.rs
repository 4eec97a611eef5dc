//! Files of a Git revision, read from the object store: no checkout, and nothing that the repository configures is run.

mod process;
mod tree;

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use tempfile::TempDir;

use tree::Tree;

pub(crate) use process::run;

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

    /// A folder with the files of `commit` that lie in `paths`, and with those that links among them lead to, each below it as
    /// below the root of the repository.
    pub(crate) fn extract(&self, commit: &str, paths: &[PathBuf]) -> Result<TempDir, GitError> {
        let folder = tempfile::Builder::new().prefix("mesh-past-").tempdir()?;
        let listed = run(&self.root, "ls-tree", &["-r", "-z", "--full-tree", commit], &[])?;
        let tree = Tree::read(&listed, |links| self.bodies(links))?;
        let files: Vec<_> = tree.reached(paths).into_iter().collect();
        let objects: Vec<_> = files.iter().map(|(_, file)| file.object()).collect();
        for ((path, file), body) in files.into_iter().zip(self.bodies(&objects)?) {
            file.write(&body, path, folder.path())?;
        }
        Ok(folder)
    }

    /// What each of these objects holds.
    fn bodies(&self, objects: &[&str]) -> Result<Vec<Vec<u8>>, GitError> {
        if objects.is_empty() {
            return Ok(Vec::new());
        }
        let wanted = objects.join("\n") + "\n";
        let told = run(&self.root, "cat-file", &["--batch"], wanted.as_bytes())?;
        let mut rest = told.as_slice();
        let body = |object: &&str| {
            next_body(&mut rest).map(<[u8]>::to_owned).ok_or_else(|| GitError::Git {
                command: "cat-file",
                error: format!("it does not tell `{object}`"),
            })
        };
        objects.iter().map(body).collect()
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

/// `object type size<LF>bytes<LF>`, as `git cat-file --batch` writes it.
fn next_body<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let end = rest.iter().position(|byte| *byte == b'\n')?;
    let (head, after) = rest.split_at_checked(end)?;
    let size = std::str::from_utf8(head).ok()?.rsplit(' ').next()?.parse().ok()?;
    let (body, after) = after.get(1..)?.split_at_checked(size)?;
    *rest = after.get(1..)?;
    Some(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_told_apart_by_their_length() {
        let mut rest = b"aa blob 3\nx\ny\nbb blob 0\n\ncc missing\n".as_slice();
        assert_eq!(next_body(&mut rest), Some(b"x\ny".as_slice()));
        assert_eq!(next_body(&mut rest), Some(b"".as_slice()));
        assert_eq!(next_body(&mut rest), None);
    }
}
