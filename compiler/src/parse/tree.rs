//! A YAML document in memory.

use crate::source::Span;

/// A node of a [`Tree`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct NodeId(pub(super) u32);

/// Text of a key or a scalar: a range of the file, or of what the tree keeps beside it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Text {
    pub(super) start: u32,
    pub(super) length: u32,
    pub(super) owned: bool,
}

/// What a node holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Content {
    /// Nothing, `~` or `null`.
    Null,
    Bool(bool),
    Integer(i64),
    /// Finite.
    Float(f64),
    Text(Text),
    Sequence(Items),
    Mapping(Items),
    /// It was reported while parsing, and stands for anything.
    Faulty,
}

/// Some consecutive elements or entries of a tree.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Items {
    pub(super) first: u32,
    pub(super) count: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    /// Of the value, quotes and brackets included; empty for an absent one. An alias has its own.
    pub span: Span,
    pub content: Content,
}

/// A key of a mapping and its value.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Entry {
    pub key: Text,
    /// Quotes included.
    pub key_span: Span,
    pub value: NodeId,
}

/// One YAML document. Nodes that aliases share are in it once. Its texts may be ranges of the file that it
/// was parsed from, so whoever reads one passes that file's text.
#[derive(Clone, Debug, Default)]
pub struct Tree {
    pub(super) nodes: Vec<Node>,
    pub(super) elements: Vec<NodeId>,
    pub(super) entries: Vec<Entry>,
    pub(super) owned: String,
    pub(super) root: Option<NodeId>,
}

impl Tree {
    /// A tree that takes no more memory than it needs. This one is empty then, and keeps its memory for another.
    pub(super) fn take(&mut self) -> Self {
        let taken = self.clone();
        self.nodes.clear();
        self.elements.clear();
        self.entries.clear();
        self.owned.clear();
        self.root = None;
        taken
    }

    /// Absent in an empty document.
    #[must_use]
    pub fn root(&self) -> Option<NodeId> {
        self.root
    }

    #[must_use]
    pub fn content(&self, node: NodeId) -> Content {
        self.nodes.get(node.0 as usize).map_or(Content::Null, |node| node.content)
    }

    /// The bytes of a value.
    #[must_use]
    pub fn span(&self, node: NodeId) -> Span {
        self.nodes.get(node.0 as usize).map_or(Span::default(), |node| node.span)
    }

    #[must_use]
    pub fn text<'a>(&'a self, text: Text, source: &'a str) -> &'a str {
        let from = if text.owned { self.owned.as_str() } else { source };
        let start = text.start as usize;
        from.get(start..start + text.length as usize).unwrap_or_default()
    }

    /// The elements of a sequence; of anything else, none.
    #[must_use]
    pub fn elements(&self, node: NodeId) -> &[NodeId] {
        match self.content(node) {
            Content::Sequence(items) => slice(&self.elements, items),
            _ => &[],
        }
    }

    /// The entries of a mapping, in the order of the file; of anything else, none.
    #[must_use]
    pub fn entries(&self, node: NodeId) -> &[Entry] {
        match self.content(node) {
            Content::Mapping(items) => slice(&self.entries, items),
            _ => &[],
        }
    }

    /// The entry of a mapping with this key.
    #[must_use]
    pub fn entry(&self, node: NodeId, key: &str, source: &str) -> Option<&Entry> {
        self.entries(node).iter().find(|entry| self.text(entry.key, source) == key)
    }

    /// The entry that `node` is the value of; of a list's element, the entry of the list. It is searched for, so it is
    /// for those who have something to say.
    #[must_use]
    pub fn key_of(&self, node: NodeId) -> Option<Entry> {
        let mut node = node;
        loop {
            if let Some(entry) = self.entries.iter().find(|entry| entry.value == node) {
                return Some(*entry);
            }
            let position = self.elements.iter().position(|element| *element == node)?;
            let holds = |other: &Node| match other.content {
                Content::Sequence(items) => {
                    (items.first..items.first + items.count).contains(&number(position))
                }
                _ => false,
            };
            // A list is made after its elements, so this ends.
            node = NodeId(number(self.nodes.iter().position(holds)?));
        }
    }

    /// The text of the scalar at `key`, where there is one.
    #[must_use]
    pub fn text_at<'a>(&'a self, node: NodeId, key: &str, source: &'a str) -> Option<&'a str> {
        match self.content(self.entry(node, key, source)?.value) {
            Content::Text(text) => Some(self.text(text, source)),
            _ => None,
        }
    }
}

/// A text is far shorter than 4 GiB, and a tree has no more parts than that has bytes.
pub(super) fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn slice<T>(all: &[T], items: Items) -> &[T] {
    let first = items.first as usize;
    all.get(first..first + items.count as usize).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_small() {
        assert!(size_of::<Node>() <= 24);
        assert!(size_of::<Entry>() <= 24);
    }
}
