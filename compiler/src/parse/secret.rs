//! What must never be shown: the data of Secrets.

use super::{Document, NodeId, Tree};
use crate::source::{SourceFile, Span};

/// Everything of a Secret but what it is and how it is called: a misspelt `stringdata` is data too, and `kubectl`
/// keeps a copy of all in the annotations. A kind that only sounds like a Secret may be a misspelt one.
pub(super) fn spans(tree: &Tree, document: &Document, source: &str) -> Vec<Span> {
    if !document.identity.kind.to_ascii_lowercase().contains("secret") {
        return Vec::new();
    }
    let mut spans = Vec::new();
    for entry in tree.entries(document.root) {
        match tree.text(entry.key, source) {
            "apiVersion" | "kind" | "type" | "immutable" => {}
            "metadata" => {
                let is_shown = |key| matches!(key, "name" | "namespace" | "labels");
                let own = tree.entries(entry.value).iter();
                let own = own.filter(|entry| !is_shown(tree.text(entry.key, source)));
                own.for_each(|entry| hide(tree, entry.value, &mut spans));
            }
            _ => hide(tree, entry.value, &mut spans),
        }
    }
    spans
}

/// A value as it stands there; of a mapping, its keys may be seen. What an alias stands for lies elsewhere.
fn hide(tree: &Tree, value: NodeId, spans: &mut Vec<Span>) {
    let entries = tree.entries(value);
    spans.extend(entries.iter().map(|entry| tree.span(entry.value)));
    if entries.is_empty() {
        spans.push(tree.span(value));
    }
}

/// In a file that is not read as resources, whatever the reason. Of one that is not text there is only the beginning, and what
/// its last document is may stand in the rest.
pub(super) fn in_unread(file: &SourceFile) -> Vec<Span> {
    let text = file.text();
    let whole = Span::new(0, number(text.len()));
    let last = text.rfind("\n---\n").map_or(0, |at| at + 1);
    let is_told = text.get(last..).is_some_and(|last| last.contains("kind"));
    let cut = (!file.is_readable() && !is_told)
        .then(|| after_data(text, Span::new(number(last), whole.end)))
        .flatten();
    in_broken(text, whole).into_iter().chain(cut).collect()
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
    is_secret.then(|| after_data(source, span)).flatten()
}

/// Everything after the first word that may stand for data, `metadata` too.
fn after_data(source: &str, span: Span) -> Option<Span> {
    let text = source.get(span.range())?;
    let data = text.find("ata:").or_else(|| text.find("ata\""))?;
    let start = number(data) + span.start + 4;
    (start < span.end).then(|| Span::new(start, span.end))
}

fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
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
