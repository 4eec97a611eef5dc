//! A part of a tree as JSON, for whoever keeps a value that no type of ours describes.

use serde_json::{Map, Value};

use super::{Content, NodeId, Tree};

impl Tree {
    /// What stands at a node, with aliases written out. `None` where it is more than `values_max` values, as aliases may make
    /// much of little.
    #[must_use]
    pub fn json(&self, node: NodeId, source: &str, values_max: usize) -> Option<Value> {
        let mut left = values_max;
        self.bounded(node, source, &mut left)
    }

    fn bounded(&self, node: NodeId, source: &str, left: &mut usize) -> Option<Value> {
        *left = left.checked_sub(1)?;
        Some(match self.content(node) {
            Content::Null | Content::Faulty => Value::Null,
            Content::Bool(value) => value.into(),
            Content::Integer(value) => value.into(),
            Content::Float(value) => value.into(),
            Content::Text(text) => self.text(text, source).into(),
            Content::Sequence(_) => {
                let elements = self.elements(node).iter();
                let elements = elements.map(|element| self.bounded(*element, source, left));
                Value::Array(elements.collect::<Option<_>>()?)
            }
            Content::Mapping(_) => {
                let mut object = Map::new();
                for entry in self.entries(node) {
                    let value = self.bounded(entry.value, source, left)?;
                    object.insert(self.text(entry.key, source).to_owned(), value);
                }
                Value::Object(object)
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::parse::parse;
    use crate::source::{FileId, Role, SourceFile};

    #[test]
    fn aliases_are_written_out_and_counted() {
        let text = "apiVersion: v1\nkind: A\na: &a [1, 1.5, x, null, true]\nb: {c: *a, d: *a}\n";
        let file = SourceFile::new("a.yaml", Role::Policy, text.to_owned());
        let parsed = parse(&file, FileId(0), &mut Vec::new());
        let tree = parsed.trees.first().unwrap();
        let node = tree.entry(tree.root().unwrap(), "b", text).unwrap().value;
        let list = json!([1, 1.5, "x", null, true]);
        assert_eq!(tree.json(node, text, 13), Some(json!({"c": list, "d": list})));
        assert_eq!(tree.json(node, text, 12), None);
    }
}
