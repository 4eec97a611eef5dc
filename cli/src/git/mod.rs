//! Files of a Git revision, read from the object store: no checkout, and nothing that the repository configures is run.

mod process;
mod tree;

use std::fs;
use std::io::{self, BufRead, Read};
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

    /// A folder with what a compilation reads of `commit` in `paths`, and of where links among it lead to, each below it as
    /// below the root of the repository.
    pub(crate) fn extract(&self, commit: &str, paths: &[PathBuf]) -> Result<TempDir, GitError> {
        let folder = tempfile::Builder::new().prefix("mesh-past-").tempdir()?;
        let listed = run(&self.root, "ls-tree", &["-r", "-z", "--full-tree", commit], &[])?;
        let tree = Tree::read(&listed, |links| self.bodies(links))?;
        let reached = tree.reached(paths);
        for path in &reached.folders {
            fs::create_dir_all(folder.path().join(path))?;
        }
        let objects: Vec<_> = reached.files.values().map(|file| file.object()).collect();
        let mut files = reached.files.iter();
        self.each_body(&objects, |body| match files.next() {
            Some((path, file)) => Ok(file.write(body, path, folder.path())?),
            None => Ok(()),
        })?;
        Ok(folder)
    }

    /// What each of these objects holds.
    fn bodies(&self, objects: &[&str]) -> Result<Vec<Vec<u8>>, GitError> {
        let mut bodies = Vec::with_capacity(objects.len());
        self.each_body(objects, |body| {
            let mut whole = Vec::new();
            body.read_to_end(&mut whole)?;
            bodies.push(whole);
            Ok(())
        })?;
        Ok(bodies)
    }

    /// Hands on what each of these objects holds, one after the other, and holds none of it.
    fn each_body(
        &self,
        objects: &[&str],
        mut take: impl FnMut(&mut dyn Read) -> Result<(), GitError>,
    ) -> Result<(), GitError> {
        if objects.is_empty() {
            return Ok(());
        }
        let wanted = objects.join("\n") + "\n";
        process::read(&self.root, "cat-file", &["--batch"], wanted.as_bytes(), |mut told| {
            for object in objects {
                next_body(&mut told, &mut take)?.ok_or_else(|| GitError::Git {
                    command: "cat-file",
                    error: format!("it does not tell `{object}`"),
                })?;
            }
            Ok(())
        })
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

/// `object type size<LF>bytes<LF>`, as `git cat-file --batch` writes it. What `take` leaves of the bytes is passed over; `None`: this
/// is none, or not all of it.
fn next_body(
    told: &mut impl BufRead,
    take: impl FnOnce(&mut dyn Read) -> Result<(), GitError>,
) -> Result<Option<()>, GitError> {
    let mut head = String::new();
    told.read_line(&mut head)?;
    let size = head.trim_end().rsplit(' ').next().and_then(|size| size.parse().ok());
    let Some(size) = size else { return Ok(None) };
    let mut body = told.by_ref().take(size);
    take(&mut body)?;
    io::copy(&mut body, &mut io::sink())?;
    let is_whole = body.limit() == 0;
    let mut end = [0];
    told.read_exact(&mut end)?;
    Ok((is_whole && end == *b"\n").then_some(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_are_told_apart_by_their_length() {
        let mut told = b"aa blob 3\nx\ny\nbb blob 0\n\ncc blob 2\nzz\ndd missing\n".as_slice();
        let mut body = |length: u64| {
            let mut body = String::new();
            let take = |from: &mut dyn Read| {
                from.take(length).read_to_string(&mut body)?;
                Ok(())
            };
            next_body(&mut told, take).unwrap().map(|()| body)
        };
        assert_eq!(body(9).as_deref(), Some("x\ny"));
        assert_eq!(body(9).as_deref(), Some(""));
        assert_eq!(body(1).as_deref(), Some("z"));
        assert_eq!(body(9), None);
    }
}
