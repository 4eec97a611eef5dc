//! What stands in the `status` of a resource already.

use serde_json::Value;

use super::condition::{Condition, update};
use super::reference::Reference;
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

    /// A list of what controllers say of one other resource each, whose reference stands in the field `reference`: what others
    /// have written stays; what is ours is written anew in its place, or at the end.
    pub(super) fn merged(
        &self,
        (list, reference): (&str, &str),
        mut new: Vec<Said>,
        is_ours: impl Fn(&str) -> bool,
        is_same: impl Fn(&Reference, &Reference) -> bool,
    ) -> Vec<Said> {
        let mut merged = Vec::new();
        for before in self.list(list).filter_map(|it| Said::read(it, reference)) {
            if !is_ours(&before.controller) {
                merged.push(before);
                continue;
            }
            let at = new.iter().position(|it| is_same(&it.of, &before.of));
            let Some(at) = at else { continue };
            merged.push(self.updated(new.remove(at), before.conditions));
        }
        merged.extend(new.into_iter().map(|it| self.updated(it, Vec::new())));
        merged
    }

    fn updated(&self, new: Said, before: Vec<Condition>) -> Said {
        Said { conditions: update(before, new.conditions, self.generation), ..new }
    }

    pub(super) fn list(&self, name: &str) -> impl Iterator<Item = &Value> {
        self.status.get(name).and_then(Value::as_array).into_iter().flatten()
    }
}

/// What a controller says of a resource and another one: a parent that it is attached to, or an ancestor that heeds it.
#[derive(Clone, Debug)]
pub(super) struct Said {
    pub(super) of: Reference,
    pub(super) conditions: Vec<Condition>,
    pub(super) controller: String,
}

impl Said {
    pub(super) fn new(of: Reference, conditions: Vec<Condition>, controller: &str) -> Self {
        Self { of, conditions, controller: controller.to_owned() }
    }

    /// With those of its conditions that are some.
    fn read(value: &Value, reference: &str) -> Option<Self> {
        Some(Self {
            of: serde_json::from_value(value.get(reference)?.clone()).ok()?,
            conditions: conditions(value),
            controller: value.get("controllerName")?.as_str()?.to_owned(),
        })
    }
}

/// Those that are none are dropped.
pub(super) fn conditions(of: &Value) -> Vec<Condition> {
    let all = of.get("conditions").and_then(Value::as_array).into_iter().flatten();
    all.filter_map(|it| serde_json::from_value(it.clone()).ok()).collect()
}
