//! YAML of a corpus, as JSON. The compiler's own reader reads it: it is tested elsewhere, and there need be no other.

use mesh_compiler::source::Input;
use serde_json::Value;

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
    Ok(value.map(|node| tree.json(node, source)).unwrap_or_default())
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
