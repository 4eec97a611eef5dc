//! Where in the policy repository each part of a snapshot came from.
//!
//! Beside the snapshot, not in it: moving a line must not change a digest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Key;

/// A place in a policy repository, and the resource that stands there.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Location {
    /// Relative to the repository, with `/`.
    pub file: String,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// `VirtualService shop/reviews`.
    pub resource: String,
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Places by object, and within it by item: `http[1]` for a route, `rules[0]` for a rule,
/// `subsets.v2`, `servers[0]`; the empty item is the object as a whole.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(from = "Vec<(Key, Places)>", into = "Vec<(Key, Places)>")]
pub struct SourceMap {
    objects: BTreeMap<Key, Places>,
}

/// Item → place.
type Places = BTreeMap<String, Location>;

impl SourceMap {
    /// Notes where `item` of the object `key` stands.
    pub fn insert(&mut self, key: &Key, item: &str, location: Location) {
        self.objects.entry(key.clone()).or_default().insert(item.to_owned(), location);
    }

    /// The place of `item`; that of the whole object where the item has none of its own.
    #[must_use]
    pub fn get(&self, key: &Key, item: &str) -> Option<&Location> {
        let places = self.objects.get(key)?;
        places.get(item).or_else(|| places.get(""))
    }

    /// The part that speaks of `keys`.
    #[must_use]
    pub fn of<'a>(&self, keys: impl IntoIterator<Item = &'a Key>) -> Self {
        let kept = keys.into_iter().filter_map(|key| self.objects.get_key_value(key));
        Self { objects: kept.map(|(key, places)| (key.clone(), places.clone())).collect() }
    }

    /// Notes where items of the object `key` stand.
    pub fn note(&mut self, key: &Key, items: impl IntoIterator<Item = (String, Location)>) {
        match self.objects.get_mut(key) {
            Some(places) => places.extend(items),
            None => drop(self.objects.insert(key.clone(), items.into_iter().collect())),
        }
    }

    /// Forgets all objects but some.
    pub fn retain(&mut self, is_kept: impl Fn(&Key) -> bool) {
        self.objects.retain(|key, _| is_kept(key));
    }
}

impl From<Vec<(Key, Places)>> for SourceMap {
    fn from(objects: Vec<(Key, Places)>) -> Self {
        Self { objects: objects.into_iter().collect() }
    }
}

impl From<SourceMap> for Vec<(Key, Places)> {
    fn from(map: SourceMap) -> Self {
        map.objects.into_iter().collect()
    }
}
