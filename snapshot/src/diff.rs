//! What differs between two snapshots, and whom it concerns.

use std::collections::{BTreeMap, BTreeSet};

use crate::object::Workload;
use crate::{Digest, Entry, Key, Kind, Object, Snapshot, slice};

/// The difference of two snapshots. Empty exactly when they have the same digest.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Diff {
    pub added: BTreeSet<Key>,
    pub removed: BTreeSet<Key>,
    /// Another content, or for other workloads.
    pub changed: BTreeSet<Key>,
    pub workloads: Workloads,
}

/// The workloads of both inventories, by what becomes of their slices.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Workloads {
    pub added: BTreeSet<Key>,
    pub removed: BTreeSet<Key>,
    /// Their proxies have something to load.
    pub changed: BTreeSet<Key>,
    /// Their proxies are told the new epoch, and that is all.
    pub unchanged: BTreeSet<Key>,
}

impl Diff {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty() && self.changed.is_empty()
    }
}

/// What leads from `before` to `after`.
#[must_use]
pub fn diff(before: &Snapshot, after: &Snapshot) -> Diff {
    let (old, new) = (before.entries(), after.entries());
    let mut diff = Diff { workloads: workloads(before, &old, after, &new), ..Diff::default() };
    for (key, entry) in &new {
        match old.get(key) {
            None => drop(diff.added.insert(key.clone())),
            Some(other) if other != entry => drop(diff.changed.insert(key.clone())),
            Some(_) => {}
        }
    }
    diff.removed = old.into_keys().filter(|key| !new.contains_key(key)).collect();
    diff
}

fn workloads(
    before: &Snapshot,
    old: &BTreeMap<Key, Entry>,
    after: &Snapshot,
    new: &BTreeMap<Key, Entry>,
) -> Workloads {
    let (old, new) = (slices(before, old), slices(after, new));
    let mut workloads = Workloads::default();
    for (key, digest) in &new {
        let group = match old.get(key) {
            None => &mut workloads.added,
            Some(other) if other == digest => &mut workloads.unchanged,
            Some(_) => &mut workloads.changed,
        };
        group.insert(key.clone());
    }
    workloads.removed = old.into_keys().filter(|key| !new.contains_key(key)).collect();
    workloads
}

/// The digest of each workload's slice; none where it has none.
fn slices(snapshot: &Snapshot, entries: &BTreeMap<Key, Entry>) -> BTreeMap<Key, Option<Digest>> {
    let inventory = entries.values().filter(|entry| entry.reference.key.kind == Kind::Workload);
    let workload = |entry: &Entry| match snapshot.object(&entry.reference.digest) {
        Some(Object::Workload(workload)) => Some((entry.reference.key.clone(), workload)),
        _ => None,
    };
    inventory.filter_map(workload).map(|(key, it)| (key, slice_of(snapshot, &it))).collect()
}

fn slice_of(snapshot: &Snapshot, workload: &Workload) -> Option<Digest> {
    slice(snapshot.digest(), workload, snapshot).ok().map(|slice| slice.digest())
}
