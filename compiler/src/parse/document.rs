//! One resource of a repository, before it is known what its kind means.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::{Content, Entry, Faults, NodeId, Parsed, Tree, TreeId, origin};
use crate::diagnostic::{FieldPath, Part, Segment};
use crate::source::{FileId, Span};

/// A resource, by its place in [`Parsed`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DocumentId(pub u32);

/// A resource as it stands in its file.
#[derive(Clone, Debug)]
pub struct Document {
    pub file: FileId,
    pub tree: TreeId,
    pub root: NodeId,
    /// The same one for as long as the file does not change.
    pub identity: Arc<Identity>,
}

/// What a resource says of itself, as far as it does.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Identity {
    /// `networking.istio.io/v1`.
    pub api_version: Box<str>,
    pub kind: Box<str>,
    pub namespace: Option<Box<str>>,
    pub name: Option<Box<str>>,
    pub(super) title: Aside<Title>,
}

/// How a resource is shown, whatever is said of it.
#[derive(Debug)]
pub(crate) struct Title {
    /// `VirtualService shop/reviews`.
    pub text: Arc<str>,
    /// What it was rendered from.
    pub origin: Option<Arc<str>>,
    /// Where its name stands.
    name: Span,
}

/// What is kept of something once somebody has asked. It makes no two things different, and a copy is asked anew.
#[derive(Debug)]
pub(super) struct Aside<T>(OnceLock<T>);

impl<T> Default for Aside<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T> Clone for Aside<T> {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl<T> PartialEq for Aside<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Aside<T> {}

/// A resource that cannot be read: its YAML does not parse, or is encrypted, or is a part of it. It exists, so nobody may call it
/// missing.
#[derive(Clone, Debug)]
pub struct Broken {
    pub file: FileId,
    pub identity: Identity,
    /// Whether it changes a resource that stands elsewhere.
    pub is_patch: bool,
}

impl Identity {
    /// Reads what is there; `kind` and `api_version` are given by the list around it where they are absent.
    pub(super) fn read(tree: &Tree, root: NodeId, source: &str) -> Self {
        let text = |node, key| tree.text_at(node, key, source).map(Box::from);
        let metadata = tree.entry(root, "metadata", source).map(|entry| entry.value);
        Self {
            api_version: text(root, "apiVersion").unwrap_or_default(),
            kind: text(root, "kind").unwrap_or_default(),
            namespace: metadata.and_then(|node| text(node, "namespace")),
            name: metadata.and_then(|node| text(node, "name")),
            title: Aside::default(),
        }
    }

    /// `networking.istio.io` of `networking.istio.io/v1`; empty for Kubernetes' core group.
    #[must_use]
    pub fn group(&self) -> &str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    #[must_use]
    pub fn version(&self) -> &str {
        self.api_version.split_once('/').map_or(&self.api_version, |(_, version)| version)
    }
}

/// `VirtualService shop/reviews`.
impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind)?;
        match (&self.namespace, &self.name) {
            (Some(namespace), Some(name)) => write!(f, " {namespace}/{name}"),
            (None, Some(name)) => write!(f, " {name}"),
            (_, None) => Ok(()),
        }
    }
}

impl fmt::Display for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.identity.fmt(f)
    }
}

/// How far along a path a document goes.
struct Reached {
    /// The entry that the last field of the way is.
    entry: Option<Entry>,
    node: NodeId,
    is_whole: bool,
}

impl Document {
    /// Most findings point at names, and trees are seldom at hand.
    #[must_use]
    pub(crate) fn title(&self, parsed: &Parsed) -> &Title {
        self.identity.title.0.get_or_init(|| Title {
            text: self.identity.to_string().into(),
            origin: origin(parsed, self).map(Arc::from),
            name: self.look_up(parsed, &FieldPath::of_name(), Part::Value),
        })
    }

    /// The bytes of a field. Where the path leads further than the document does, those of the last key on the way.
    #[must_use]
    pub fn locate(&self, parsed: &Parsed, path: &FieldPath, part: Part) -> Span {
        if part == Part::Value && path.is_of_name() {
            return self.title(parsed).name;
        }
        self.look_up(parsed, path, part)
    }

    fn look_up(&self, parsed: &Parsed, path: &FieldPath, part: Part) -> Span {
        let tree = parsed.tree(self.tree);
        let source = parsed.source(self.file).text();
        let reached = self.reach(tree, source, path, &mut |_, _| {});
        let key = reached.entry.map(|entry| entry.key_span);
        if !reached.is_whole {
            return key.unwrap_or_else(|| self.first_key(tree));
        }
        let value = tree.span(reached.node);
        match part {
            // An element of a list has no key of its own, and an absent value has no bytes.
            Part::Key
                if path.segments().last().is_some_and(|last| matches!(last, Segment::Field(_))) =>
            {
                key.unwrap_or(value)
            }
            Part::Value | Part::Key if value.is_empty() => key.unwrap_or(value),
            Part::Value | Part::Key => value,
            Part::Within { start, end } => match tree.content(reached.node) {
                Content::Text(text) if !text.owned => {
                    Span::new(text.start + start, text.start + end)
                }
                _ => value,
            },
        }
    }

    /// Whether the way along `path` passes through a value, or ends at an absence, that `faults` holds.
    #[must_use]
    pub fn passes(&self, parsed: &Parsed, path: &FieldPath, faults: &Faults) -> bool {
        let source = parsed.source(self.file).text();
        let mut passes = faults.holds_value(self.root);
        self.reach(parsed.tree(self.tree), source, path, &mut |node, segment| match segment {
            Some(Segment::Field(name)) => {
                passes |= faults.missing(node).any(|missing| missing == &**name);
            }
            Some(Segment::Index(_)) => {}
            None => passes |= faults.holds_value(node),
        });
        passes
    }

    /// Where `path` leads to a field that a mapping does not have: the keys that it has. Empty where the field is there.
    #[must_use]
    pub fn keys_beside_absence(&self, parsed: &Parsed, path: &FieldPath) -> Vec<Span> {
        let tree = parsed.tree(self.tree);
        let source = parsed.source(self.file).text();
        let mut from = self.root;
        let reached = self.reach(tree, source, path, &mut |node, segment| {
            if segment.is_some() {
                from = node;
            }
        });
        // What has no value is absent, too.
        if reached.is_whole && tree.content(reached.node) != Content::Null {
            return Vec::new();
        }
        tree.entries(from).iter().map(|entry| entry.key_span).collect()
    }

    /// Calls `visit` with each step that is tried and the node from which it is, and with each node that is reached.
    fn reach(
        &self,
        tree: &Tree,
        source: &str,
        path: &FieldPath,
        visit: &mut dyn FnMut(NodeId, Option<&Segment>),
    ) -> Reached {
        let mut reached = Reached { entry: None, node: self.root, is_whole: true };
        for segment in path.segments() {
            let next = match segment {
                Segment::Field(name) => match tree.entry(reached.node, name, source) {
                    Some(entry) => {
                        reached.entry = Some(*entry);
                        Some(entry.value)
                    }
                    None => None,
                },
                Segment::Index(index) => tree.elements(reached.node).get(*index as usize).copied(),
            };
            visit(reached.node, Some(segment));
            let Some(next) = next else { return Reached { is_whole: false, ..reached } };
            reached.node = next;
            visit(next, None);
        }
        reached
    }

    /// Something small to point at when nothing better is known.
    fn first_key(&self, tree: &Tree) -> Span {
        tree.entries(self.root).first().map_or_else(|| tree.span(self.root), |entry| entry.key_span)
    }
}
