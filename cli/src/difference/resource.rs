//! Resources that become several objects, each told once: a `ServiceEntry` of several hosts, the routes of several gateways.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_snapshot::{Key, Kind};

use super::authored::Authored;
use super::{Change, Changed, Edit, items};

/// What is there, and the objects of a resource among it.
type Side<'s> = (&'s Authored<'s>, Option<&'s BTreeSet<&'s Key>>);

/// Joins the objects of each resource, and tells under which key each of them is told.
pub(super) fn join(
    objects: &mut Vec<Changed>,
    before: &Authored<'_>,
    after: &Authored<'_>,
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
    let sides = [(before, before.resources()), (after, after.resources())];
    let mut told = BTreeMap::new();
    for (resource, mut group) in groups {
        let keys: Vec<_> = group.iter().map(|it| it.key.clone()).collect();
        let [old, new] = sides.each_ref().map(|(_, resources)| resources.get(&resource));
        let change = match (old, new) {
            (None, Some(_)) => Change::Added,
            (Some(_), None) => Change::Removed,
            _ => Change::Changed,
        };
        let both = [(before, old), (after, new)];
        for object in &mut group {
            forget_known_routes(object, both);
        }
        if let Some(mut whole) = one(group, change) {
            whole.edits.splice(0..0, edit("hosts", [old, new].map(|keys| hosts(&resource, keys?))));
            told.extend(keys.into_iter().map(|key| (key, whole.key.clone())));
            joined.push(whole);
        }
    }
    joined.sort_by(|a, b| a.key.cmp(&b.key));
    *objects = joined;
    told
}

/// Routes that come to another host or gateway, or leave one, are the same as before.
fn forget_known_routes(object: &mut Changed, sides: [Side<'_>; 2]) {
    let [old, new] = sides;
    let ((own, _), (other, keys)) = match object.change {
        Change::Added => (new, old),
        Change::Removed => (old, new),
        Change::Changed => return,
    };
    let tables = keys.into_iter().flatten().filter(|key| key.kind == Kind::RouteTable);
    let tables = tables.filter(|_| object.key.kind == Kind::RouteTable);
    let known: BTreeSet<_> =
        tables.flat_map(|key| items::contents(key, other)).map(|(content, _)| content).collect();
    if known.is_empty() {
        return;
    }
    let parts = items::contents(&object.key, own).into_iter();
    let news: BTreeSet<_> =
        parts.filter(|(content, _)| !known.contains(content)).map(|(_, name)| name).collect();
    object.items.retain(|item| news.contains(&item.name));
}

/// All that is said of a resource, under the first of its objects that is there still.
fn one(mut group: Vec<Changed>, change: Change) -> Option<Changed> {
    group.sort_by(|a, b| (a.after.is_none(), &a.key).cmp(&(b.after.is_none(), &b.key)));
    let mut group = group.into_iter();
    let mut whole = group.next()?;
    let says_hosts = |object: &Changed| {
        object.key.kind == Kind::Service && change == Change::Changed && object.change != change
    };
    // A host that came or left says of itself what the resource says of all.
    if says_hosts(&whole) {
        whole.edits.clear();
    }
    for object in group {
        let is_told = says_hosts(&object);
        for edit in object.edits.into_iter().filter(|_| !is_told) {
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
