//! Which files an environment has, and which of them lie over which.

use std::collections::BTreeMap;

use crate::parse::{Document, Parsed};
use crate::source::{FileId, Role, relative};

/// By file, from 1; what is in the cluster lies below, at 0. What is left out is not in it.
#[derive(Debug)]
pub(super) struct Layers(BTreeMap<FileId, usize>);

impl Layers {
    /// Without paths, all policy lies in one layer.
    pub(super) fn of(parsed: &Parsed, root: &str, paths: Option<&[String]>) -> Self {
        let layer = |role, path: &str| match (role, paths) {
            (Role::Context, _) => Some(0),
            (Role::Project, _) | (Role::Policy, None) => Some(1),
            (Role::Policy, Some(paths)) => {
                Some(1 + paths.iter().rposition(|it| is_below(path, it))?)
            }
        };
        let files = parsed.sources().iter();
        let known = files
            .filter_map(|(id, file)| Some((id, layer(file.role, relative(&file.path, root))?)));
        Self(known.collect())
    }

    pub(super) fn has(&self, file: FileId) -> bool {
        self.0.contains_key(&file)
    }

    /// Whether any file is of the path at `index` and of none behind it.
    pub(super) fn is_used(&self, index: usize) -> bool {
        self.0.values().any(|layer| *layer == index + 1)
    }

    /// Keeps of resources that are called alike those of the highest layer.
    pub(super) fn leave_out_replaced(&self, parsed: &mut Parsed, default_namespace: &str) {
        let layer = |it: &Document| self.0.get(&it.file).copied().unwrap_or_default();
        let mut highest = BTreeMap::new();
        for (_, document) in parsed.documents() {
            let Some(name) = name(document, default_namespace) else { continue };
            let known = highest.entry(name).or_insert(0);
            *known = layer(document).max(*known);
        }
        let is_kept = |document: &Document| {
            name(document, default_namespace)
                .and_then(|name| highest.get(&name))
                .is_none_or(|highest| layer(document) == *highest)
        };
        let kept: Vec<_> = parsed.documents().map(|(_, it)| is_kept(it)).collect();
        if kept.contains(&false) {
            parsed.retain(|id, _| kept.get(id.0 as usize).copied().unwrap_or(true));
        }
    }
}

/// Group, kind, namespace and name. What has no name replaces nothing.
fn name(document: &Document, default_namespace: &str) -> Option<[String; 4]> {
    let identity = &document.identity;
    let name = identity.name.as_deref().filter(|name| !name.is_empty())?;
    let namespace = identity.namespace.as_deref().unwrap_or(default_namespace);
    Some([identity.group(), &identity.kind, namespace, name].map(str::to_owned))
}

/// Whether `path` is `folder` or lies in it; both begin at the root.
pub(super) fn is_below(path: &str, folder: &str) -> bool {
    let parts = |path: &str| -> Vec<String> {
        let parts = path.split('/').filter(|part| !part.is_empty() && *part != ".");
        parts.map(str::to_owned).collect()
    };
    parts(path).starts_with(&parts(folder))
}

#[cfg(test)]
mod tests {
    use super::is_below;

    #[test]
    fn what_lies_in_a_folder_lies_below_it() {
        for (path, folder, is) in [
            ("base/a.yaml", "base", true),
            ("base/a.yaml", "./base/", true),
            ("base/a.yaml", "base/a.yaml", true),
            ("a.yaml", ".", true),
            ("basement/a.yaml", "base", false),
            ("base.yaml", "base", false),
        ] {
            assert_eq!(is_below(path, folder), is, "{path} {folder}");
        }
    }
}
