//! Files that a kustomization names and that are no resources, although they look like some: patches above all.
//!
//! A strategic-merge patch has `apiVersion`, `kind` and a name, and only a part of the rest. Read as a resource it would
//! be half of one, and stand in the repository twice.

use std::collections::BTreeMap;

use super::checks::NOT_A_RESOURCE;
use super::{Content, NodeId, Parsed, Tree, file};
use crate::diagnostic::{Diagnostic, Place};
use crate::source::{FileId, SourceFile};

/// The fields of a kustomization that name files which change or make resources.
const FIELDS: &[(&str, &str)] = &[
    ("patches", "a patch"),
    ("patchesStrategicMerge", "a patch"),
    ("patchesJson6902", "a patch"),
    ("transformers", "a transformer"),
    ("generators", "a generator"),
    ("validators", "a validator"),
    ("configurations", "a configuration of Kustomize"),
    ("replacements", "a replacement"),
    ("configMapGenerator", "the content of a ConfigMap"),
    ("secretGenerator", "the content of a Secret"),
];

/// Takes what such files hold for resources of which no more is known than that they exist; one notice a file.
pub(crate) fn set_patches_aside(parsed: &mut Parsed, out: &mut Vec<Diagnostic>) {
    let mut named = BTreeMap::new();
    for (id, file) in parsed.sources().iter().filter(|(_, file)| is_kustomization(&file.path)) {
        for (path, what) in names(file, id) {
            named.entry(path).or_insert_with(|| (what, file.path.clone()));
        }
    }
    let known = parsed.sources().iter().filter_map(|(id, file)| Some((id, named.get(&file.path)?)));
    let known: BTreeMap<FileId, _> = known.collect();
    if known.is_empty() {
        return;
    }
    let holds: Vec<_> = parsed.documents().map(|(_, it)| it.file).collect();
    for (id, (what, by)) in known.iter().filter(|(id, _)| holds.contains(id)) {
        let message = format!("skipped: this is {what} that `{by}` applies");
        out.push(
            Diagnostic::new(&NOT_A_RESOURCE, Place::File(*id), message)
                .consequence("what it changes is neither checked nor compiled")
                .help("compile what is built of it, as in `kustomize build . | mesh compile -`"),
        );
    }
    parsed.take_for_broken(|document| known.contains_key(&document.file));
}

fn is_kustomization(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    ["kustomization.yaml", "kustomization.yml", "Kustomization"].contains(&name)
}

/// The files that it names, by their paths, and what each is.
fn names(kustomization: &SourceFile, id: FileId) -> Vec<(String, &'static str)> {
    let text = kustomization.text();
    let folder = kustomization.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    for yaml in file::read(text, id).documents.iter().filter(|yaml| yaml.is_whole) {
        let Some(root) = yaml.tree.root() else { continue };
        for (field, what) in FIELDS {
            let Some(entry) = yaml.tree.entry(root, field, text) else { continue };
            let mut texts = Vec::new();
            collect(&yaml.tree, entry.value, text, &mut texts);
            let paths = texts.into_iter().filter_map(|it| joined(folder, it));
            found.extend(paths.map(|path| (path, *what)));
        }
    }
    found
}

/// All texts below a node. What is no path of a file is none that lies there.
fn collect<'a>(tree: &'a Tree, node: NodeId, source: &'a str, out: &mut Vec<&'a str>) {
    if let Content::Text(text) = tree.content(node) {
        out.push(tree.text(text, source));
    }
    for element in tree.elements(node) {
        collect(tree, *element, source, out);
    }
    for entry in tree.entries(node) {
        collect(tree, entry.value, source, out);
    }
}

/// `path` from `folder`, without `.` and `..`; of `key=path`, as generators write it, the path.
fn joined(folder: &str, path: &str) -> Option<String> {
    if path.contains('\n') {
        return None;
    }
    let path = path.split_once('=').map_or(path, |(_, path)| path);
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    let root = if folder.starts_with('/') { "/" } else { "" };
    Some(format!("{root}{}", parts.join("/")))
}

#[cfg(test)]
mod tests {
    use super::joined;
    use crate::testing::{Folder, compiled};

    const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: a, namespace: shop}\n";

    #[test]
    fn a_patch_is_no_second_resource() {
        let folder = Folder::new();
        folder.write(
            "base/a.yaml",
            format!("{SERVICE}spec: {{ports: [{{name: http, port: 80}}]}}\n"),
        );
        folder.write(
            "over/kustomization.yaml",
            "resources: [../base]\npatches:\n- path: ./a.yaml\n- patch: |-\n    - op: remove\n",
        );
        folder.write("over/a.yaml", format!("{SERVICE}spec: {{ports: 5}}\n"));
        let compiled = compiled(folder.path());
        let said: Vec<_> = compiled.findings.iter().map(|it| it.message.as_str()).collect();
        assert_eq!(said.len(), 2, "{said:?}");
        assert!(said[0].starts_with("skipped: this is a patch that `"), "{said:?}");
        assert!(said[1].starts_with("a kustomization is not applied"), "{said:?}");
        assert_eq!(compiled.mesh.count, 1);
    }

    #[test]
    fn paths_are_from_the_kustomization() {
        for (folder, path, expected) in [
            ("a/b", "c.yaml", Some("a/b/c.yaml")),
            ("/a/b", "../c.yaml", Some("/a/c.yaml")),
            ("", "./c.yaml", Some("c.yaml")),
            ("a", "key=c.yaml", Some("a/c.yaml")),
            ("a", "../../c.yaml", None),
        ] {
            assert_eq!(joined(folder, path).as_deref(), expected);
        }
    }
}
