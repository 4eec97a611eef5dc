//! From bytes back to the path of fields that they stand at.

use mesh_compiler::diagnostic::Site;
use mesh_compiler::parse::{Content, Document, NodeId, Parsed, Tree};
use mesh_compiler::source::Span;

/// `spec.http[0].timeout`; empty where the site is in no resource.
pub(crate) fn path(parsed: &Parsed, site: &Site) -> String {
    let Some(span) = site.span else { return String::new() };
    document(parsed, site, span).map(|document| walk(parsed, document, span)).unwrap_or_default()
}

/// The smallest document of the file that holds the bytes: the mesh configuration stands in another.
fn document<'a>(parsed: &'a Parsed, site: &Site, span: Span) -> Option<&'a Document> {
    let holds = |document: &&Document| {
        document.file == site.file
            && contains(extent(parsed.tree(document.tree), document.root), span)
    };
    let length = |document: &&Document| {
        let extent = extent(parsed.tree(document.tree), document.root);
        extent.end - extent.start
    };
    parsed.documents().map(|(_, document)| document).filter(holds).min_by_key(length)
}

/// A block's own span may begin after its first key.
fn extent(tree: &Tree, node: NodeId) -> Span {
    let span = tree.span(node);
    let first = tree.entries(node).first().map_or(span.start, |entry| entry.key_span.start);
    Span::new(span.start.min(first), span.end)
}

fn contains(outer: Span, inner: Span) -> bool {
    outer.start <= inner.start && inner.start <= outer.end
}

fn walk(parsed: &Parsed, document: &Document, span: Span) -> String {
    let tree = parsed.tree(document.tree);
    let source = parsed.source(document.file).text();
    let (mut node, mut path) = (document.root, String::new());
    loop {
        match tree.content(node) {
            Content::Mapping(_) => {
                // Aliases share nodes, so an entry is where its key is.
                let entry =
                    tree.entries(node).iter().rfind(|entry| entry.key_span.start <= span.start);
                let Some(entry) = entry else { return path };
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(tree.text(entry.key, source));
                node = entry.value;
            }
            Content::Sequence(_) => {
                let index = tree
                    .elements(node)
                    .iter()
                    .rposition(|element| extent(tree, *element).start <= span.start);
                let Some((index, element)) =
                    index.and_then(|index| Some((index, *tree.elements(node).get(index)?)))
                else {
                    return path;
                };
                path.extend(["[", &index.to_string(), "]"]);
                node = element;
            }
            _ => return path,
        }
        if span.end <= extent(tree, node).start {
            return path;
        }
    }
}
