//! Whom resources are exported to, which is no part of the objects that they become.

use std::collections::{BTreeMap, BTreeSet};

use mesh_compiler::Export;
use mesh_snapshot::{Key, Kind};

use super::authored::Authored;
use super::{Edit, Side};

/// Of each resource that is on both sides, and for others there than here, an object, and what it says.
pub(super) fn moved(
    (before, old): (&Side, &Authored<'_>),
    (after, new): (&Side, &Authored<'_>),
) -> BTreeMap<Key, Edit> {
    let mut edits = edits(before, after);
    if edits.is_empty() {
        return BTreeMap::new();
    }
    let is_exported =
        |key: &&Key| matches!(key.kind, Kind::Service | Kind::ClientPolicy | Kind::RouteTable);
    let keys = new.bundle.snapshot.names().keys().chain(new.divided()).filter(is_exported);
    let shared: BTreeSet<_> = keys.filter(|key| old.has(key) && new.has(key)).collect();
    let moved = shared.into_iter().filter_map(|key| {
        let resource = &new.place(key, "")?.resource;
        Some((key.clone(), edits.remove(&**resource)?))
    });
    moved.collect()
}

/// By resource. That all who say nothing are for others is said of the mesh.
fn edits(before: &Side, after: &Side) -> BTreeMap<String, Edit> {
    let (Some(old), Some(new)) = (&before.beside, &after.beside) else { return BTreeMap::new() };
    let differs = |was: &Export, is: &Export| (was.is_own || is.is_own) && was.to != is.to;
    let said = |export: &Export| export.is_own.then(|| export.to.clone());
    let both = new.exports.iter().filter_map(|(resource, is)| {
        let was = old.exports.get(resource).filter(|was| differs(was, is))?;
        let (before, after) = (said(was), said(is));
        Some((resource.clone(), Edit { path: "exportTo".to_owned(), before, after }))
    });
    both.collect()
}
