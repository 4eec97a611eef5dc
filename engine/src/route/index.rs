//! Finds the few entries of a table that a path can match.
//!
//! An exact path has a list of its own. All other entries hang in a tree of prefixes (an expression under its
//! literal prefix), laid flat: texts in order, each with its nearest prefix in the tree. A list holds every
//! entry that could match, in table order, up to the first that must; so the index never decides, it only leaves
//! out, and the first entry of the list that matches is the first of the table that does.

use std::collections::{BTreeMap, HashMap};

use super::condition::{Condition, PathTest};
use super::text::Text;

/// A table entry, by its place.
type Place = u32;

#[derive(Clone, Debug)]
pub(super) struct Index {
    exact: HashMap<Box<str>, Box<[Place]>>,
    /// Sorted by text; the first is empty.
    prefixes: Box<[Prefix]>,
}

#[derive(Clone, Debug)]
struct Prefix {
    text: Box<str>,
    /// The longest other text that this one begins with, by its place.
    parent: Option<usize>,
    candidates: Box<[Place]>,
}

/// Where an entry is filed.
enum Filing<'a> {
    Exact(&'a str),
    Prefix(&'a str),
}

impl Index {
    /// An index of the conditions that can hold. `None` when it would take far more room than the table: an odd table
    /// (thousands of nested prefixes) is searched from the front instead.
    pub(super) fn new<'a>(
        conditions: impl Iterator<Item = (Place, &'a Condition)>,
    ) -> Option<Self> {
        let mut count = 0;
        let mut exact: BTreeMap<&str, Vec<(Place, bool)>> = BTreeMap::new();
        let mut by_prefix: BTreeMap<&str, Vec<(Place, bool)>> = BTreeMap::from([("", Vec::new())]);
        for (place, condition) in conditions {
            count += 1;
            let (filing, certain) = file(condition);
            match filing {
                Filing::Exact(text) => exact.entry(text).or_default().push((place, certain)),
                Filing::Prefix(text) => by_prefix.entry(text).or_default().push((place, certain)),
            }
        }
        let mut room = 16 * count + 4096;
        let tree = Tree::new(by_prefix);
        let mut prefixes = Vec::with_capacity(tree.nodes.len());
        for (at, node) in tree.nodes.iter().enumerate() {
            let candidates = tree.candidates(Some(at), &[], &mut room)?;
            prefixes.push(Prefix { text: node.text.into(), parent: node.parent, candidates });
        }
        let mut paths = HashMap::with_capacity(exact.len());
        for (path, own) in exact {
            let at = find(&tree.nodes, path);
            paths.insert(path.into(), tree.candidates(at, &own, &mut room)?);
        }
        Some(Self { exact: paths, prefixes: prefixes.into() })
    }

    /// The places to try for a path, in order.
    pub(super) fn candidates(&self, path: &str) -> &[Place] {
        if let Some(candidates) = self.exact.get(path) {
            return candidates;
        }
        find(&self.prefixes, path)
            .and_then(|at| self.prefixes.get(at))
            .map_or(&[], |prefix| &prefix.candidates)
    }
}

/// Where an entry is filed, and whether it matches whatever leads there.
fn file(condition: &Condition) -> (Filing<'_>, bool) {
    let path_only = condition.is_path_only();
    match &condition.path {
        None => (Filing::Prefix(""), path_only),
        Some(PathTest { ignore_case: true, .. }) => (Filing::Prefix(""), false),
        Some(PathTest { text: Text::Exact(text), .. }) => (Filing::Exact(text), path_only),
        Some(PathTest { text: Text::Prefix(text), .. }) => (Filing::Prefix(text), path_only),
        Some(PathTest { text: Text::PathPrefix(text), .. }) => (Filing::Prefix(text), false),
        Some(PathTest { text: Text::Regex(pattern), .. }) => {
            (Filing::Prefix(pattern.literal_prefix()), false)
        }
    }
}

struct Tree<'a> {
    nodes: Vec<Node<'a>>,
}

struct Node<'a> {
    text: &'a str,
    parent: Option<usize>,
    /// With whether each must match what is under this node.
    own: Vec<(Place, bool)>,
}

impl<'a> Tree<'a> {
    fn new(by_prefix: BTreeMap<&'a str, Vec<(Place, bool)>>) -> Self {
        let mut nodes: Vec<Node<'a>> = Vec::with_capacity(by_prefix.len());
        for (text, own) in by_prefix {
            // In order, the node before is a prefix of this one, or shares one with it that is among its parents.
            let parent = find(&nodes, text);
            nodes.push(Node { text, parent, own });
        }
        Self { nodes }
    }

    /// What is filed at a node and above it, and `more`: in order, up to the first that must match.
    fn candidates(
        &self,
        node: Option<usize>,
        more: &[(Place, bool)],
        room: &mut usize,
    ) -> Option<Box<[Place]>> {
        let mut all = more.to_vec();
        let mut next = node;
        while let Some(node) = next.and_then(|at| self.nodes.get(at)) {
            all.extend_from_slice(&node.own);
            next = node.parent;
        }
        all.sort_unstable();
        let end = all.iter().position(|&(_, certain)| certain).map_or(all.len(), |at| at + 1);
        *room = room.checked_sub(end)?;
        Some(all.iter().take(end).map(|&(place, _)| place).collect())
    }
}

/// The longest text that `path` begins with, by its place. `sorted` is in order of text.
///
/// The last text that is not greater than `path` shares every prefix in the tree that `path` has: so the one wanted is
/// it, or one of its parents.
fn find(sorted: &[impl Prefixed], path: &str) -> Option<usize> {
    let after = sorted.partition_point(|item| item.text().as_bytes() <= path.as_bytes());
    let mut next = after.checked_sub(1);
    while let Some(item) = next.and_then(|at| sorted.get(at)) {
        if path.as_bytes().starts_with(item.text().as_bytes()) {
            break;
        }
        next = item.parent();
    }
    next
}

/// A text in the tree.
trait Prefixed {
    fn text(&self) -> &str;
    fn parent(&self) -> Option<usize>;
}

impl Prefixed for Prefix {
    fn text(&self) -> &str {
        &self.text
    }

    fn parent(&self) -> Option<usize> {
        self.parent
    }
}

impl Prefixed for Node<'_> {
    fn text(&self) -> &str {
        self.text
    }

    fn parent(&self) -> Option<usize> {
        self.parent
    }
}
