//! What differs within an object: its routes, rules, subsets and servers.

use std::collections::BTreeSet;

use mesh_snapshot::container::Bundle;
use mesh_snapshot::{Key, Location, Object};
use serde_json::Value;

use super::Change;
use super::edits::{self, Edit};

/// A part of an object that is not the same on both sides.
#[derive(Debug)]
pub(crate) struct Item {
    /// As in a source map: `http[1]`.
    pub name: String,
    pub change: Change,
    /// Where it is; of one that is gone, where it was.
    pub place: Option<Location>,
    /// Of a changed one, what is said differently.
    pub edits: Vec<Edit>,
}

/// The lists and maps of objects whose parts are written apart.
const LISTS: [&str; 8] =
    ["http", "tls", "tcp", "rules", "servers", "filters", "settings", "routeHeaders"];
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
        let edits = match change {
            Change::Changed => edited(only(&old, name), only(&new, name)),
            Change::Added | Change::Removed => Vec::new(),
        };
        Item { name: name.clone(), change, place, edits }
    };
    gone.union(&come).map(item).collect()
}

/// What an object itself says differently, apart from its parts. Nothing where it has several contents.
pub(super) fn edits(key: &Key, before: &Bundle, after: &Bundle) -> Vec<Edit> {
    let whole = |bundle: &Bundle| {
        let mut contents = bundle.snapshot.names().get(key).into_iter().flatten();
        let object = contents.next().and_then(|digest| bundle.snapshot.object(digest))?;
        contents.next().is_none().then(|| rest(&object))
    };
    match (whole(before), whole(after)) {
        (Some(before), Some(after)) => edits::between(&before, &after),
        _ => Vec::new(),
    }
}

fn edited(before: Option<&Value>, after: Option<&Value>) -> Vec<Edit> {
    before.zip(after).map(|(before, after)| edits::between(before, after)).unwrap_or_default()
}

/// The part of this name, if there is one alone.
fn only<'p>(parts: &'p [Part], name: &str) -> Option<&'p Value> {
    let mut named = parts.iter().filter(|(other, _)| other == name).map(|(_, value)| value);
    named.next().filter(|_| named.next().is_none())
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
    let mut parts = Vec::new();
    for (name, value) in fields(object) {
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

/// What stands beside the parts.
fn rest(object: &Object) -> Value {
    let parts = [LISTS.as_slice(), &MAPS].concat();
    fields(object).filter(|(name, _)| !parts.contains(&name.as_str())).collect()
}

/// An object is a map with one field, named for its kind.
fn fields(object: &Object) -> impl Iterator<Item = (String, Value)> {
    let whole = match serde_json::to_value(object) {
        Ok(Value::Object(whole)) => whole,
        _ => serde_json::Map::new(),
    };
    let of_kind = |(_, value)| match value {
        Value::Object(fields) => fields,
        _ => serde_json::Map::new(),
    };
    whole.into_iter().flat_map(of_kind)
}
