//! Walks a resource along the table of its kind.

use crate::api::checks::{REFUSED_FIELD, UNENFORCED_FIELD};
use crate::api::rules::DEPRECATED_FIELD;
use crate::diagnostic::{Diagnostic, Place};
use crate::parse::{Content, Document, DocumentId, NodeId, Tree};
use crate::source::Span;

use super::{FieldState, FieldTable};

/// Says what the table says of each field that is set. A field that a resource sets several times gets one
/// diagnostic, at the first place.
pub(crate) fn check(
    table: &FieldTable,
    tree: &Tree,
    source: &str,
    id: DocumentId,
    document: &Document,
) -> Vec<Diagnostic> {
    let mut walk = Walk { tree, source, found: Vec::new() };
    walk.mapping(table, document.root);
    walk.found.into_iter().filter_map(|found| found.diagnostic(id, document)).collect()
}

struct Walk<'a> {
    tree: &'a Tree,
    source: &'a str,
    found: Vec<Found<'a>>,
}

/// A line of the table, and the keys that it speaks of.
struct Found<'a> {
    line: &'a FieldTable,
    state: FieldState,
    /// The keys; where one value is spoken of, its places.
    keys: Vec<Span>,
    /// The first, as messages call it.
    subject: String,
}

impl<'a> Walk<'a> {
    fn mapping(&mut self, table: &'a FieldTable, node: NodeId) {
        for entry in self.tree.entries(node) {
            let key = self.tree.text(entry.key, self.source);
            if let Some(child) = table.child(key).filter(|child| child.speaks) {
                self.value(child, entry.value, (key, entry.key_span));
            }
        }
    }

    /// `key` is the one that leads here, or to the list around.
    fn value(&mut self, table: &'a FieldTable, node: NodeId, key: (&'a str, Span)) {
        if let Some(state) = table.state {
            if state.speaks() && !self.is_default(node) {
                self.note(table, state, key, "");
            }
            if let Content::Text(text) = self.tree.content(node) {
                let text = self.tree.text(text, self.source);
                for (_, state) in table.values.iter().filter(|(value, _)| value == text) {
                    self.note(table, *state, (text, self.tree.span(node)), "the value ");
                }
            }
            return;
        }
        self.mapping(table, node);
        if let Some(element) = table.child("[]") {
            for node in self.tree.elements(node) {
                self.value(element, *node, key);
            }
        }
    }

    fn note(
        &mut self,
        line: &'a FieldTable,
        state: FieldState,
        (name, at): (&'a str, Span),
        sort: &'static str,
    ) {
        let mut known = self.found.iter_mut();
        let known = known.find(|it| std::ptr::eq(it.line, line) && it.state == state);
        if let Some(known) = known {
            known.keys.push(at);
            return;
        }
        let subject = format!("{sort}`{name}`");
        self.found.push(Found { line, state, keys: vec![at], subject });
    }

    /// A value that says no more than its absence does.
    fn is_default(&self, node: NodeId) -> bool {
        match self.tree.content(node) {
            Content::Null | Content::Faulty | Content::Bool(false) | Content::Integer(0) => true,
            Content::Float(value) => value == 0.0,
            Content::Text(text) => self.tree.text(text, self.source).is_empty(),
            Content::Sequence(_) => self.tree.elements(node).is_empty(),
            Content::Bool(true) | Content::Integer(_) | Content::Mapping(_) => false,
        }
    }
}

impl Found<'_> {
    fn diagnostic(&self, id: DocumentId, document: &Document) -> Option<Diagnostic> {
        let first = self.keys.first().copied().unwrap_or_default();
        let place = |span| Place::Text { file: document.file, span, document: Some(id) };
        let subject = &self.subject;
        let diagnostic = match self.state {
            FieldState::Refused(instead) => Diagnostic::new(
                &REFUSED_FIELD,
                place(first),
                format!("{subject} cannot be compiled"),
            )
            .label("not accepted")
            .help(instead),
            FieldState::Unenforced(consequence) => Diagnostic::new(
                &UNENFORCED_FIELD,
                place(first),
                format!("{subject} is accepted and has no effect"),
            )
            .label("not enforced")
            .consequence(consequence),
            FieldState::Deprecated(instead) => {
                Diagnostic::new(&DEPRECATED_FIELD, place(first), format!("{subject} is deprecated"))
                    .label("has no effect any more")
                    .consequence("what it asks for does not happen")
                    .help(instead)
            }
            FieldState::Enforced
            | FieldState::Reported
            | FieldState::Elsewhere
            | FieldState::Named(_) => return None,
        };
        let diagnostic = self
            .keys
            .iter()
            .skip(1)
            .take(3)
            .fold(diagnostic, |diagnostic, key| diagnostic.also(place(*key), "and here"));
        Some(diagnostic)
    }
}
