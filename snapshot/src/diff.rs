//! What differs between two snapshots, and whom it concerns.

use std::collections::{BTreeMap, BTreeSet};

use crate::object::Workload;
use crate::{Key, Kind, Snapshot};

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
    diff.workloads = workloads(before, after);
    diff
}

fn workloads(before: Served<'_>, after: Served<'_>) -> Workloads {
    let mut workloads = Workloads::default();
    let (old, new) = (named(before.inventory), named(after.inventory));
    for (name, is) in &new {
        let group = match old.get(name) {
            None => &mut workloads.added,
            Some(was) if is_unchanged((before.snapshot, was), (after.snapshot, is)) => {
                &mut workloads.unchanged
            }
            Some(_) => &mut workloads.changed,
        };
        group.insert(name.clone());
    }
    workloads.removed = old.into_keys().filter(|name| !new.contains_key(name)).collect();
    workloads
}

/// Whether a workload has the same slice on both sides, or none.
fn is_unchanged(before: (&Snapshot, &Workload), after: (&Snapshot, &Workload)) -> bool {
    let slice = |(snapshot, of): (&Snapshot, &Workload)| snapshot.slice_of(of).ok();
    let is_same = before.1 == after.1 && before.0.is_same_for(&after.1.namespace, after.0);
    is_same || slice(before) == slice(after)
}

fn named(inventory: &[Workload]) -> BTreeMap<String, &Workload> {
    inventory.iter().map(|workload| (workload.full_name(), workload)).collect()
}
