//! Objects of a resource that come in place of others: it is for another host, or its routes apply at another gateway.
//!
//! Such an object says of itself all that its resource says, most of which the resource said before.

use std::collections::BTreeSet;

use mesh_snapshot::{Key, Kind};

use super::authored::Authored;
use super::{Change, Changed, Item, items};

/// What is there, and the objects of a resource among it.
type Side<'s> = (&'s Authored<'s>, &'s BTreeSet<&'s Key>);

/// Leaves of what is told of the objects of a resource what it says otherwise than before. It is on both sides.
pub(super) fn tell(group: &mut [Changed], old: Side<'_>, new: Side<'_>) {
    // An object that stays tells how the resource changed. Where none does, those that came tell it.
    let stays: BTreeSet<Key> = old.1.intersection(new.1).copied().cloned().collect();
    tell_hosts(group, &stays, old.0, new.0);
    forget_known(group, &stays, old, new);
    let mut succeeded = BTreeSet::new();
    for list in ["http[", "tls[", "tcp["] {
        if !stays.iter().any(|key| has_routes(key, list, old.0)) {
            succeeded.extend(succeed_routes(group, list, old.0, new.0).into_iter().flatten());
        }
    }
    if !succeeded.is_empty() {
        forget_known(group, &succeeded, old, new);
    }
}

fn tell_hosts(
    group: &mut [Changed],
    stays: &BTreeSet<Key>,
    before: &Authored<'_>,
    after: &Authored<'_>,
) {
    let hosts = || stays.iter().filter(|key| key.kind == Kind::Service);
    let told = if hosts().next().is_none() { succeed_host(group, before, after) } else { None };
    let moved = group.iter_mut().filter(|it| it.key.kind == Kind::Service);
    for object in moved.filter(|it| it.change != Change::Changed && Some(&it.key) != told.as_ref())
    {
        object.items.clear();
        object.edits.clear();
    }
}

/// Compares the first host that came with the first that left, and returns the key of the one that came.
fn succeed_host(group: &mut [Changed], before: &Authored<'_>, after: &Authored<'_>) -> Option<Key> {
    let first =
        |change| group.iter().position(|it| it.key.kind == Kind::Service && it.change == change);
    let (left, came) = (first(Change::Removed)?, first(Change::Added)?);
    let was = group.get(left)?.key.clone();
    let came = group.get_mut(came)?;
    (came.items, came.edits) = items::in_place((&was, before), (&came.key, after));
    Some(came.key.clone())
}

/// Compares the first routes of a list that came with the first that left, and returns the keys of the tables that have them.
/// Routes for requests and for bytes are one table on the mesh, and several at a gateway.
fn succeed_routes(
    group: &mut [Changed],
    list: &str,
    before: &Authored<'_>,
    after: &Authored<'_>,
) -> Option<[Key; 2]> {
    let is_listed = |item: &Item| item.name.starts_with(list);
    let first = |change| {
        let mut tables = group.iter().filter(|it| it.key.kind == Kind::RouteTable);
        let has = |it: &&Changed| it.change == change && it.items.iter().any(is_listed);
        tables.find(has).map(|it| it.key.clone())
    };
    let keys = [first(Change::Removed)?, first(Change::Added)?];
    let [was, is] = &keys;
    let (mut items, _) = items::in_place((was, before), (is, after));
    let mut unknown = BTreeSet::new();
    for object in group.iter_mut().filter(|it| keys.contains(&it.key)) {
        unknown.extend(object.items.extract_if(.., |item| is_listed(item)).map(|item| item.name));
    }
    items.retain(|item| is_listed(item) && unknown.contains(&item.name));
    let came = group.iter_mut().find(|it| it.key == *is)?;
    came.items.append(&mut items);
    Some(keys)
}

fn has_routes(key: &Key, list: &str, side: &Authored<'_>) -> bool {
    let is_listed = |(_, name): &(String, String)| name.starts_with(list);
    key.kind == Kind::RouteTable && items::contents(key, side).iter().any(is_listed)
}

/// Forgets of routes that came or left those that the resource has on the other side, too, and those of which tables tell that are
/// compared.
fn forget_known(group: &mut [Changed], compared: &BTreeSet<Key>, old: Side<'_>, new: Side<'_>) {
    let tables = group.iter_mut().filter(|it| it.key.kind == Kind::RouteTable);
    for table in tables.filter(|it| !compared.contains(&it.key)) {
        let ((own, keys), (other, others)) = match table.change {
            Change::Added => (new, old),
            Change::Removed => (old, new),
            Change::Changed => continue,
        };
        let mut known = routes(others.iter().copied(), other);
        known.extend(routes(keys.iter().copied().filter(|key| compared.contains(key)), own));
        let parts = items::contents(&table.key, own).into_iter();
        let news: BTreeSet<_> =
            parts.filter(|(route, _)| !known.contains(route)).map(|(_, name)| name).collect();
        table.items.retain(|item| news.contains(&item.name));
    }
}

/// The contents of the routes that a resource has in some of its objects.
fn routes<'k>(keys: impl Iterator<Item = &'k Key>, side: &Authored<'_>) -> BTreeSet<String> {
    let tables = keys.filter(|key| key.kind == Kind::RouteTable);
    tables.flat_map(|key| items::contents(key, side)).map(|(route, _)| route).collect()
}
