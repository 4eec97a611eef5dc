//! What differs between two policies: each a folder of resources or a snapshot.

mod edits;
mod items;
mod policy;

use std::collections::BTreeSet;

use mesh_snapshot::container::Bundle;
use mesh_snapshot::diff::{Side, Workloads, diff};
use mesh_snapshot::{Digest, Key, Kind, Location};

pub(crate) use edits::Edit;
pub(crate) use items::Item;
pub(crate) use policy::Policy;

/// The difference of two policies, ready to be shown.
#[derive(Debug)]
pub(crate) struct Difference {
    pub before: Digest,
    pub after: Digest,
    /// By key.
    pub objects: Vec<Changed>,
    pub workloads: Workloads,
}

/// An object that is not the same on both sides.
#[derive(Debug)]
pub(crate) struct Changed {
    pub key: Key,
    pub change: Change,
    /// Where it was written, and where it is.
    pub before: Option<Location>,
    pub after: Option<Location>,
    /// Of a changed one, what differs in it.
    pub items: Vec<Item>,
    /// And what it says differently itself.
    pub edits: Vec<Edit>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Change {
    Added,
    Removed,
    Changed,
}

impl Difference {
    pub(crate) fn between(before: &Bundle, after: &Bundle) -> Self {
        let found = diff(side(before), side(after));
        let of = |keys: BTreeSet<Key>, change| {
            keys.into_iter().map(move |key| changed(key, change, before, after))
        };
        let mut objects: Vec<_> = of(found.added, Change::Added)
            .chain(of(found.removed, Change::Removed))
            .chain(of(found.changed, Change::Changed))
            .collect();
        objects.sort_by(|a, b| a.key.cmp(&b.key));
        Self {
            before: before.snapshot.digest(),
            after: after.snapshot.digest(),
            objects,
            workloads: found.workloads,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.before == self.after
    }
}

impl Changed {
    /// Whether nobody wrote it: what a namespace sees follows from what all of them say.
    pub(crate) const fn is_view(&self) -> bool {
        matches!(self.key.kind, Kind::HostSet | Kind::Egress)
    }
}

fn side(bundle: &Bundle) -> Side<'_> {
    Side { snapshot: &bundle.snapshot, inventory: &bundle.inventory }
}

fn changed(key: Key, change: Change, before: &Bundle, after: &Bundle) -> Changed {
    let place = |bundle: &Bundle| bundle.source_map.get(&key, "").cloned();
    let (items, edits) = match change {
        Change::Changed => (items::between(&key, before, after), items::edits(&key, before, after)),
        Change::Added | Change::Removed => (Vec::new(), Vec::new()),
    };
    Changed { change, before: place(before), after: place(after), items, edits, key }
}
