//! Of every field that is not served something is said by name: a warning, or an error where it is refused.

use rayon::prelude::*;
use serde_json::{Value, json};

use crate::api::KINDS;
use crate::api::field::{FieldState, steps};
use crate::api::schema::Compiled as Kind;
use crate::testing::Compiled;

#[test]
fn what_is_not_served_is_named() {
    let silent: Vec<_> = super::KINDS
        .par_iter()
        .flat_map(|kind| {
            let lines = kind.table.lines().into_par_iter();
            lines.filter(|(_, state)| state.speaks()).filter_map(|(line, state)| {
                let said = said(kind, &line, state)?;
                Some(format!("{} {line} ({}): {said:?}", kind.name, state.name()))
            })
        })
        .collect();
    assert!(silent.is_empty(), "{} lines:\n{}", silent.len(), silent.join("\n"));
}

/// What is said of a field in place of what should be.
fn said(kind: &Kind, line: &str, state: FieldState) -> Option<Vec<String>> {
    let (path, value) = line.split_once('=').map_or((line, None), |(path, it)| (path, Some(it)));
    let way: Vec<_> = steps(path).collect();
    let values = value.map_or_else(
        || VALUES.iter().map(|it| it.parse().unwrap()).collect(),
        |it| vec![json!(it)],
    );
    let key = way.iter().rev().find(|it| **it != "[]").map(|it| if *it == "*" { KEY } else { it });
    let name = value.or(key).unwrap_or_default();
    let mut all = Vec::new();
    for value in values {
        let said = resource(kind, put(&way, &value));
        let is_named = |line: &String| {
            let whole_kind = way == ["spec"] && line.contains("[unenforced-kind]");
            let check = match state {
                FieldState::Refused(_) => "error[refused-field]",
                FieldState::Deprecated(_) => "warning[deprecated-field]",
                _ => "warning[unenforced-field]",
            };
            whole_kind || line.starts_with(check) && line.contains(&format!("`{name}`"))
        };
        if said.iter().any(is_named) {
            return None;
        }
        all = said;
    }
    Some(all)
}

/// Of every type one that says more than its absence does.
const VALUES: &[&str] =
    &["\"a\"", "1", "true", "\"1s\"", "[\"a\"]", "{\"a\": \"b\"}", "[{\"a\": \"b\"}]", "{}", "0.5"];

/// Of a map.
const KEY: &str = "9080";

/// A value at the end of a way, with no more around it than leads there.
fn put(way: &[&str], value: &Value) -> Value {
    let Some((step, rest)) = way.split_first() else { return value.clone() };
    let below = put(rest, value);
    match *step {
        "[]" => json!([below]),
        "*" => json!({ KEY: below }),
        name => json!({ name: below }),
    }
}

/// What is said of a resource with these fields.
fn resource(kind: &Kind, mut fields: Value) -> Vec<String> {
    match kind.name {
        "MeshConfig" => {
            let text = json!({ "meshConfig": fields }).to_string();
            return Compiled::files(&[("mesh.yaml", &text)]).said();
        }
        "MeshNetworks" => {
            let metadata = json!({ "name": "istio", "namespace": "istio-system" });
            let data = json!({ "meshNetworks": fields.to_string() });
            fields = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data });
        }
        name => {
            let known = KINDS.iter().find(|it| (it.group, it.name) == (kind.group, name)).unwrap();
            let slash = if known.group.is_empty() { "" } else { "/" };
            fields["apiVersion"] = format!("{}{slash}{}", known.group, known.versions[0]).into();
            fields["kind"] = name.into();
            let mut metadata = json!({ "name": "a", "namespace": "shop" });
            if let Some(own) = fields["metadata"].as_object() {
                metadata.as_object_mut().unwrap().extend(own.clone());
            }
            fields["metadata"] = metadata;
        }
    }
    Compiled::text(&fields.to_string()).said()
}
