//! What stands in the `status` of a resource already.

use serde_json::{Map, Value};

use super::condition::Condition;
use crate::parse::{Content, DocumentId, NodeId, Parsed, Tree};

/// Aliases may make much of little: beyond so many values a status is taken for none.
const VALUES_MAX: usize = 100_000;

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
        let mut left = VALUES_MAX;
        let status = entry(document.root, "status");
        let status = status.and_then(|node| json(tree, node, source, &mut left));
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

fn json(tree: &Tree, node: NodeId, source: &str, left: &mut usize) -> Option<Value> {
    *left = left.checked_sub(1)?;
    Some(match tree.content(node) {
        Content::Null | Content::Faulty => Value::Null,
        Content::Bool(value) => value.into(),
        Content::Integer(value) => value.into(),
        Content::Float(value) => value.into(),
        Content::Text(text) => tree.text(text, source).into(),
        Content::Sequence(_) => {
            let elements = tree.elements(node).iter();
            let elements = elements.map(|element| json(tree, *element, source, left));
            Value::Array(elements.collect::<Option<_>>()?)
        }
        Content::Mapping(_) => {
            let mut object = Map::new();
            for entry in tree.entries(node) {
                let value = json(tree, entry.value, source, left)?;
                object.insert(tree.text(entry.key, source).to_owned(), value);
            }
            Value::Object(object)
        }
    })
}
