//! What a document is, by what it looks like: a resource, or something that lies beside resources.

use super::checks::{INVALID_LIST, MISPLACED_PROJECT, MISSING_KIND, NOT_A_RESOURCE, PLAIN_TEXT};
use super::document::Identity;
use super::encrypted::{self, Encrypted};
use super::stream::YamlDocument;
use super::unrendered::template;
use super::{Content, Entry, NodeId, Tree, half};
use crate::diagnostic::{Diagnostic, Place};
use crate::source::{FileId, SourceFile, Span};

/// What a YAML document holds.
pub(super) enum Shape {
    /// Nothing, as between two `---`.
    Empty,
    Project,
    Resource(Identity),
    /// Resources, under `items`.
    List(Identity),
    Kustomization,
    /// What says of a folder that it is a Helm chart.
    Chart,
    /// What somebody decrypts first.
    Encrypted(Encrypted),
    /// No YAML until it is rendered: for a notice.
    Template(Box<Diagnostic>),
    /// No resource: what it is, for a notice.
    Other(Box<Diagnostic>),
}

/// A file that is something else as a whole.
pub(super) fn whole_file(file: &SourceFile, id: FileId, stream: &[YamlDocument]) -> Option<Shape> {
    if let Some(notice) = template::of_file(file, id, stream) {
        return Some(Shape::Template(Box::new(notice)));
    }
    let is_whole = stream.iter().all(|yaml| yaml.is_whole);
    let name = name(&file.path);
    match name {
        "kustomization.yaml" | "kustomization.yml" | "Kustomization" => Some(Shape::Kustomization),
        "Chart.yaml" => Some(Shape::Chart),
        // Other tools' JSON has comments and the like; without these words it is not for us.
        _ if !is_whole && is_json(name) && !file.text().contains("\"apiVersion\"") => {
            Some(Shape::Other(Box::new(other(Place::File(id), "is JSON of another kind"))))
        }
        _ => None,
    }
}

/// Of a file, without its folders and without the revision of `git:HEAD:a.yaml`.
fn name(path: &str) -> &str {
    path.rsplit(['/', ':']).next().unwrap_or_default()
}

fn is_json(name: &str) -> bool {
    name.rsplit('.').next().is_some_and(|extension| extension.eq_ignore_ascii_case("json"))
}

/// What the document at `root` is.
pub(super) fn shape(tree: &Tree, root: NodeId, file: &SourceFile, id: FileId) -> Shape {
    let source = file.text();
    let place = Place::text(id, first_token(tree, root, source));
    if let Some(encrypted) = encrypted::read(tree, root, file) {
        return Shape::Encrypted(encrypted);
    }
    let is_resource = |node: &NodeId| {
        ["apiVersion", "kind"].iter().all(|key| tree.entry(*node, key, source).is_some())
    };
    match tree.content(root) {
        Content::Null | Content::Faulty => return Shape::Empty,
        Content::Mapping(_) if tree.entries(root).is_empty() => return Shape::Empty,
        Content::Mapping(_) => {}
        Content::Sequence(_) if is_patch(tree, root, source) => {
            return Shape::Other(Box::new(other(place, "is a JSON patch")));
        }
        Content::Sequence(_) if tree.elements(root).iter().any(is_resource) => {
            return Shape::Other(Box::new(bare_list(place)));
        }
        Content::Sequence(_) => return Shape::Other(Box::new(other(place, "is a list"))),
        Content::Text(text) if tree.text(text, source).trim_start().starts_with("${") => {
            return Shape::Other(Box::new(other(place, "is a placeholder")));
        }
        _ => return Shape::Other(Box::new(plain_text(place))),
    }
    let identity = Identity::read(tree, root, source);
    let has = |key| tree.entry(root, key, source).is_some();
    if identity.kind.is_empty() || identity.api_version.is_empty() {
        let is_resource = half::is_known(&identity)
            || (has("metadata") && has("spec"))
            || misspelt(tree, root, source).count() > 1;
        return Shape::Other(Box::new(if is_resource && !is_values(&file.path) {
            half_a_resource(tree, root, file, id)
        } else if has("kind") && !is_values(&file.path) {
            other(
                place,
                "is no Kubernetes resource: its `kind` is none of Kubernetes' or the mesh's, and it has no `apiVersion`",
            )
        } else if has("apiVersion") && !is_values(&file.path) {
            other(
                place,
                "is no Kubernetes resource: its `apiVersion` is none of Kubernetes' or the mesh's, and it has no `kind`",
            )
        } else if is_project(&file.path) && PROJECT_KEYS.iter().any(|key| has(key)) {
            misplaced(place, name(&file.path))
        } else if is_values(&file.path) {
            other(place, "holds values for a chart")
        } else {
            other(place, "is no Kubernetes resource: it has no `apiVersion` and no `kind`")
        }));
    }
    match identity.group() {
        "kustomize.config.k8s.io" => Shape::Kustomization,
        _ if is_list(tree, root, &identity, source) => Shape::List(identity),
        _ => Shape::Resource(identity),
    }
}

/// Whether a resource stands for others, which it holds under `items`.
pub(super) fn is_list(tree: &Tree, root: NodeId, identity: &Identity, source: &str) -> bool {
    identity.kind.ends_with("List") && tree.entry(root, "items", source).is_some()
}

/// What an item of a list says of itself; those of a `ServiceList` need not say that they are Services.
pub(super) fn item(tree: &Tree, root: NodeId, list: &Identity, source: &str) -> Identity {
    let mut identity = Identity::read(tree, root, source);
    if identity.kind.is_empty() && list.kind.as_ref() != "List" {
        identity.kind = list.kind.strip_suffix("List").unwrap_or_default().into();
        identity.api_version.clone_from(&list.api_version);
    }
    identity
}

/// Keys that are `apiVersion` or `kind` but for the case of their letters, with what they are meant to be.
fn misspelt<'t>(
    tree: &'t Tree,
    root: NodeId,
    source: &'t str,
) -> impl Iterator<Item = (&'t Entry, &'static str)> {
    tree.entries(root).iter().filter_map(|entry| {
        let key = tree.text(entry.key, source);
        let meant = ["apiVersion", "kind"].into_iter().find(|it| it.eq_ignore_ascii_case(key))?;
        (meant != key).then_some((entry, meant))
    })
}

pub(super) fn is_values(path: &str) -> bool {
    let name = name(path);
    let stem = name.split_once(".y").map_or(name, |(stem, _)| stem);
    let mut words = stem.split(['-', '_', '.']);
    stem.starts_with("values") || stem.ends_with("values") || words.any(|word| word == "values")
}

fn is_project(path: &str) -> bool {
    matches!(name(path), "mesh.yaml" | "mesh.yml")
}

/// What stands in the settings of a project. Other programs' files may be called `mesh.yaml` too.
const PROJECT_KEYS: &[&str] = &[
    "lints",
    "meshConfig",
    "trustDomain",
    "clusterDomain",
    "defaultNamespace",
    "inventory",
    "context",
    "environments",
    "ownership",
];

fn misplaced(place: Place, name: &str) -> Diagnostic {
    let help = match name {
        "mesh.yaml" => "name the folder that holds it, and not one above it or the file itself",
        _ => "call it `mesh.yaml`, at the root of the folder that is compiled",
    };
    Diagnostic::new(&MISPLACED_PROJECT, place, "settings of a project that is not compiled here")
        .label("this is `mesh.yaml` only at the root of the folder that is compiled")
        .consequence("none of its settings would be in force")
        .help(help)
}

/// RFC 6902: a list of operations, each with `op` and `path`.
fn is_patch(tree: &Tree, root: NodeId, source: &str) -> bool {
    let elements = tree.elements(root);
    !elements.is_empty()
        && elements.iter().all(|element| {
            ["op", "path"].iter().all(|key| tree.entry(*element, key, source).is_some())
        })
}

/// The first key, or the first character of what is no mapping.
pub(super) fn first_token(tree: &Tree, root: NodeId, source: &str) -> Span {
    tree.entries(root).first().map_or_else(
        || {
            let span = tree.span(root);
            let first = source.get(span.range()).and_then(|text| text.chars().next());
            let length = first.map_or(0, char::len_utf8);
            Span::new(span.start, span.start + u32::try_from(length).unwrap_or_default())
        },
        |entry| entry.key_span,
    )
}

fn half_a_resource(tree: &Tree, root: NodeId, file: &SourceFile, id: FileId) -> Diagnostic {
    let source = file.text();
    let entry = |key| tree.entry(root, key, source);
    let (missing, present) = match (entry("apiVersion"), entry("kind")) {
        (Some(version), None) => ("kind", Some(version)),
        (None, Some(kind)) => ("apiVersion", Some(kind)),
        (Some(version), Some(kind)) => {
            let text = |key| tree.text_at(root, key, source).is_some_and(|text| !text.is_empty());
            if text("kind") { ("apiVersion", Some(version)) } else { ("kind", Some(kind)) }
        }
        (None, None) => ("kind", None),
    };
    let message = format!("this looks like a Kubernetes resource, but has no `{missing}`");
    let said = |span| {
        let found = Diagnostic::new(&MISSING_KIND, Place::text(id, span), message);
        found.consequence("it is not read, so nothing of it takes effect")
    };
    if let Some((entry, meant)) = misspelt(tree, root, source).find(|it| it.1 == missing) {
        return said(entry.key_span).meant(Some(meant), "");
    }
    let span = present.map_or_else(|| first_token(tree, root, source), |entry| entry.key_span);
    said(span).label(format!("there should be a text under `{missing}` beside this"))
}

/// An item of a list that says of itself too little to be read.
pub(super) fn no_item(tree: &Tree, root: NodeId, file: &SourceFile, id: FileId) -> Diagnostic {
    if matches!(tree.content(root), Content::Mapping(_)) {
        return half_a_resource(tree, root, file, id);
    }
    let place = Place::text(id, tree.span(root));
    Diagnostic::new(&INVALID_LIST, place, "an item of a list is no resource")
        .label("should be a mapping with `apiVersion` and `kind`")
        .consequence("it is not read, so nothing of it takes effect")
}

pub(super) fn no_items(place: Place) -> Diagnostic {
    Diagnostic::new(&INVALID_LIST, place, "`items` is no list")
        .label("should be a list of resources")
        .consequence("nothing that stands here is read, so nothing of it takes effect")
}

/// `kubectl` takes none either.
fn bare_list(place: Place) -> Diagnostic {
    Diagnostic::new(&INVALID_LIST, place, "resources stand in a list that has no kind")
        .label("this list")
        .consequence("none of them is read, so nothing of them takes effect")
        .help("write each as a document of its own, with `---` between them, or all under `items` of a resource with `apiVersion: v1` and `kind: List`")
}

fn other(place: Place, what: &str) -> Diagnostic {
    Diagnostic::new(&NOT_A_RESOURCE, place, format!("skipped: this {what}"))
        .consequence("nothing of it takes effect here")
}

/// No program has such a file: it is what is left of one, or was never YAML.
fn plain_text(place: Place) -> Diagnostic {
    Diagnostic::new(&PLAIN_TEXT, place, "this document is plain text, and no resource")
        .label("neither `apiVersion` nor `kind`")
        .consequence("whatever was to stand here does not take effect")
        .help("remove it, or give the file another extension")
}

#[cfg(test)]
mod tests {
    use super::PROJECT_KEYS;
    use crate::api::Project;

    #[test]
    fn all_keys_of_a_project_are_known() {
        let schema = schemars::schema_for!(Project);
        let mut keys: Vec<_> =
            schema.get("properties").unwrap().as_object().unwrap().keys().collect();
        let mut known = PROJECT_KEYS.to_vec();
        keys.sort_unstable();
        known.sort_unstable();
        assert_eq!(keys, known);
    }
}
