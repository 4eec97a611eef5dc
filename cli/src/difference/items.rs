//! What differs within an object: its routes, rules, subsets and servers.

use std::collections::BTreeSet;

use mesh_snapshot::container::Bundle;
use mesh_snapshot::{Key, Location, Object};
use serde_json::Value;

use super::Change;

/// A part of an object that is not the same on both sides.
#[derive(Debug)]
pub(crate) struct Item {
    /// As in a source map: `http[1]`.
    pub name: String,
    pub change: Change,
    /// Where it is; of one that is gone, where it was.
    pub place: Option<Location>,
}

/// The lists and maps of objects whose parts are written apart.
const LISTS: [&str; 5] = ["http", "tls", "tcp", "rules", "servers"];
const MAPS: [&str; 1] = ["subsets"];

/// Parts of equal content are the same, wherever they stand; of the others those that have one name.
pub(super) fn between(key: &Key, before: &Bundle, after: &Bundle) -> Vec<Item> {
    let (old, new) = (parts(key, before), parts(key, after));
    let missing = |of: &[Part], other: &[Part]| -> BTreeSet<String> {
        let lacks = |part: &&Part| !other.iter().any(|(_, value)| *value == part.1);
        of.iter().filter(lacks).map(|(name, _)| name.clone()).collect()
    };
    let (gone, come) = (missing(&old, &new), missing(&new, &old));
    let item = |name: &String| {
        let (change, bundle) = match (gone.contains(name), come.contains(name)) {
            (true, true) => (Change::Changed, after),
            (true, false) => (Change::Removed, before),
            (false, _) => (Change::Added, after),
        };
        let place = bundle.source_map.get(key, name).cloned();
        Item { name: name.clone(), change, place }
    };
    gone.union(&come).map(item).collect()
}

/// Name and content.
type Part = (String, Value);

/// The parts of all contents that an object has, by name.
fn parts(key: &Key, bundle: &Bundle) -> Vec<Part> {
    let contents = bundle.snapshot.names().get(key).into_iter().flatten();
    let objects = contents.filter_map(|digest| bundle.snapshot.object(digest));
    let mut parts: Vec<_> = objects.flat_map(|object| of_object(&object)).collect();
    parts.dedup();
    parts
}

fn of_object(object: &Object) -> Vec<Part> {
    // An object is a map with one field, named for its kind.
    let Ok(Value::Object(whole)) = serde_json::to_value(object) else { return Vec::new() };
    let fields = whole.into_iter().filter_map(|(_, value)| match value {
        Value::Object(fields) => Some(fields),
        _ => None,
    });
    let mut parts = Vec::new();
    for (name, value) in fields.flatten() {
        match value {
            Value::Array(list) if LISTS.contains(&name.as_str()) => {
                let named = list.into_iter().enumerate();
                parts.extend(named.map(|(index, value)| (format!("{name}[{index}]"), value)));
            }
            Value::Object(map) if MAPS.contains(&name.as_str()) => {
                parts.extend(map.into_iter().map(|(key, value)| (format!("{name}.{key}"), value)));
            }
            _ => {}
        }
    }
    parts
}
