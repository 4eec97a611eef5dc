//! What must never be shown: the data of Secrets.

use super::{Document, Tree};
use crate::source::Span;

/// The values of a Secret's data, and of its annotations, in which `kubectl` keeps a copy of all.
pub(super) fn spans(tree: &Tree, document: &Document, source: &str) -> Vec<Span> {
    if &*document.identity.kind != "Secret" {
        return Vec::new();
    }
    let value = |node, key| tree.entry(node, key, source).map(|entry| entry.value);
    let annotations = value(document.root, "metadata").and_then(|node| value(node, "annotations"));
    let maps = [value(document.root, "data"), value(document.root, "stringData"), annotations];
    let mut spans = Vec::new();
    for map in maps.into_iter().flatten() {
        let entries = tree.entries(map);
        spans.extend(entries.iter().map(|entry| tree.span(entry.value)));
        if entries.is_empty() {
            spans.push(tree.span(map));
        }
    }
    spans
}

/// In a document that does not parse, everything after a word that says Secret, since nobody knows where
/// its data begins and ends.
pub(super) fn in_broken(source: &str, span: Span) -> Option<Span> {
    let text = source.get(span.range())?;
    let is_secret = text.lines().any(|line| {
        let line: String =
            line.chars().filter(|c| !c.is_whitespace() && !"'\",{".contains(*c)).collect();
        line.contains("kind:Secret")
    });
    let data = text.find("ata:").or_else(|| text.find("ata\""))?;
    let start = u32::try_from(data).unwrap_or(0) + span.start + 4;
    (is_secret && start < span.end).then(|| Span::new(start, span.end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_secret_hides_all_that_may_be_data() {
        let text = "kind: Secret\ndata:\n  a: c2VjcmV0\n b: [\n";
        let hidden = in_broken(text, Span::new(0, u32::try_from(text.len()).unwrap())).unwrap();
        assert_eq!(&text[hidden.range()], "\n  a: c2VjcmV0\n b: [\n");
        assert_eq!(in_broken("kind: Service\ndata: x\n", Span::new(0, 22)), None);
    }
}
