//! Whose settings are not in force.

use std::path::{Path, PathBuf};

/// The `mesh.yaml` of the folder in which the first of `paths` lies, up to the root of its Git repository: a part of a project is
/// compiled without the project's settings. None where the path is a folder with settings of its own.
pub(super) fn above(paths: &[String]) -> Option<PathBuf> {
    let path = Path::new(paths.first()?).canonicalize().ok()?;
    let (inner, outer) =
        if path.is_dir() { (Some(&*path), path.parent()?) } else { (None, path.parent()?) };
    let is_root = |folder: &Path| folder.join(".git").exists();
    if inner.is_some_and(|folder| is_root(folder) || folder.join(NAME).is_file()) {
        return None;
    }
    let mut found = None;
    for folder in outer.ancestors() {
        let settings = folder.join(NAME);
        if found.is_none() && settings.is_file() {
            found = Some(settings);
        }
        if is_root(folder) {
            return found;
        }
    }
    // Outside of a repository nobody knows where a project ends.
    None
}

const NAME: &str = "mesh.yaml";

#[cfg(test)]
mod tests {
    use std::fs;

    use super::above;

    #[test]
    fn the_settings_above_are_those_of_the_repository() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("project/shop/own")).unwrap();
        fs::write(root.join("mesh.yaml"), "").unwrap();
        fs::write(root.join("project/mesh.yaml"), "").unwrap();
        fs::write(root.join("project/shop/own/mesh.yaml"), "").unwrap();
        fs::write(root.join("project/shop/a.yaml"), "").unwrap();
        let above = |path: &str| above(&[root.join(path).to_string_lossy().into_owned()]);
        assert_eq!(above("project/shop"), None, "there is no repository");
        fs::create_dir(root.join("project/.git")).unwrap();
        let own = Some(root.join("project/mesh.yaml"));
        assert_eq!((above("project/shop"), above("project/shop/a.yaml")), (own.clone(), own));
        assert_eq!(
            (above("project"), above("project/shop/own"), above("nowhere")),
            (None, None, None)
        );
    }
}
