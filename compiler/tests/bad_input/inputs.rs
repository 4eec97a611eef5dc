//! Files that are right, or wrong in a way that is known.

use std::fs;
use std::path::Path;

pub(crate) struct File {
    /// For messages, and the path in a repository.
    pub(crate) name: String,
    pub(crate) text: String,
}

/// The repository that everybody starts from.
pub(crate) fn policies() -> Vec<File> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../policies/bookinfo");
    let mut files = Vec::new();
    collect(&root, &root, &mut files);
    files.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(files.len() > 10, "the policies are there");
    files
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<File>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap().display().to_string();
            files.push(File { name, text: fs::read_to_string(&path).unwrap() });
        }
    }
}

/// The examples of all checks; those that need more than one plain file are left out.
pub(crate) fn examples() -> Vec<File> {
    let mut files = Vec::new();
    for check in mesh_compiler::checks() {
        let mut rest = check.docs;
        while let Some((_, after)) = rest.split_once("```yaml ") {
            let Some((verdict, after)) = after.split_once('\n') else { break };
            let Some((text, after)) = after.split_once("```") else { break };
            rest = after;
            let has_directives = ["# file: ", "# link: ", "# bytes: ", "# sparse: "]
                .iter()
                .any(|it| text.contains(it));
            if !has_directives && !text.contains('…') {
                let name = format!("{}-{verdict}.yaml", check.name);
                files.push(File { name, text: text.to_owned() });
            }
        }
    }
    assert!(files.len() > 100, "the examples are there");
    files
}
