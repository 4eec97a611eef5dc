//! What of a document could not be read.

use std::collections::BTreeSet;

use super::NodeId;

/// Values that are not what their fields take, and fields that must be there and are not. Both are read as
/// if they were empty, so that the rest can be looked at, and nothing more is said about them.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Faults {
    values: BTreeSet<NodeId>,
    missing: BTreeSet<(NodeId, &'static str)>,
}

impl Faults {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.missing.is_empty()
    }

    /// Whether this is news.
    pub fn insert_value(&mut self, node: NodeId) -> bool {
        self.values.insert(node)
    }

    /// Notes that the mapping at `node` lacks `field`. Whether this is news.
    pub fn insert_missing(&mut self, node: NodeId, field: &'static str) -> bool {
        self.missing.insert((node, field))
    }

    #[must_use]
    pub fn holds_value(&self, node: NodeId) -> bool {
        self.values.contains(&node)
    }

    /// The fields that the mapping at `node` lacks.
    pub fn missing(&self, node: NodeId) -> impl Iterator<Item = &'static str> {
        self.missing
            .range((node, "")..)
            .take_while(move |(at, _)| *at == node)
            .map(|(_, field)| *field)
    }
}
