//! YAML of a corpus, as JSON. The compiler's own reader reads it: it is tested elsewhere, and there need be no other.

use mesh_compiler::parse::{Content, NodeId, Tree};
use mesh_compiler::source::Input;
use serde_json::{Map, Value};

/// Each document of a text; `Err` where it is not YAML.
pub(crate) fn documents(text: &str) -> Result<Vec<Value>, String> {
    text.split("\n---").map(|text| text.strip_prefix("---").unwrap_or(text)).map(document).collect()
}

/// A reader of resources keeps what looks like one, so it is put into one.
fn document(text: &str) -> Result<Value, String> {
    let (_, text) =
        text.split_once('\n').filter(|(head, _)| head.trim().is_empty()).unwrap_or(("", text));
    let inner: String = text.lines().flat_map(|line| ["  ", line, "\n"]).collect();
    let wrapped = format!("apiVersion: v1\nkind: Document\nvalue:\n{inner}");
    let mut found = Vec::new();
    let input = Input::Text { name: "document.yaml".into(), text: wrapped };
    let parsed = mesh_compiler::read(&[input], &[], &mut found);
    let document = parsed.documents().next().map(|(_, document)| document);
    let Some(document) = document else {
        let said: Vec<_> = found.iter().map(|it| it.message.as_str()).collect();
        return Err(format!("not YAML: {}", said.join("; ")));
    };
    let (tree, source) = (parsed.tree(document.tree), parsed.source(document.file).text());
    let value = tree.entry(document.root, "value", source).map(|entry| entry.value);
    Ok(value.map_or(Value::Null, |node| json(tree, node, source)))
}

fn json(tree: &Tree, node: NodeId, source: &str) -> Value {
    match tree.content(node) {
        Content::Null | Content::Faulty => Value::Null,
        Content::Bool(value) => value.into(),
        Content::Integer(value) => value.into(),
        Content::Float(value) => value.into(),
        Content::Text(text) => tree.text(text, source).into(),
        Content::Sequence(_) => {
            tree.elements(node).iter().map(|element| json(tree, *element, source)).collect()
        }
        Content::Mapping(_) => {
            let entries = tree.entries(node).iter();
            let entry = |entry: &mesh_compiler::parse::Entry| {
                (tree.text(entry.key, source).to_owned(), json(tree, entry.value, source))
            };
            Value::Object(entries.map(entry).collect::<Map<_, _>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::documents;
    use serde_json::json;

    #[test]
    fn documents_become_json() {
        let read =
            documents("---\na: 1\nb:\n- x\n- [w, 'z']\n---\n# nothing\n---\nc: null\n").unwrap();
        assert_eq!(
            read,
            [json!({ "a": 1, "b": ["x", ["w", "z"]] }), json!(null), json!({ "c": null })]
        );
    }
}
