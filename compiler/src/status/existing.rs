//! What stands in the `status` of a resource already.

use serde_json::Value;

use super::condition::Condition;
use crate::parse::{Content, DocumentId, Parsed};

#[derive(Clone, Debug, Default)]
pub(super) struct Existing {
    /// Null: there is none.
    pub(super) status: Value,
    pub(super) generation: Option<i64>,
}

impl Existing {
    pub(super) fn of(parsed: &Parsed, id: DocumentId) -> Self {
        let document = parsed.document(id);
        let (tree, source) = (parsed.tree(document.tree), parsed.source(document.file).text());
        let entry = |node, key| tree.entry(node, key, source).map(|entry| entry.value);
        let status = entry(document.root, "status");
        let status = status.map(|node| tree.json(node, source));
        let generation = entry(document.root, "metadata").and_then(|it| entry(it, "generation"));
        let generation = generation.and_then(|node| match tree.content(node) {
            Content::Integer(generation) => Some(generation),
            _ => None,
        });
        Self { status: status.unwrap_or_default(), generation }
    }

    /// Conditions of the resource itself.
    pub(super) fn conditions(&self) -> Vec<Condition> {
        conditions(&self.status)
    }

    /// The element of a list that has this name, with its conditions.
    pub(super) fn conditions_of(&self, list: &str, name: &str) -> Vec<Condition> {
        let is_it = |it: &&Value| it.get("name").and_then(Value::as_str) == Some(name);
        self.list(list).find(is_it).map(conditions).unwrap_or_default()
    }

    pub(super) fn list(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.status.get(name).and_then(Value::as_array).into_iter().flatten()
    }
}

/// Those that are none are dropped.
pub(super) fn conditions(of: &Value) -> Vec<Condition> {
    let all = of.get("conditions").and_then(Value::as_array).into_iter().flatten();
    all.filter_map(|it| serde_json::from_value(it.clone()).ok()).collect()
}
