//! A part of a tree as JSON, for whoever keeps a value that no type of ours describes.

use serde_json::{Map, Value};

use super::{Content, NodeId, Tree};

impl Tree {
    /// What stands at a node, with aliases written out: how much they may make of little is bounded where a tree is built.
    #[must_use]
    pub fn json(&self, node: NodeId, source: &str) -> Value {
        match self.content(node) {
            Content::Null | Content::Faulty => Value::Null,
            Content::Bool(value) => value.into(),
            Content::Integer(value) => value.into(),
            Content::Float(value) => value.into(),
            Content::Text(text) => self.text(text, source).into(),
            Content::Sequence(_) => {
                let elements = self.elements(node).iter();
                elements.map(|element| self.json(*element, source)).collect()
            }
            Content::Mapping(_) => {
                let entry = |entry: &super::Entry| {
                    (self.text(entry.key, source).to_owned(), self.json(entry.value, source))
                };
                Value::Object(self.entries(node).iter().map(entry).collect::<Map<_, _>>())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::parse::parse;
    use crate::source::{FileId, Role, SourceFile};

    #[test]
    fn aliases_are_written_out() {
        let text = "apiVersion: v1\nkind: A\na: &a [1, 1.5, x, null, true]\nb: {c: *a, d: *a}\n";
        let file = SourceFile::new("a.yaml", Role::Policy, text.to_owned());
        let parsed = parse(&file, FileId(0), &mut Vec::new());
        let tree = parsed.trees.first().unwrap();
        let node = tree.entry(tree.root().unwrap(), "b", text).unwrap().value;
        let list = json!([1, 1.5, "x", null, true]);
        assert_eq!(tree.json(node, text), json!({"c": list, "d": list}));
    }
}
