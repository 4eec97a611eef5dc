//! What differs between two snapshots, and whom it concerns.

use std::collections::{BTreeMap, BTreeSet};

use crate::object::Workload;
use crate::{Digest, Key, Kind, Snapshot};

/// The difference of two snapshots.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Diff {
    pub added: BTreeSet<Key>,
    pub removed: BTreeSet<Key>,
    pub changed: BTreeSet<Key>,
    pub workloads: Workloads,
}

/// The workloads of both inventories, as `namespace/name`, by what becomes of their slices.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Workloads {
    pub added: BTreeSet<String>,
    pub removed: BTreeSet<String>,
    /// Their proxies have something to load.
    pub changed: BTreeSet<String>,
    /// Their proxies are told the new epoch, and that is all.
    pub unchanged: BTreeSet<String>,
}

/// A snapshot, and the workloads that are known to be served by it.
#[derive(Clone, Copy, Debug)]
pub struct Served<'a> {
    pub snapshot: &'a Snapshot,
    pub inventory: &'a [Workload],
}

/// What leads from `before` to `after`.
#[must_use]
pub fn diff(before: Served<'_>, after: Served<'_>) -> Diff {
    let (old, new) = (before.snapshot.names(), after.snapshot.names());
    let mut diff = Diff::default();
    for (key, contents) in new {
        match old.get(key) {
            None => drop(diff.added.insert(key.clone())),
            Some(other) if other != contents => drop(diff.changed.insert(key.clone())),
            Some(_) => {}
        }
    }
    // The same object for other workloads. What a namespace sees is for whoever is there.
    let is_of_workloads =
        |key: &&Key| !matches!(key.kind, Kind::HostSet | Kind::HostSets | Kind::Egress);
    let (old_scopes, new_scopes) = (before.snapshot.scopes(), after.snapshot.scopes());
    let moved = new_scopes.into_iter().filter(|(key, scope)| {
        old_scopes.get(key).is_some_and(|other| other != scope) && is_of_workloads(key)
    });
    diff.changed.extend(moved.map(|(key, _)| key.clone()));
    diff.removed = old.keys().filter(|key| !new.contains_key(key)).cloned().collect();
    diff.workloads = workloads(&slices(before), &slices(after));
    diff
}

/// Workload → digest of its slice; none where it has none.
type Slices = BTreeMap<String, Option<Digest>>;

fn workloads(old: &Slices, new: &Slices) -> Workloads {
    let mut workloads = Workloads::default();
    for (name, digest) in new {
        let group = match old.get(name) {
            None => &mut workloads.added,
            Some(other) if other == digest => &mut workloads.unchanged,
            Some(_) => &mut workloads.changed,
        };
        group.insert(name.clone());
    }
    workloads.removed = old.keys().filter(|name| !new.contains_key(*name)).cloned().collect();
    workloads
}

fn slices(Served { snapshot, inventory }: Served<'_>) -> Slices {
    let slice_of = |workload| snapshot.slice_of(workload).ok().map(|slice| slice.digest());
    let named = |workload: &Workload| format!("{}/{}", workload.namespace, workload.name);
    inventory.iter().map(|workload| (named(workload), slice_of(workload))).collect()
}
