//! What files are called by those who read a format.
//!
//! Tools that run beside the compiler (editors, reviewdog) count from the working directory. Services that show findings
//! beside a commit's lines count from the root of the repository.

use std::path::{Component, Path, PathBuf};

/// From where paths are counted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Paths {
    /// Absolute, without links.
    working_directory: PathBuf,
    /// The root of the Git repository that holds the working directory, if there is one.
    repository: Option<PathBuf>,
}

impl Paths {
    pub(crate) const fn new(working_directory: PathBuf, repository: Option<PathBuf>) -> Self {
        Self { working_directory, repository }
    }

    /// From the working directory; of what lies elsewhere, the path as it was given.
    pub(crate) fn below_here(&self, path: &str) -> String {
        within(&self.working_directory, &self.absolute(path)).unwrap_or_else(|| path.to_owned())
    }

    /// From the root of the repository; without one, from the working directory.
    pub(crate) fn below_root(&self, path: &str) -> String {
        let root = self.repository.as_deref().unwrap_or(&self.working_directory);
        within(root, &self.absolute(path)).unwrap_or_else(|| self.below_here(path))
    }

    /// From the root of the repository, if `path` lies in it.
    pub(crate) fn inside_root(&self, path: &str) -> Option<String> {
        within(self.repository.as_deref()?, &self.absolute(path))
    }

    /// From the root of the repository, or all the way from the file system's, as Git writes it into a patch. `path` is
    /// without links: it is their end that a patch changes.
    pub(crate) fn in_patch(&self, path: &str) -> String {
        self.below_root(path).trim_start_matches('/').to_owned()
    }

    /// From the root of another repository.
    pub(crate) fn of_repository(self, root: PathBuf) -> Self {
        Self { repository: Some(root), ..self }
    }

    /// Without `.` and `..`. Standard input has no path.
    fn absolute(&self, path: &str) -> PathBuf {
        let mut absolute = PathBuf::new();
        if path == "-" {
            return absolute;
        }
        for part in self.working_directory.join(path).components() {
            match part {
                Component::ParentDir => drop(absolute.pop()),
                Component::CurDir => {}
                _ => absolute.push(part),
            }
        }
        absolute
    }
}

/// `path` below `root`, with `/`.
fn within(root: &Path, path: &Path) -> Option<String> {
    let below = path.strip_prefix(root).ok().filter(|_| !root.as_os_str().is_empty())?;
    Some(below.to_string_lossy().replace('\\', "/")).filter(|below| !below.is_empty())
}

/// A path as a relative URI reference: RFC 3986 §3.3, but that `:` is escaped too, so that no part looks like a scheme.
pub(crate) fn uri(path: &str) -> String {
    use std::fmt::Write as _;
    let mut uri = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/!$&'()*+,;=@".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            // Writing into a text does not fail.
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

#[cfg(test)]
mod tests {
    use super::{Paths, uri};

    #[test]
    fn paths_count_from_the_working_directory_or_the_repository() {
        let paths = Paths::new("/repo/policies".into(), Some("/repo".into()));
        for (given, here, root) in [
            ("shop/a.yaml", "shop/a.yaml", "policies/shop/a.yaml"),
            ("../other/a.yaml", "../other/a.yaml", "other/a.yaml"),
            ("/repo/policies/a.yaml", "a.yaml", "policies/a.yaml"),
            ("/elsewhere/a.yaml", "/elsewhere/a.yaml", "/elsewhere/a.yaml"),
            ("-", "-", "-"),
        ] {
            assert_eq!(
                (paths.below_here(given).as_str(), paths.below_root(given).as_str()),
                (here, root)
            );
        }
        assert_eq!(paths.in_patch("/elsewhere/a.yaml"), "elsewhere/a.yaml");
        assert_eq!(
            paths.of_repository("/elsewhere".into()).in_patch("/elsewhere/a.yaml"),
            "a.yaml"
        );
        let alone = Paths::new("/here".into(), None);
        assert_eq!(alone.below_root("./a.yaml"), "a.yaml");
    }

    #[test]
    fn a_uri_is_ascii() {
        assert_eq!(uri("a b/ä:%.yaml"), "a%20b/%C3%A4%3A%25.yaml");
    }
}
