//! Looks for what is out of bounds.

use super::table::{Bound, LINES, Range};
use crate::api::checks::OUT_OF_BOUNDS;
use crate::diagnostic::{Diagnostic, Place};
use crate::parse::{Content, Document, DocumentId, NodeId, Tree};
use crate::source::Span;

/// What of a resource is out of the bounds of its kind.
pub(crate) fn check(
    tree: &Tree,
    source: &str,
    id: DocumentId,
    document: &Document,
    out: &mut Vec<Diagnostic>,
) {
    let identity = &document.identity;
    let lines = LINES.get(&*identity.kind).into_iter().flatten();
    for line in lines {
        let is_of_version = || line.versions.iter().any(|it| *it == identity.version());
        if !line.versions.is_empty() && !is_of_version() {
            continue;
        }
        let root = Found { node: document.root, span: tree.span(document.root), name: "" };
        visit(tree, source, root, &line.steps, &mut |it| {
            if let Some((message, label, span)) = fault(line.bound, it, tree, source) {
                let place = Place::Text { file: document.file, span, document: Some(id) };
                out.push(Diagnostic::new(&OUT_OF_BOUNDS, place, message).label(label));
            }
        });
    }
}

/// A value, with the key that it stands under.
#[derive(Clone, Copy)]
struct Found<'s> {
    node: NodeId,
    span: Span,
    name: &'s str,
}

/// Calls `visitor` with each value that the path leads to.
fn visit<'s>(
    tree: &'s Tree,
    source: &'s str,
    at: Found<'s>,
    path: &[Box<str>],
    visitor: &mut dyn FnMut(&Found<'s>),
) {
    let Some((step, rest)) = path.split_first() else { return visitor(&at) };
    if &**step == "[]" {
        for node in tree.elements(at.node) {
            visit(tree, source, Found { node: *node, ..at }, rest, visitor);
        }
        return;
    }
    for entry in tree.entries(at.node) {
        let name = tree.text(entry.key, source);
        if &**step == "*" || *name == **step {
            let inner = Found { node: entry.value, span: entry.key_span, name };
            visit(tree, source, inner, rest, visitor);
        }
    }
}

/// The message, what is said at the token, and the token.
fn fault(
    bound: Bound,
    it: &Found<'_>,
    tree: &Tree,
    source: &str,
) -> Option<(String, String, Span)> {
    let (name, content) = (it.name, tree.content(it.node));
    let count = |count: usize, range: Range, what: &str, span: Span| {
        let number = i64::try_from(count).unwrap_or(i64::MAX);
        let is_out = !(range.least..=range.most).contains(&number);
        is_out.then(|| (format!("`{name}` has {count} {what}"), range.in_words(), span))
    };
    let value = tree.span(it.node);
    match (bound, content) {
        (Bound::Items(range), Content::Sequence(_)) => {
            count(tree.elements(it.node).len(), range, "elements", it.span)
        }
        (Bound::Entries(range), Content::Mapping(_)) => {
            count(tree.entries(it.node).len(), range, "entries", it.span)
        }
        (Bound::Chars(range), Content::Text(text)) => {
            count(tree.text(text, source).chars().count(), range, "characters", value)
        }
        (Bound::Number { range, .. }, Content::Integer(number)) => {
            let is_out = !(range.least..=range.most).contains(&number);
            is_out.then(|| (format!("`{name}` is {number}"), range.in_words(), value))
        }
        (Bound::Number { range, is_whole }, Content::Float(number)) => {
            #[expect(clippy::cast_precision_loss, reason = "no bound is near what a float loses")]
            let is_out = number < range.least as f64 || number > range.most as f64;
            let label = if is_whole { "a whole number".to_owned() } else { range.in_words() };
            let is_broken = is_whole && number.fract() != 0.0;
            (is_out || is_broken).then(|| (format!("`{name}` is {number}"), label, value))
        }
        (Bound::Like(form), Content::Text(text)) => {
            let text = tree.text(text, source);
            (!form.fits(text))
                .then(|| (format!("`{text}` is no `{name}`"), form.in_words().to_owned(), value))
        }
        (Bound::Needs(field), Content::Mapping(_)) => {
            let is_there = tree.entry(it.node, field, source).is_some();
            let message = || format!("`{name}` has no `{field}`");
            (!is_there).then(|| (message(), format!("needs `{field}`"), it.span))
        }
        _ => None,
    }
}
