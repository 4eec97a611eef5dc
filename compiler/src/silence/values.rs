//! Values that a field may have besides the one that it has.

use serde_json::{Value, json};

use super::site::Field;
use crate::api::field::steps;
use crate::api::schema::Compiled;

/// Those that its schema lists.
pub(super) fn listed(kind: &Compiled, field: &Field) -> Vec<Value> {
    let mut found = Vec::new();
    let path: Vec<_> = steps(&field.path).collect();
    collect(&kind.whole, &path, &mut found);
    found
}

fn collect(schema: &Value, path: &[&str], found: &mut Vec<Value>) {
    let parts = ["anyOf", "oneOf", "allOf"].iter().filter_map(|key| schema[*key].as_array());
    for part in parts.flatten() {
        collect(part, path, found);
    }
    let Some((step, rest)) = path.split_first() else {
        found.extend(schema["enum"].as_array().into_iter().flatten().cloned());
        found.extend(schema.get("const").cloned());
        return;
    };
    let below = match *step {
        "[]" => &schema["items"],
        "*" => &schema["additionalProperties"],
        name => &schema["properties"][name],
    };
    if !below.is_null() {
        collect(below, rest, found);
    }
}

/// Those that are made of the one that it has.
pub(super) fn like(value: &Value) -> Vec<Value> {
    match value {
        Value::Bool(value) => vec![json!(!value)],
        Value::Number(value) => {
            let next = |by| Some(json!(value.as_i64()? + by));
            [next(1), next(2)].into_iter().flatten().collect()
        }
        Value::String(text) => [format!("{text}x"), format!("x{text}"), format!("1{text}")]
            .into_iter()
            .map(Value::from)
            .collect(),
        Value::Null | Value::Array(_) | Value::Object(_) => Vec::new(),
    }
}
