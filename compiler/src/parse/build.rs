//! From the parser's events to a [`Tree`].

use std::collections::HashMap;

use granit_parser::{Event, ScalarStyle, StructureStyle, Tag};

use super::checks::{ALIAS_BOMB, COMPLEX_KEY, INVALID_ALIAS, INVALID_MERGE, NOT_FINITE};
use super::scalar::{self, Scalar};
use super::tree::{Content, Entry, Items, Node, NodeId, Text, Tree, number};
use super::{duplicate, merge};
use crate::diagnostic::{Check, Diagnostic, Place};
use crate::source::{FileId, Span};

/// How many nodes aliases and merge keys may repeat in one document. Real ones repeat a few hundred.
const REPEATED_NODES_MAX: u64 = 100_000;

/// Builds the trees of one file, one after the other and in the same memory. What is wrong with a document but not with
/// its syntax is reported here, and stands in the tree as [`Content::Faulty`].
pub(super) struct Builder<'a> {
    source: &'a str,
    file: FileId,
    tree: Tree,
    pub diagnostics: Vec<Diagnostic>,
    has_complex_key: bool,
    frames: Vec<Frame>,
    /// The children of all open frames, innermost last.
    elements: Vec<NodeId>,
    entries: Vec<Entry>,
    anchors: HashMap<usize, Anchor>,
    /// Nodes of the document as a reader without sharing would see it.
    expanded: u64,
    repeated: u64,
}

/// A document that has ended.
pub(super) struct Built {
    pub tree: Tree,
    pub diagnostics: Vec<Diagnostic>,
    /// A key that is itself a collection: also what `{{ .Values.x }}` looks like.
    pub has_complex_key: bool,
}

/// A collection that has begun.
struct Frame {
    is_mapping: bool,
    is_flow: bool,
    /// It stands where a key should.
    is_key: bool,
    anchor: usize,
    start: u32,
    /// Of the last child.
    end: u32,
    /// Where its children begin in `elements` or `entries`.
    base: usize,
    expanded_before: u64,
    key: Key,
    merges: Vec<NodeId>,
}

/// What the next node of a mapping is the value of.
#[derive(Clone, Copy)]
enum Key {
    /// It is a key itself.
    Awaited,
    Text(Text, Span),
    /// `<<`.
    Merge,
    /// Of a key that no resource can have.
    Unusable,
}

#[derive(Clone, Copy)]
enum Anchor {
    Open,
    Done { node: NodeId, size: u64 },
}

impl<'a> Builder<'a> {
    pub(super) fn new(source: &'a str, file: FileId) -> Self {
        Self {
            source,
            file,
            tree: Tree::default(),
            diagnostics: Vec::new(),
            has_complex_key: false,
            frames: Vec::new(),
            elements: Vec::new(),
            entries: Vec::new(),
            anchors: HashMap::new(),
            expanded: 0,
            repeated: 0,
        }
    }

    /// Takes one event of a document.
    pub(super) fn event(&mut self, event: Event<'a>, span: Span) {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.scalar(&text, style, tag.as_deref(), anchor, span);
            }
            Event::SequenceStart(style, anchor, _) => self.open(false, style, anchor, span),
            Event::MappingStart(style, anchor, _) => self.open(true, style, anchor, span),
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            Event::Alias(id) => self.alias(id, span),
            Event::UnresolvedAlias(name) => {
                self.report(
                    &INVALID_ALIAS,
                    span,
                    format!("there is no anchor `&{name}` before this alias"),
                );
                self.node(Content::Faulty, span);
            }
            _ => {}
        }
    }

    /// Closes what a syntax error has left open, so that what was read can be looked at.
    pub(super) fn abandon(&mut self) {
        while let Some(frame) = self.frames.last() {
            let end = frame.end;
            self.close(Span::new(end, end));
        }
    }

    /// Ends a document. The next event begins another.
    pub(super) fn finish(&mut self) -> Built {
        self.frames.clear();
        self.elements.clear();
        self.entries.clear();
        self.anchors.clear();
        (self.expanded, self.repeated) = (0, 0);
        Built {
            tree: self.tree.take(),
            diagnostics: std::mem::take(&mut self.diagnostics),
            has_complex_key: std::mem::take(&mut self.has_complex_key),
        }
    }

    fn report(&mut self, check: &'static Check, span: Span, message: String) {
        self.diagnostics.push(Diagnostic::new(check, Place::text(self.file, span), message));
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        anchor: usize,
        span: Span,
    ) {
        let plain = style == ScalarStyle::Plain;
        let resolved = match tag.map(|tag| tag.core_suffix().unwrap_or("custom")) {
            None if plain => scalar::resolve(text),
            Some("int" | "float" | "bool" | "null") => scalar::resolve(text),
            _ => None,
        };
        if self.awaits_key() {
            if anchor != 0 {
                let content = Content::Text(self.keep(text));
                let node = self.push(content, span);
                self.anchors.insert(anchor, Anchor::Done { node, size: 1 });
            }
            return self.key(text, resolved, plain, span);
        }
        if resolved == Some(Scalar::NotFinite) {
            let message = format!("`{text}` is a number that JSON cannot say");
            self.report(&NOT_FINITE, span, message);
        }
        let content = match resolved {
            Some(scalar) => scalar.content(),
            None => Content::Text(self.keep(text)),
        };
        let node = self.node(content, span);
        if anchor != 0 {
            self.anchors.insert(anchor, Anchor::Done { node, size: 1 });
        }
    }

    fn awaits_key(&self) -> bool {
        self.frames
            .last()
            .is_some_and(|frame| frame.is_mapping && matches!(frame.key, Key::Awaited))
    }

    /// Kubernetes turns keys into text: `on: x` has the key `true`, and a key that is nothing is refused.
    fn key(&mut self, text: &str, resolved: Option<Scalar>, plain: bool, span: Span) {
        let key = match resolved {
            None if plain && text == "<<" => Key::Merge,
            None => Key::Text(self.keep(text), span),
            Some(Scalar::Bool(value)) => Key::Text(self.keep(&value.to_string()), span),
            Some(Scalar::Integer(value)) => Key::Text(self.keep(&value.to_string()), span),
            Some(Scalar::Float(value)) => Key::Text(self.keep(&value.to_string()), span),
            Some(Scalar::Null | Scalar::NotFinite) => {
                self.report(&COMPLEX_KEY, span, "a key must be a text".into());
                Key::Unusable
            }
        };
        if let Some(frame) = self.frames.last_mut() {
            frame.key = key;
            frame.end = frame.end.max(span.end);
        }
    }

    /// Text that stands in the file as it is stays there.
    fn keep(&mut self, text: &str) -> Text {
        let length = number(text.len());
        let offset = (text.as_ptr() as usize).wrapping_sub(self.source.as_ptr() as usize);
        let in_source = offset.checked_add(text.len()).is_some_and(|end| end <= self.source.len());
        if in_source {
            return Text { start: number(offset), length, owned: false };
        }
        let start = number(self.tree.owned.len());
        self.tree.owned.push_str(text);
        Text { start, length, owned: true }
    }

    fn open(&mut self, is_mapping: bool, style: StructureStyle, anchor: usize, span: Span) {
        let is_key = self.awaits_key();
        if anchor != 0 {
            self.anchors.insert(anchor, Anchor::Open);
        }
        self.frames.push(Frame {
            is_mapping,
            is_flow: style == StructureStyle::Flow,
            is_key,
            anchor,
            start: span.start,
            end: span.end,
            base: if is_mapping { self.entries.len() } else { self.elements.len() },
            expanded_before: self.expanded,
            key: Key::Awaited,
            merges: Vec::new(),
        });
    }

    fn close(&mut self, span: Span) {
        let Some(frame) = self.frames.pop() else { return };
        let end = if frame.is_flow { span.end.max(frame.end) } else { frame.end };
        let span = Span::new(frame.start, end);
        let content = if frame.is_mapping {
            Content::Mapping(self.close_mapping(&frame))
        } else {
            let first = number(self.tree.elements.len());
            self.tree.elements.extend(self.elements.drain(frame.base..));
            Content::Sequence(Items { first, count: number(self.tree.elements.len()) - first })
        };
        let size = self.expanded - frame.expanded_before + 1;
        if frame.is_key {
            self.has_complex_key = true;
            self.report(
                &COMPLEX_KEY,
                span,
                "a key must be a text, and this is a collection".into(),
            );
            if let Some(parent) = self.frames.last_mut() {
                parent.key = Key::Unusable;
            }
            return;
        }
        let node = self.node(content, span);
        if frame.anchor != 0 {
            self.anchors.insert(frame.anchor, Anchor::Done { node, size });
        }
    }

    fn close_mapping(&mut self, frame: &Frame) -> Items {
        let own = self.entries.get(frame.base..).unwrap_or_default();
        let is_root = self.frames.is_empty();
        let twice = duplicate::check(own, is_root, &self.tree, self.source, self.file);
        self.diagnostics.extend(twice);
        let first = number(self.tree.entries.len());
        self.tree.entries.extend(self.entries.drain(frame.base..));
        if !frame.merges.is_empty() {
            self.add_merged(&frame.merges, first);
        }
        Items { first, count: number(self.tree.entries.len()) - first }
    }

    fn add_merged(&mut self, merges: &[NodeId], first: u32) {
        let own = self.tree.entries.get(first as usize..).unwrap_or_default();
        match merge::entries(&self.tree, merges, own, self.source) {
            Ok(entries) => {
                let last = merges.last().map_or(Span::default(), |node| self.tree.span(*node));
                if self.repeat(entries.len() as u64, last) {
                    self.tree.entries.extend(entries);
                }
            }
            Err(span) => {
                self.report(
                    &INVALID_MERGE,
                    span,
                    "`<<` takes a mapping, or a list of mappings".into(),
                );
            }
        }
    }

    fn alias(&mut self, id: usize, span: Span) {
        let content = match self.anchors.get(&id).copied() {
            Some(Anchor::Done { node, size }) if self.repeat(size, span) => self.tree.content(node),
            Some(Anchor::Open) => {
                self.report(
                    &INVALID_ALIAS,
                    span,
                    "the anchor holds this alias, so it holds itself".into(),
                );
                Content::Faulty
            }
            Some(Anchor::Done { .. }) | None => Content::Faulty,
        };
        if self.awaits_key() {
            return self.alias_key(content, span);
        }
        self.node(content, span);
    }

    fn alias_key(&mut self, content: Content, span: Span) {
        let key = if let Content::Text(text) = content {
            Key::Text(text, span)
        } else {
            self.report(&COMPLEX_KEY, span, "a key must be a text".into());
            Key::Unusable
        };
        if let Some(frame) = self.frames.last_mut() {
            frame.key = key;
        }
    }

    /// Whether `count` more nodes may be repeated.
    fn repeat(&mut self, count: u64, span: Span) -> bool {
        let before = self.repeated;
        // What is repeated of what was repeated grows without end.
        self.repeated = self.repeated.saturating_add(count);
        if self.repeated <= REPEATED_NODES_MAX {
            self.expanded += count;
            return true;
        }
        if before <= REPEATED_NODES_MAX {
            let message =
                format!("aliases repeat more than {REPEATED_NODES_MAX} values in this document");
            self.report(&ALIAS_BOMB, span, message);
        }
        false
    }

    fn push(&mut self, content: Content, span: Span) -> NodeId {
        let node = NodeId(number(self.tree.nodes.len()));
        self.tree.nodes.push(Node { span, content });
        self.expanded += 1;
        node
    }

    /// Adds a node, and puts it where it belongs: into the open collection, or at the root.
    fn node(&mut self, content: Content, span: Span) -> NodeId {
        let node = self.push(content, span);
        let Some(frame) = self.frames.last_mut() else {
            self.tree.root = Some(node);
            return node;
        };
        frame.end = frame.end.max(span.end);
        if !frame.is_mapping {
            self.elements.push(node);
            return node;
        }
        match std::mem::replace(&mut frame.key, Key::Awaited) {
            Key::Text(key, key_span) => self.entries.push(Entry { key, key_span, value: node }),
            Key::Merge => frame.merges.push(node),
            Key::Awaited | Key::Unusable => {}
        }
        node
    }
}
