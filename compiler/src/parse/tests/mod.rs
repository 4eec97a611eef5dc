//! What parsing makes of texts: how many documents, which trees, and what is said.

mod aliases;
mod documents;
mod embedded;
mod kinds_of_files;
mod scalars;
mod secrets;

use serde_json::{Map, Value};

use super::{Content, NodeId, Parsed, Tree};
use crate::testing::Compiled;

/// The resources of a text as JSON, with what the compiler says of it.
fn json(text: &str) -> (Vec<Value>, Vec<String>) {
    let compiled = Compiled::text(text);
    (values(&compiled.parsed), compiled.said())
}

fn values(parsed: &Parsed) -> Vec<Value> {
    let documents = parsed.documents();
    documents
        .map(|(_, document)| {
            let source = parsed.source(document.file).text();
            value(parsed.tree(document.tree), document.root, source)
        })
        .collect()
}

fn value(tree: &Tree, node: NodeId, source: &str) -> Value {
    match tree.content(node) {
        Content::Null => Value::Null,
        Content::Bool(value) => value.into(),
        Content::Integer(value) => value.into(),
        Content::Float(value) => value.into(),
        Content::Text(text) => tree.text(text, source).into(),
        Content::Faulty => "FAULTY".into(),
        Content::Sequence(_) => {
            tree.elements(node).iter().map(|element| value(tree, *element, source)).collect()
        }
        Content::Mapping(_) => {
            let pairs = tree.entries(node).iter().map(|entry| {
                (tree.text(entry.key, source).to_owned(), value(tree, entry.value, source))
            });
            Value::Object(pairs.collect::<Map<_, _>>())
        }
    }
}

/// A resource of a kind that the mesh does not read, so that nothing is said of what it holds.
fn foreign(body: &str) -> String {
    format!("apiVersion: example.com/v1\nkind: Thing\nmetadata: {{name: a}}\n{body}")
}
