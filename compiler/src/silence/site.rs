//! Where fields are set in the cases.

use std::collections::BTreeMap;
use std::fmt;

use serde_json::Value;

use super::KINDS;
use super::case::Case;
use crate::api::field::FieldTable;
use crate::api::schema::Compiled;

/// A field of a kind: `VirtualService.networking.istio.io spec.hosts[]`.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Field {
    pub kind: String,
    pub path: String,
}

impl Field {
    pub(super) fn new(kind: &Compiled, path: String) -> Self {
        Self { kind: name(kind.group, kind.name), path }
    }

    pub(super) fn is_of(&self, kind: &Compiled) -> bool {
        self.kind == name(kind.group, kind.name)
    }

    /// Whether all kinds have it.
    pub(super) fn is_metadata(&self) -> bool {
        self.path.starts_with("metadata")
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.path)
    }
}

pub(super) fn name(group: &str, kind: &str) -> String {
    if group.is_empty() || group == "mesh" { kind.to_owned() } else { format!("{kind}.{group}") }
}

/// A field in a document of a case.
#[derive(Clone, Debug)]
pub(super) struct Site {
    pub case: usize,
    document: usize,
    steps: Vec<Step>,
    pub value: Value,
}

#[derive(Clone, Debug)]
enum Step {
    Key(String),
    Element(usize),
}

/// All fields that are set in the cases.
pub(super) fn all(cases: &[Case]) -> BTreeMap<Field, Vec<Site>> {
    let mut found = BTreeMap::new();
    for (case, it) in cases.iter().enumerate() {
        for (document, value) in it.documents.iter().enumerate() {
            let kind_of =
                |wanted: &str| KINDS.iter().find(|kind| name(kind.group, kind.name) == wanted);
            let (kind, value, steps) = match value.get("meshConfig") {
                Some(value) => {
                    ("MeshConfig".to_owned(), value, vec![Step::Key("meshConfig".into())])
                }
                None => (kind(value), value, Vec::new()),
            };
            if let Some(kind) = kind_of(&kind) {
                let mut walk = Walk { case, document, kind, found: &mut found };
                walk.value(kind.table, value, &mut String::new(), &steps);
            }
        }
    }
    found
}

/// As in the name of a definition of resources: `VirtualService.networking.istio.io`.
pub(super) fn kind(document: &Value) -> String {
    let version = document["apiVersion"].as_str().unwrap_or_default();
    let group = version.split_once('/').map_or("", |(group, _)| group);
    name(group, document["kind"].as_str().unwrap_or_default())
}

struct Walk<'w> {
    case: usize,
    document: usize,
    kind: &'w Compiled,
    found: &'w mut BTreeMap<Field, Vec<Site>>,
}

impl Walk<'_> {
    fn value(&mut self, table: &FieldTable, value: &Value, path: &mut String, steps: &[Step]) {
        if table.state.is_some() {
            let (case, document) = (self.case, self.document);
            let site = Site { case, document, steps: steps.to_vec(), value: value.clone() };
            self.found.entry(Field::new(self.kind, path.clone())).or_default().push(site);
            return;
        }
        let children = match value {
            Value::Object(fields) => fields
                .iter()
                .map(|(key, value)| (key.clone(), Step::Key(key.clone()), value))
                .collect(),
            Value::Array(elements) => elements
                .iter()
                .enumerate()
                .map(|(index, value)| ("[]".to_owned(), Step::Element(index), value))
                .collect(),
            _ => Vec::new(),
        };
        let whole = path.len();
        for (name, step, value) in children {
            let Some(child) = table.child(&name) else { continue };
            let is_any = table.child("*").is_some_and(|any| std::ptr::eq(any, child));
            if !path.is_empty() && name != "[]" {
                path.push('.');
            }
            path.push_str(if is_any { "*" } else { &name });
            let steps: Vec<_> = steps.iter().cloned().chain([step]).collect();
            self.value(child, value, path, &steps);
            path.truncate(whole);
        }
    }
}

impl Site {
    /// The documents with another value in this place, or without any.
    pub(super) fn with(&self, documents: &[Value], value: Option<Value>) -> Vec<Value> {
        let mut documents = documents.to_vec();
        let Some((last, above)) = self.steps.split_last() else { return documents };
        let start = documents.get_mut(self.document);
        let Some(node) = above.iter().try_fold(start, |node, step| Some(step.of(node?))) else {
            return documents;
        };
        match (node, last, value) {
            (Some(Value::Object(fields)), Step::Key(key), None) => {
                fields.remove(key);
            }
            (Some(Value::Array(elements)), Step::Element(index), None) => {
                elements.remove(*index);
            }
            (Some(node), step, Some(value)) => {
                if let Some(place) = step.of(node) {
                    *place = value;
                }
            }
            _ => {}
        }
        documents
    }
}

impl Step {
    fn of<'v>(&self, value: &'v mut Value) -> Option<&'v mut Value> {
        match self {
            Self::Key(key) => value.get_mut(key),
            Self::Element(index) => value.get_mut(index),
        }
    }
}
