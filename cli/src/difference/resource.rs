//! Resources that become several objects, each told once: a `ServiceEntry` of several hosts, the routes of several gateways.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_snapshot::{Key, Kind};

use super::authored::{Authored, Resources};
use super::{Change, Changed, Edit, replaced};

/// Joins the objects of each resource, and tells under which key each of them is told.
pub(super) fn join(
    objects: &mut Vec<Changed>,
    [before, after]: [&Authored<'_>; 2],
    resources: &[Resources<'_>; 2],
) -> BTreeMap<Key, Key> {
    let mut groups: BTreeMap<Arc<str>, Vec<Changed>> = BTreeMap::new();
    let mut joined = Vec::new();
    for object in objects.drain(..) {
        match object.after.as_ref().or(object.before.as_ref()) {
            Some(place) if object.is_written => {
                groups.entry(Arc::clone(&place.resource)).or_default().push(object);
            }
            _ => joined.push(object),
        }
    }
    let mut told = BTreeMap::new();
    for (resource, mut group) in groups {
        let keys: Vec<_> = group.iter().map(|it| it.key.clone()).collect();
        let [old, new] = resources.each_ref().map(|of| of.get(&resource));
        let change = match (old, new) {
            (None, Some(_)) => Change::Added,
            (Some(_), None) => Change::Removed,
            _ => Change::Changed,
        };
        let is_moved = group.iter().all(|it| it.change != Change::Changed);
        if let Some((old, new)) = old.zip(new) {
            replaced::tell(&mut group, (before, old), (after, new));
        }
        if let Some(mut whole) = one(group, change) {
            whole.edits.splice(0..0, edit("hosts", [old, new].map(|keys| hosts(&resource, keys?))));
            // What it says applies elsewhere for what others say, as where a gateway came: that is told of those.
            if is_moved && whole.says_nothing() {
                continue;
            }
            told.extend(keys.into_iter().map(|key| (key, whole.key.clone())));
            joined.push(whole);
        }
    }
    joined.sort_by(|a, b| a.key.cmp(&b.key));
    *objects = joined;
    told
}

/// All that is said of a resource, under the first of its objects that is there still.
fn one(mut group: Vec<Changed>, change: Change) -> Option<Changed> {
    group.sort_by(|a, b| (a.after.is_none(), &a.key).cmp(&(b.after.is_none(), &b.key)));
    let mut group = group.into_iter();
    let mut whole = group.next()?;
    for object in group {
        for edit in object.edits {
            if !whole.edits.contains(&edit) {
                whole.edits.push(edit);
            }
        }
        for item in object.items {
            if !whole.items.contains(&item) {
                whole.items.push(item);
            }
        }
        whole.before = whole.before.or(object.before);
        whole.after = whole.after.or(object.after);
    }
    whole.change = change;
    Some(whole)
}

/// The hosts of a `ServiceEntry`, each of which is an object.
fn hosts(resource: &str, objects: &BTreeSet<&Key>) -> Option<BTreeSet<String>> {
    let services = objects.iter().filter(|key| key.kind == Kind::Service);
    let hosts = services.map(|key| key.name.split('@').next().unwrap_or_default().to_owned());
    resource.starts_with("ServiceEntry ").then(|| hosts.collect())
}

fn edit(path: &str, sides: [Option<BTreeSet<String>>; 2]) -> Option<Edit> {
    let [before, after] = sides.map(|said| {
        let said: Vec<_> = said?.into_iter().collect();
        Some(said.join(", ")).filter(|said| !said.is_empty())
    });
    (before != after).then(|| Edit { path: path.to_owned(), before, after })
}
