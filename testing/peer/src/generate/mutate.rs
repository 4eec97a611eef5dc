//! A change that nobody asked for: a field more, a field less, another value, an element twice.

use serde_json::{Map, Value, json};

use super::names;
use super::schema::Schema;
use crate::random::Random;

/// Changes one resource in one place. What a resource is, and what it is called, stays mostly as it was.
pub(super) fn once(resources: &mut [Value], random: &mut Random) {
    let index = random.count(0, resources.len().saturating_sub(1));
    let Some(resource) = resources.get_mut(index) else { return };
    let schema = Schema::of(resource).and_then(|it| it.property("spec"));
    let Some(spec) = resource.get_mut("spec") else { return };
    visit(spec, "spec", schema, random);
}

/// Goes down to some place, and changes what is there.
fn visit(value: &mut Value, field: &str, schema: Option<Schema<'_>>, random: &mut Random) {
    match value {
        Value::Object(object) if !object.is_empty() && random.chance(75) => {
            let keys: Vec<_> = object.keys().cloned().collect();
            let key = random.pick(&keys);
            let inner = schema.and_then(|it| it.property(&key));
            if let Some(value) = object.get_mut(&key) {
                visit(value, &key, inner, random);
            }
        }
        Value::Array(elements) if !elements.is_empty() && random.chance(85) => {
            let index = random.count(0, elements.len() - 1);
            if let Some(element) = elements.get_mut(index) {
                visit(element, field, schema.and_then(Schema::items), random);
            }
        }
        Value::Object(object) => change_object(object, schema, random),
        Value::Array(elements) => change_list(elements, random),
        scalar => *scalar = other(field, schema, random),
    }
}

fn change_object(object: &mut Map<String, Value>, schema: Option<Schema<'_>>, random: &mut Random) {
    let keys: Vec<_> = object.keys().cloned().collect();
    if !keys.is_empty() && random.chance(25) {
        object.remove(&random.pick(&keys));
        return;
    }
    let fields = schema.map(Schema::properties).unwrap_or_default();
    if fields.is_empty() || random.chance(3) {
        let key = random.pick(&["unheardOf", "Host", "spec"]);
        object.insert(key.to_owned(), json!("x"));
        return;
    }
    let (name, schema) = random.pick(&fields);
    object.insert(name.to_owned(), schema.value(name, 2, random));
}

fn change_list(elements: &mut Vec<Value>, random: &mut Random) {
    match elements.first().cloned() {
        Some(first) if random.chance(50) => elements.push(first),
        _ => elements.clear(),
    }
}

fn other(field: &str, schema: Option<Schema<'_>>, random: &mut Random) -> Value {
    if random.chance(4) {
        return json!(random.pick(&[0, 1])); // of another type, perhaps
    }
    if let Some(schema) = schema {
        return schema.value(field, 2, random);
    }
    match names::values(field) {
        Some(values) => random.pick(&values),
        None => json!(random.pick(names::texts(field))),
    }
}
