//! The shop's policy: a copy that the tour may edit.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Path and content of every file of `policies/bookinfo`.
macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$(($path, include_str!(concat!("../../../policies/bookinfo/", $path)))),*]
    };
}

const FILES: &[(&str, &str)] = files![
    "mesh.yaml",
    "mesh/ingress.yaml",
    "mesh/mtls.yaml",
    "mesh/namespace.yaml",
    "partner/card-network.yaml",
    "partner/namespace.yaml",
    "payments/namespace.yaml",
    "payments/payment.yaml",
    "shop/details.yaml",
    "shop/frontpage.yaml",
    "shop/namespace.yaml",
    "shop/ratings.yaml",
    "shop/reviews.yaml",
];

#[derive(Debug)]
pub(crate) struct Repository {
    folder: PathBuf,
}

/// A change that an author might make: this text, which stands there once, becomes that one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Edit {
    pub file: &'static str,
    pub from: &'static str,
    pub to: &'static str,
}

impl Repository {
    /// # Errors
    ///
    /// When `folder` cannot be written to.
    pub(crate) fn copy_to(folder: &Path) -> io::Result<Self> {
        for (path, text) in FILES {
            let path = folder.join(path);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(path, text)?;
        }
        Ok(Self { folder: folder.to_owned() })
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// # Errors
    ///
    /// When the file cannot be written, or does not hold the text exactly once.
    pub(crate) fn edit(&self, edit: &Edit) -> io::Result<()> {
        let path = self.folder.join(edit.file);
        let text = fs::read_to_string(&path)?;
        if text.matches(edit.from).count() != 1 {
            let what = format!("{} does not say `{}` once", edit.file, edit.from);
            return Err(io::Error::other(what));
        }
        fs::write(path, text.replace(edit.from, edit.to))
    }

    /// Takes an edit back.
    ///
    /// # Errors
    ///
    /// As [`Self::edit`].
    pub(crate) fn restore(&self, edit: &Edit) -> io::Result<()> {
        self.edit(&Edit { from: edit.to, to: edit.from, ..*edit })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn walk(folder: &Path, root: &Path, found: &mut BTreeSet<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, root, found);
            } else {
                found.insert(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned());
            }
        }
    }

    #[test]
    fn every_file_of_the_repository_is_in_the_executable() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/bookinfo");
        let mut found = BTreeSet::new();
        walk(&root, &root, &mut found);
        let own: BTreeSet<_> = FILES.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(own, found);
    }

    #[test]
    fn an_edit_is_made_where_it_was_meant_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let repository = Repository::copy_to(folder.path()).unwrap();
        let before = fs::read_to_string(folder.path().join("shop/reviews.yaml")).unwrap();
        let edit = Edit { file: "shop/reviews.yaml", from: "weight: 90", to: "weight: 80" };
        repository.edit(&edit).unwrap();
        assert!(repository.edit(&edit).is_err(), "it is not there any more");
        repository.restore(&edit).unwrap();
        assert_eq!(fs::read_to_string(folder.path().join("shop/reviews.yaml")).unwrap(), before);
        assert!(repository.edit(&Edit { from: "version: v1", ..edit }).is_err(), "twice");
    }
}
