//! Where in the policy repository each part of a snapshot came from.
//!
//! Beside the snapshot, not in it: moving a line must not change a digest.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Key;

/// A place in a policy repository, and the resource that stands there.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Location {
    /// Relative to the repository, with `/`. Many items stand in one file, and in one resource.
    pub file: Arc<str>,
    /// From 1.
    pub line: u32,
    /// From 1, in characters.
    pub column: u32,
    /// `VirtualService shop/reviews`.
    pub resource: Arc<str>,
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Places by object, and within it by item: `http[1]` for a route, `rules[0]` for a rule,
/// `subsets.v2`, `servers[0]`, and `ports.others.tls` where another resource says that than the rest of a client policy; the
/// empty item is the object as a whole.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(from = "Vec<(Key, Places)>", into = "Vec<(Key, Places)>")]
pub struct SourceMap {
    objects: BTreeMap<Key, Places>,
}

/// Items and their places, ascending. Most objects have one or two, for which a map would take more room than they do.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(from = "BTreeMap<String, Location>")]
struct Places(Vec<(String, Location)>);

impl Places {
    fn get(&self, item: &str) -> Option<&Location> {
        let at = self.0.binary_search_by(|(known, _)| known.as_str().cmp(item)).ok()?;
        self.0.get(at).map(|(_, location)| location)
    }

    /// Of what is told of an item twice, the last counts.
    fn extend(&mut self, items: impl IntoIterator<Item = (String, Location)>) {
        let known = std::mem::replace(&mut self.0, items.into_iter().collect());
        // The last come first.
        self.0.reverse();
        self.0.extend(known.into_iter().rev());
        self.0.sort_by(|(one, _), (other, _)| one.cmp(other));
        self.0.dedup_by(|(later, _), (earlier, _)| later == earlier);
        self.0.shrink_to_fit();
    }
}

impl From<BTreeMap<String, Location>> for Places {
    fn from(places: BTreeMap<String, Location>) -> Self {
        Self(places.into_iter().collect())
    }
}

impl Serialize for Places {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(item, location)| (item, location)))
    }
}

impl SourceMap {
    /// Notes where `item` of the object `key` stands.
    pub fn insert(&mut self, key: &Key, item: &str, location: Location) {
        self.note(key, [(item.to_owned(), location)]);
    }

    /// The place of `item`; that of the whole object where the item has none of its own.
    #[must_use]
    pub fn get(&self, key: &Key, item: &str) -> Option<&Location> {
        let places = self.objects.get(key)?;
        places.get(item).or_else(|| places.get(""))
    }

    /// The place of `item`, if it has one of its own.
    #[must_use]
    pub fn own(&self, key: &Key, item: &str) -> Option<&Location> {
        self.objects.get(key)?.get(item)
    }

    /// The part that speaks of `keys`.
    #[must_use]
    pub fn of<'a>(&self, keys: impl IntoIterator<Item = &'a Key>) -> Self {
        let kept = keys.into_iter().filter_map(|key| self.objects.get_key_value(key));
        Self { objects: kept.map(|(key, places)| (key.clone(), places.clone())).collect() }
    }

    /// Notes where items of the object `key` stand.
    pub fn note(&mut self, key: &Key, items: impl IntoIterator<Item = (String, Location)>) {
        self.objects.entry(key.clone()).or_default().extend(items);
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
