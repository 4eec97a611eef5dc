//! Whom resources are exported to, which is no part of the objects that they become.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_compiler::{Beside, Export};
use mesh_snapshot::{Key, Kind};

use super::authored::Authored;
use super::{Change, Changed, Edit, Side};

/// What says on both sides whom it is for, and for others there than here.
#[derive(Default)]
pub(super) struct Moved {
    /// By an object of each resource: the first of those whose first author it is.
    pub(super) objects: BTreeMap<Key, Vec<Edit>>,
    /// The resources that are no object's first author: delegates, all but the first of the `DestinationRule`s that count as one,
    /// and those of which nothing becomes an object on both sides.
    pub(super) others: Vec<Changed>,
}

pub(super) fn moved(
    (before, old): (&Side, &Authored<'_>),
    (after, new): (&Side, &Authored<'_>),
) -> Moved {
    let (Some(was), Some(is)) = (&before.beside, &after.beside) else { return Moved::default() };
    let mut moved = Moved::default();
    let defaults = defaults(was, is);
    if !defaults.is_empty() {
        moved.objects.insert(Key::new(Kind::MeshDefaults, "", "mesh"), defaults);
    }
    let mut resources = resources(was, is);
    if resources.is_empty() {
        return moved;
    }
    let is_exported =
        |key: &&Key| matches!(key.kind, Kind::Service | Kind::ClientPolicy | Kind::RouteTable);
    let keys = new.bundle.snapshot.names().keys().chain(new.divided()).filter(is_exported);
    let shared: BTreeSet<_> = keys.filter(|key| old.has(key) && new.has(key)).collect();
    for key in shared {
        let Some(place) = new.place(key, "") else { continue };
        if let Some((was, is)) = resources.remove(&place.resource) {
            moved.objects.insert(key.clone(), vec![edit(was, is)]);
        }
    }
    moved.others = resources.into_values().filter_map(|(was, is)| alone(was, is)).collect();
    moved
}

/// Puts resources that are no objects themselves among those, which are sorted. Of rules that count as one on one side alone
/// there is an object there already.
pub(super) fn put(resources: Vec<Changed>, objects: &mut Vec<Changed>) {
    let mut others = Vec::new();
    for resource in resources {
        let known = objects.binary_search_by(|it| it.key.cmp(&resource.key)).ok();
        match known.and_then(|at| objects.get_mut(at)) {
            Some(object) => object.edits.extend(resource.edits),
            None => others.push(resource),
        }
    }
    objects.extend(others);
    objects.sort_by(|a, b| a.key.cmp(&b.key));
}

/// By name.
fn resources<'b>(
    before: &'b Beside,
    after: &'b Beside,
) -> BTreeMap<&'b Arc<str>, (&'b Export, &'b Export)> {
    // That all who say nothing are for others is said of the mesh.
    let differs = |was: &Export, is: &Export| (was.is_own || is.is_own) && was.to != is.to;
    let both = after.exports.iter().filter_map(|(resource, is)| {
        let was = before.exports.get(resource).filter(|was| differs(was, is))?;
        Some((resource, (was, is)))
    });
    both.collect()
}

fn edit(was: &Export, is: &Export) -> Edit {
    let said = |export: &Export| export.is_own.then(|| export.to.clone());
    Edit { path: "exportTo".to_owned(), before: said(was), after: said(is) }
}

/// Who sees resources that do not say it.
fn defaults(before: &Beside, after: &Beside) -> Vec<Edit> {
    let (old, new) = (&before.default_exports, &after.default_exports);
    let fields: BTreeSet<_> = old.keys().chain(new.keys()).copied().collect();
    let said = |side: &BTreeMap<_, String>, field| side.get(field).cloned();
    let edits = fields.into_iter().map(|field| Edit {
        path: field.to_owned(),
        before: said(old, field),
        after: said(new, field),
    });
    let who = |said: &Option<String>| said.as_deref().unwrap_or("*").to_owned();
    edits.filter(|edit| who(&edit.before) != who(&edit.after)).collect()
}

/// A resource by itself, as an object that it might have become.
fn alone(was: &Export, is: &Export) -> Option<Changed> {
    let (kind, name) = is.place.resource.split_once(' ')?;
    let (namespace, name) = name.split_once('/')?;
    let kind = match kind {
        "VirtualService" => Kind::RouteTable,
        "DestinationRule" => Kind::ClientPolicy,
        _ => Kind::Service,
    };
    Some(Changed {
        key: Key::new(kind, namespace, name),
        change: Change::Changed,
        before: Some(was.place.clone()),
        after: Some(is.place.clone()),
        items: Vec::new(),
        edits: vec![edit(was, is)],
        is_written: true,
    })
}
