//! Data as YAML, in block style, as `kubectl` shows resources.

use std::fmt::Write;

use serde_json::Value;

/// A document. Keys stand in the order of the value's.
pub(crate) fn document(value: &Value) -> String {
    let mut out = String::new();
    node(value, 0, &mut out);
    out
}

/// What follows a line break: a list or a map, or one line.
fn node(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            for (key, value) in object {
                let _ = write!(out, "{:indent$}{}:", "", text(key));
                after_key(value, indent, out);
            }
        }
        Value::Array(all) if !all.is_empty() => {
            for value in all {
                let mut inner = String::new();
                node(value, indent + 2, &mut inner);
                // The first line of an element stands behind its dash.
                let _ = write!(out, "{:indent$}- {}", "", inner.trim_start());
            }
        }
        scalar => {
            let _ = writeln!(out, "{:indent$}{}", "", line(scalar));
        }
    }
}

fn after_key(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(object) if !object.is_empty() => {
            out.push('\n');
            node(value, indent + 2, out);
        }
        Value::Array(all) if !all.is_empty() => {
            out.push('\n');
            node(value, indent, out);
        }
        scalar => {
            let _ = writeln!(out, " {}", line(scalar));
        }
    }
}

fn line(scalar: &Value) -> String {
    match scalar {
        Value::String(value) => text(value),
        other => other.to_string(),
    }
}

/// In quotes wherever a reader could take it for something else than this text.
fn text(value: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || " ./_-()".contains(c);
    let starts_plainly = value.starts_with(|c: char| c.is_ascii_alphabetic());
    let is_word = matches!(
        value.to_ascii_lowercase().as_str(),
        "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    if starts_plainly && !value.ends_with(' ') && !is_word && value.chars().all(is_plain) {
        value.to_owned()
    } else {
        Value::from(value).to_string()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::document;

    #[test]
    fn lists_and_maps_stand_in_blocks() {
        let value = json!({
            "kind": "Gateway",
            "status": { "listeners": [{ "name": "a", "kinds": [] }, { "name": "b", "count": 2 }] },
        });
        let text = "kind: Gateway\nstatus:\n  listeners:\n  - kinds: []\n    name: a\n  - count: 2\n    name: b\n";
        assert_eq!(document(&value), text);
    }

    #[test]
    fn what_looks_like_something_else_is_quoted() {
        let value =
            json!({ "a": "True", "b": "1", "c": "x: y", "d": "", "e": "plain text", "f": "no" });
        let text = "a: \"True\"\nb: \"1\"\nc: \"x: y\"\nd: \"\"\ne: plain text\nf: \"no\"\n";
        assert_eq!(document(&value), text);
    }
}
