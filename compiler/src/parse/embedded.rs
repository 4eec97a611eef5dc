//! Documents inside of documents: the mesh configuration and its networks, which Istio keeps as texts in a `ConfigMap`, and what makes
//! such a `ConfigMap`.
//!
//! The inner document's spans are those of the outer file, so that a diagnostic names the line that is wrong.

use std::sync::Arc;

use super::document::Identity;
use super::stream;
use super::tree::{Content, NodeId, Tree};
use super::{Document, TreeId};
use crate::diagnostic::{Diagnostic, Edit, Place};
use crate::source::{FileId, SourceFile, Span};

/// The kind under which the mesh configuration is decoded, wherever it was found.
pub const MESH_CONFIG: &str = "MeshConfig";
/// The same for the networks that the mesh spans.
pub const MESH_NETWORKS: &str = "MeshNetworks";

/// The keys of the `ConfigMap` under which they stand.
const KEYS: &[(&str, &str)] = &[("mesh", MESH_CONFIG), ("meshNetworks", MESH_NETWORKS)];

/// What a `ConfigMap` named `istio` or `istio-<revision>` holds.
pub(super) fn documents(
    tree: &Tree,
    document: &Document,
    file: &SourceFile,
    out: &mut Vec<Diagnostic>,
) -> Vec<(Document, Tree)> {
    let name = document.identity.name.as_deref().unwrap_or_default();
    let is_istio = name == "istio" || name.starts_with("istio-");
    if &*document.identity.kind != "ConfigMap" || !is_istio {
        return Vec::new();
    }
    KEYS.iter().filter_map(|(key, kind)| embedded(tree, document, key, kind, file, out)).collect()
}

fn embedded(
    tree: &Tree,
    document: &Document,
    key: &str,
    kind: &str,
    file: &SourceFile,
    out: &mut Vec<Diagnostic>,
) -> Option<(Document, Tree)> {
    let source = file.text();
    let data = tree.entry(document.root, "data", source)?.value;
    let outer = tree.entry(data, key, source)?.value;
    let Content::Text(text) = tree.content(outer) else { return None };
    let inner = parse(tree.text(text, source), outer, tree, file, document, out)?;
    let identity = Identity { kind: kind.into(), ..Identity::clone(&document.identity) };
    let (root, identity) = (inner.root()?, Arc::new(identity));
    Some((Document { file: document.file, tree: TreeId(0), root, identity }, inner))
}

/// The mesh configuration that stands in `mesh.yaml`: a part of its tree, and a document of its own.
pub(super) fn inline_mesh_config(
    tree: &Tree,
    root: NodeId,
    file: &SourceFile,
    id: FileId,
    tree_id: TreeId,
) -> Option<Document> {
    let root = tree.entry(root, "meshConfig", file.text())?.value;
    let identity = Arc::new(Identity { kind: MESH_CONFIG.into(), ..Identity::default() });
    Some(Document { file: id, tree: tree_id, root, identity })
}

/// The mesh configuration of an `IstioOperator`, which is what the `ConfigMap` that it installs holds: a part of its tree.
pub(super) fn of_operator(tree: &Tree, document: &Document, file: &SourceFile) -> Option<Document> {
    let Identity { api_version, kind, .. } = &*document.identity;
    if &**kind != "IstioOperator" || !api_version.starts_with("install.istio.io/") {
        return None;
    }
    let spec = tree.entry(document.root, "spec", file.text())?.value;
    let root = tree.entry(spec, "meshConfig", file.text())?.value;
    let identity =
        Arc::new(Identity { kind: MESH_CONFIG.into(), ..Identity::clone(&document.identity) });
    Some(Document { file: document.file, tree: document.tree, root, identity })
}

/// The text at the end of a path into a YAML text that stands by itself, as in an annotation.
#[must_use]
pub fn text_at(yaml: &str, path: &[&str]) -> Option<String> {
    let documents = stream::read(yaml, FileId(0));
    let tree = &documents.first().filter(|document| document.is_whole)?.tree;
    let step = |node, name: &&str| Some(tree.entry(node, name, yaml)?.value);
    let node = path.iter().try_fold(tree.root()?, step)?;
    let Content::Text(text) = tree.content(node) else { return None };
    Some(tree.text(text, yaml).to_owned())
}

fn parse(
    text: &str,
    outer: NodeId,
    tree: &Tree,
    file: &SourceFile,
    document: &Document,
    out: &mut Vec<Diagnostic>,
) -> Option<Tree> {
    let map = SpanMap::new(text, tree.span(outer), file);
    let mut inner = None;
    for yaml in stream::read(text, document.file) {
        out.extend(yaml.diagnostics.into_iter().map(|found| map.diagnostic(found)));
        if yaml.is_whole && inner.is_none() {
            inner = Some(map.tree(yaml.tree, text));
        }
    }
    inner
}

/// From the bytes of an inner text to those of the file.
struct SpanMap<'a> {
    text: &'a str,
    outer: Span,
    /// For each line of the inner text, where it begins in both; none where the text is folded or escaped.
    lines: Vec<(u32, u32)>,
}

impl<'a> SpanMap<'a> {
    fn new(text: &'a str, outer: Span, file: &SourceFile) -> Self {
        let lines = aligned_lines(text, outer, file).unwrap_or_default();
        Self { text, outer, lines }
    }

    fn span(&self, span: Span) -> Span {
        match (self.offset(span.start), self.offset(span.end)) {
            (Some(start), Some(end)) => Span::new(start, end),
            _ => self.outer,
        }
    }

    fn offset(&self, inner: u32) -> Option<u32> {
        let line = self.lines.partition_point(|(start, _)| *start <= inner).checked_sub(1)?;
        let (start, outer) = self.lines.get(line)?;
        Some(outer + (inner - start))
    }

    /// The inner text becomes the tree's own, since the file does not hold it in one piece.
    fn tree(&self, mut tree: Tree, text: &str) -> Tree {
        let shift = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let own = |text: &mut super::Text| {
            text.start += if text.owned { shift } else { 0 };
            text.owned = true;
        };
        for node in &mut tree.nodes {
            node.span = self.span(node.span);
            if let Content::Text(text) = &mut node.content {
                own(text);
            }
        }
        for entry in &mut tree.entries {
            entry.key_span = self.span(entry.key_span);
            own(&mut entry.key);
        }
        tree.owned.insert_str(0, self.text);
        tree
    }

    fn diagnostic(&self, mut found: Diagnostic) -> Diagnostic {
        found.fixes.retain(|fix| fix.edits.iter().all(|edit| self.can_hold(edit)));
        found.each_place(|place| {
            if let Place::Text { span, .. } = place {
                *span = self.span(*span);
            }
        });
        found
    }

    /// Whether an edit of the inner text is one of the outer: a new line would need its indentation, and where lines do not
    /// fit, nobody knows what to replace.
    fn can_hold(&self, edit: &Edit) -> bool {
        let Place::Text { span, .. } = edit.place else { return false };
        let is_known = self.offset(span.start).is_some() && self.offset(span.end).is_some();
        is_known && !edit.text.contains('\n')
    }
}

/// Pairs the lines of a literal block (`|`) with those of the file. `None` where they are not the same text.
fn aligned_lines(text: &str, outer: Span, file: &SourceFile) -> Option<Vec<(u32, u32)>> {
    let first = file.lines().line_of(outer.start);
    let indent = outer.start - file.lines().span(first, file.text()).start;
    let mut lines = Vec::new();
    let mut inner = 0;
    for (index, line) in text.split('\n').enumerate() {
        let outer_line = file.lines().span(first + index, file.text());
        let start = (outer_line.start + indent).min(outer_line.end);
        let shown = file.slice(Span::new(start, outer_line.end)).trim_end_matches(['\n', '\r']);
        if !line.is_empty() && shown != line {
            return None;
        }
        lines.push((inner, start));
        inner += u32::try_from(line.len()).ok()? + 1;
    }
    Some(lines)
}
