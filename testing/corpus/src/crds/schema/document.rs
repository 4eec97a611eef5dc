//! Documents that are right at one place.

use std::fmt;

use serde_json::{Map, Value, json};

use super::probe::matches;

/// A kind, by its definition.
#[derive(Clone)]
pub(super) struct Kind {
    pub name: String,
    api_version: String,
    /// Of `spec`, under that name.
    pub schema: Value,
}

/// One step into a document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Step {
    Field(String),
    Element,
    /// Any key of a map.
    Key,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Field(name) => write!(f, ".{name}"),
            Self::Element => f.write_str("[]"),
            Self::Key => f.write_str(".*"),
        }
    }
}

impl Kind {
    /// Of its newest version. Absent: the document defines none.
    pub(super) fn of_definition(document: &Value) -> Option<Self> {
        let spec = &document["spec"];
        let name = spec["names"]["kind"].as_str()?.to_owned();
        let versions = spec["versions"].as_array()?;
        let stable = versions.iter().find(|version| version["name"] == "v1");
        let version = stable.or_else(|| versions.first())?;
        let api_version = format!("{}/{}", spec["group"].as_str()?, version["name"].as_str()?);
        let whole = &version["schema"]["openAPIV3Schema"];
        let required = whole["required"].clone();
        let properties = json!({ "spec": whole["properties"]["spec"] });
        let schema = json!({ "type": "object", "properties": properties, "required": required });
        Some(Self { name, api_version, schema })
    }

    /// A document that has `value` at a place.
    pub(super) fn document(&self, path: &[Step], value: Value) -> Value {
        let mut document = build(&self.schema, path, value);
        document["apiVersion"] = self.api_version.clone().into();
        document["kind"] = self.name.clone().into();
        document["metadata"] = json!({ "name": "a", "namespace": "shop" });
        document
    }
}

/// Fields that must be there are, all the way down.
fn build(schema: &Value, path: &[Step], value: Value) -> Value {
    let Some((step, rest)) = path.split_first() else { return value };
    match step {
        Step::Field(name) => {
            let mut whole = sample(schema);
            whole[name] = build(&schema["properties"][name], rest, value);
            whole
        }
        Step::Element => json!([build(&schema["items"], rest, value)]),
        Step::Key => json!({ "key": build(&schema["additionalProperties"], rest, value) }),
    }
}

/// The least that a definition takes.
pub(super) fn sample(schema: &Value) -> Value {
    if let Some(value) = schema["enum"].get(0) {
        return value.clone();
    }
    match schema["type"].as_str() {
        Some("object") => {
            let required = schema["required"].as_array().into_iter().flatten();
            let fields = required.filter_map(Value::as_str);
            // A list that must be there has an element: without one it is as good as absent.
            let field = |name: &str| {
                let inner = &schema["properties"][name];
                let value = match sample(inner) {
                    Value::Array(list) if list.is_empty() => json!([sample(&inner["items"])]),
                    value => value,
                };
                (name.to_owned(), value)
            };
            Value::Object(fields.map(field).collect::<Map<_, _>>())
        }
        Some("array") => {
            let count = schema["minItems"].as_u64().unwrap_or(0);
            (0..count).map(|_| sample(&schema["items"])).collect()
        }
        Some("integer") => schema["minimum"].as_i64().unwrap_or(0).max(1).into(),
        Some("number") => schema["minimum"].as_f64().unwrap_or(0.0).max(1.0).into(),
        Some("boolean") => true.into(),
        _ if schema["x-kubernetes-int-or-string"] == true => 1.into(),
        _ => text(schema).into(),
    }
}

const TEXTS: &[&str] =
    &["a", "a.example.com", "/a", "1s", "Service", "a.example.com/a", "https://a.example.com/a"];

fn text(schema: &Value) -> String {
    let Some(pattern) = schema["pattern"].as_str() else { return TEXTS[0].to_owned() };
    let fitting = TEXTS.iter().find(|text| matches(pattern, text));
    fitting.copied().unwrap_or(TEXTS[0]).to_owned()
}
