//! Ways to be wrong.

use regex_automata::meta::Regex;
use serde_json::{Map, Value, json};

use super::document::sample;

/// Values that a definition refuses, each with what is wrong with it.
pub(super) fn wrong(schema: &Value) -> Vec<(String, Value)> {
    let mut wrong = Vec::new();
    if schema["x-kubernetes-preserve-unknown-fields"] == true
        || schema["x-kubernetes-int-or-string"] == true
    {
        return wrong;
    }
    let kind = schema["type"].as_str().unwrap_or_default();
    for value in of_another_type(kind) {
        wrong.push((format!("{value} for {kind}"), value));
    }
    match kind {
        "string" => texts(schema, &mut wrong),
        "integer" | "number" => numbers(schema, &mut wrong),
        "array" => lists(schema, &mut wrong),
        "object" => objects(schema, &mut wrong),
        _ => {}
    }
    wrong
}

fn of_another_type(kind: &str) -> Vec<Value> {
    match kind {
        "string" => vec![json!({ "a": "b" }), json!(["a"])],
        "integer" | "number" => vec![json!("x"), json!({ "a": 1 }), json!([1])],
        "boolean" => vec![json!("x"), json!(7)],
        "array" => vec![json!("x"), json!({ "a": "b" })],
        "object" => vec![json!("x"), json!(["x"])],
        _ => Vec::new(),
    }
}

fn texts(schema: &Value, wrong: &mut Vec<(String, Value)>) {
    if schema["enum"].is_array() {
        wrong.push(("a value that is none of them".to_owned(), json!("NO_SUCH_VALUE")));
    }
    if let Some(max) = schema["maxLength"].as_u64() {
        let text = "a".repeat(usize::try_from(max).unwrap_or(0) + 1);
        wrong.push((format!("{} characters", max + 1), text.into()));
    }
    if schema["minLength"].as_u64().is_some_and(|min| min > 0) {
        wrong.push(("no character".to_owned(), json!("")));
    }
    if let Some(pattern) = schema["pattern"].as_str() {
        for text in ODD.iter().filter(|text| !matches(pattern, text)) {
            wrong.push((format!("{text:?}"), json!(text)));
        }
    }
}

/// Some of these break most patterns.
const ODD: &[&str] = &["A b", "-", "a..b", "a/b/", "UPPER", "a_b", "é"];

fn numbers(schema: &Value, wrong: &mut Vec<(String, Value)>) {
    if let Some(min) = schema["minimum"].as_i64() {
        wrong.push((format!("{}", min - 1), json!(min - 1)));
    }
    if let Some(max) = schema["maximum"].as_i64() {
        wrong.push((format!("{}", max + 1), json!(max + 1)));
    }
    if schema["type"] == "integer" {
        wrong.push(("1.5".to_owned(), json!(1.5)));
    }
}

/// Lists are not made longer than this.
const ITEMS_MAX: u64 = 5000;

fn lists(schema: &Value, wrong: &mut Vec<(String, Value)>) {
    let many = |count: u64| (0..count).map(|_| sample(&schema["items"])).collect::<Value>();
    if schema["minItems"].as_u64().is_some_and(|min| min > 0) {
        wrong.push(("no element".to_owned(), json!([])));
    }
    if let Some(max) = schema["maxItems"].as_u64().filter(|max| *max < ITEMS_MAX) {
        wrong.push((format!("{} elements", max + 1), many(max + 1)));
    }
}

fn objects(schema: &Value, wrong: &mut Vec<(String, Value)>) {
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        let mut whole = sample(schema);
        if let Some(fields) = whole.as_object_mut() {
            fields.remove(name);
        }
        wrong.push((format!("without `{name}`"), whole));
    }
    if schema["properties"].is_object() {
        let mut whole = sample(schema);
        whole["noSuchField"] = json!("x");
        wrong.push(("a field that does not exist".to_owned(), whole));
    }
    if let Some(max) = schema["maxProperties"].as_u64().filter(|max| *max < ITEMS_MAX) {
        let value = sample(&schema["additionalProperties"]);
        let entries = (0..=max).map(|index| (format!("k{index}"), value.clone()));
        wrong.push((format!("{} entries", max + 1), Value::Object(entries.collect::<Map<_, _>>())));
    }
}

/// Whether a text has a match of a pattern somewhere, as in a definition. A pattern that cannot be read matches nothing.
pub(super) fn matches(pattern: &str, text: &str) -> bool {
    Regex::new(pattern).is_ok_and(|regex| regex.is_match(text))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::wrong;

    #[test]
    fn each_bound_is_overstepped_by_one() {
        let schema =
            json!({ "type": "string", "maxLength": 3, "minLength": 1, "pattern": "^[a-z]+$" });
        let found = wrong(&schema);
        let values: Vec<_> = found.iter().map(|(_, value)| value.clone()).collect();
        assert!(values.contains(&json!("aaaa")) && values.contains(&json!("")));
        assert!(values.contains(&json!("UPPER")));
        let schema = json!({ "type": "integer", "minimum": 1, "maximum": 9 });
        let found: Vec<_> = wrong(&schema).into_iter().map(|(_, value)| value).collect();
        assert!(found.contains(&json!(0)) && found.contains(&json!(10)));
    }

    #[test]
    fn what_is_kept_as_it_is_cannot_be_wrong() {
        assert!(wrong(&json!({ "x-kubernetes-preserve-unknown-fields": true })).is_empty());
    }
}
