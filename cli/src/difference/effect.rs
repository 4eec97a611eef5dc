//! For whom something differs, and what.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

use mesh_snapshot::container::Bundle;
use mesh_snapshot::object::{Role, Workload};
use mesh_snapshot::slice::Slice;
use mesh_snapshot::{Digest, Key, Kind, Reference, Snapshot};

use super::edits::Edit;
use super::seen::Views;

/// Workloads for which the same differs.
#[derive(Debug)]
pub(crate) struct Effect {
    /// `shop/reviews-v1`; `web/*` stands for a namespace of which no workload is known.
    pub workloads: BTreeSet<String>,
    /// What they have of the objects that somebody wrote and that differ, or that are not theirs on both sides.
    pub objects: BTreeSet<Key>,
    /// What they see otherwise.
    pub edits: Vec<Edit>,
}

/// `written`: the objects that differ, without views.
pub(super) fn all(
    before: &Bundle,
    after: &Bundle,
    written: &BTreeSet<Key>,
    views: &mut Views<'_>,
) -> Vec<Effect> {
    let (mut old, mut new) = (Reach::of(before, written), Reach::of(after, written));
    let mut known: HashMap<(Digest, Digest), Vec<Edit>> = HashMap::new();
    let mut groups: BTreeMap<(BTreeSet<Key>, Vec<Edit>), BTreeSet<String>> = BTreeMap::new();
    for (name, client) in clients(before, after) {
        let (Ok(was), Ok(is)) = (old.snapshot.slice_of(&client), new.snapshot.slice_of(&client))
        else {
            continue;
        };
        if was == is {
            continue;
        }
        let mut objects = old.objects(&was);
        objects.extend(new.objects(&is));
        objects.extend(of_one_alone(&was, &is));
        let edits = match (&was.egress, &is.egress) {
            (Some(was), Some(is)) if was.digest != is.digest => known
                .entry((was.digest, is.digest))
                .or_insert_with(|| views.edits(&was.digest, &is.digest))
                .clone(),
            _ => Vec::new(),
        };
        groups.entry((objects, edits)).or_default().insert(name);
    }
    let group = |((objects, edits), workloads)| Effect { workloads, objects, edits };
    groups.into_iter().map(group).collect()
}

/// The workloads of both sides, and for each namespace without one any of its own.
fn clients(before: &Bundle, after: &Bundle) -> BTreeMap<String, Workload> {
    let names = |bundle: &Bundle| -> BTreeSet<(String, String)> {
        bundle.inventory.iter().map(|it| (it.namespace.clone(), it.name.clone())).collect()
    };
    let old = names(before);
    let is_on_both = |it: &&Workload| old.contains(&(it.namespace.clone(), it.name.clone()));
    let shared = after.inventory.iter().filter(is_on_both);
    let mut clients: BTreeMap<_, _> =
        shared.map(|it| (format!("{}/{}", it.namespace, it.name), it.clone())).collect();
    let all = before.inventory.iter().chain(&after.inventory);
    let inhabited: BTreeSet<_> = all.map(|it| it.namespace.as_str()).collect();
    let of = |bundle: &Bundle| bundle.snapshot.manifest().namespaces.keys().cloned().collect();
    let namespaces: BTreeSet<String> = of(before);
    for namespace in namespaces.union(&of(after)).filter(|it| !inhabited.contains(it.as_str())) {
        let any =
            Workload { namespace: namespace.clone(), role: Role::Sidecar, ..Workload::default() };
        clients.insert(format!("{namespace}/*"), any);
    }
    clients
}

/// The roots that one slice has and the other lacks.
fn of_one_alone(before: &Slice, after: &Slice) -> Vec<Key> {
    let keys = |slice: &Slice| -> BTreeSet<Key> {
        let written = slice.roots().filter(|root| root.key.kind != Kind::Egress);
        written.map(|root| root.key.clone()).collect()
    };
    keys(before).symmetric_difference(&keys(after)).cloned().collect()
}

/// Which of the written objects each part of one side's tree leads to.
struct Reach<'b> {
    snapshot: &'b Snapshot,
    written: &'b BTreeSet<Key>,
    known: HashMap<Digest, Rc<BTreeSet<Key>>>,
}

impl<'b> Reach<'b> {
    fn of(bundle: &'b Bundle, written: &'b BTreeSet<Key>) -> Self {
        Self { snapshot: &bundle.snapshot, written, known: HashMap::new() }
    }

    fn objects(&mut self, slice: &Slice) -> BTreeSet<Key> {
        let mut objects = BTreeSet::new();
        for root in slice.roots() {
            objects.extend(self.from(root).iter().cloned());
        }
        objects
    }

    /// A tree is at most four deep: each kind leads to kinds that lead less far.
    fn from(&mut self, Reference { key, digest }: &Reference) -> Rc<BTreeSet<Key>> {
        if let Some(known) = self.known.get(digest) {
            return Rc::clone(known);
        }
        let mut found: BTreeSet<Key> = self.written.get(key).cloned().into_iter().collect();
        if !key.kind.may_hold().is_empty()
            && let Some(object) = self.snapshot.object(digest)
        {
            for child in object.references() {
                found.extend(self.from(child).iter().cloned());
            }
        }
        let found = Rc::new(found);
        self.known.insert(*digest, Rc::clone(&found));
        found
    }
}
