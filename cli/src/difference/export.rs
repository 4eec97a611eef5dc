//! Whom resources are exported to, which hosts they are for and where their routes apply, which is no part of the objects that
//! they become.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use mesh_compiler::{Beside, Export, Named};
use mesh_snapshot::{Key, Kind, Location};

use super::authored::Authored;
use super::{Change, Changed, Edit, Side};

/// What says on both sides whom it is for, for which hosts or where its routes apply, and says otherwise there than here.
#[derive(Default)]
pub(super) struct Moved {
    /// By an object of each resource: the first of those whose first author it is.
    pub(super) objects: BTreeMap<Key, Vec<Edit>>,
    /// The resources that are no object's first author: delegates, all but the first of the `DestinationRule`s that count as one,
    /// and those of which nothing becomes an object on both sides.
    pub(super) others: Vec<Changed>,
    /// The objects of those that are for other hosts, each with the one under which it is told.
    pub(super) rehosted: BTreeMap<Key, Key>,
}

/// What a resource says otherwise.
struct Said<'b> {
    edits: Vec<Edit>,
    before: &'b Location,
    after: &'b Location,
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
    let mut told: BTreeMap<&Arc<str>, Key> = BTreeMap::new();
    for key in shared {
        let Some(place) = new.place(key, "") else { continue };
        if let Some(said) = resources.remove(&place.resource) {
            moved.objects.insert(key.clone(), said.edits);
            told.insert(&place.resource, key.clone());
        }
    }
    for (resource, said) in resources {
        if let Some(object) = alone(said) {
            told.insert(resource, object.key.clone());
            moved.others.push(object);
        }
    }
    let is_rehosted = |resource: &Arc<str>| is_rehosted(resource, was, is);
    for side in [old, new] {
        let keys = side.bundle.snapshot.names().keys().chain(side.divided());
        for key in keys.filter(|key| matches!(key.kind, Kind::ClientPolicy | Kind::RouteTable)) {
            let Some(place) = side.place(key, "") else { continue };
            if let Some(under) = told.get(&place.resource).filter(|_| is_rehosted(&place.resource))
            {
                moved.rehosted.insert(key.clone(), under.clone());
            }
        }
    }
    moved
}

/// The hosts that a resource is for that is new or gone. Of one that is on both sides it is told that it is for others.
pub(super) fn hosts_of(place: &Location, before: &Side, after: &Side) -> Option<Edit> {
    let hosts = |side: &Side| side.beside.as_ref()?.hosts.get(&place.resource).cloned();
    match (hosts(before), hosts(after)) {
        (Some(_), Some(_)) => None,
        (was, is) => edit_of(was.as_ref(), is.as_ref()),
    }
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
fn resources<'b>(before: &'b Beside, after: &'b Beside) -> BTreeMap<&'b Arc<str>, Said<'b>> {
    // That all who say nothing are for others is said of the mesh.
    let differs = |was: &Export, is: &Export| (was.is_own || is.is_own) && was.to != is.to;
    let exports = after.exports.iter().filter_map(|(resource, is)| {
        let was = before.exports.get(resource).filter(|was| differs(was, is))?;
        Some((resource, edit(was, is), &was.place, &is.place))
    });
    let named = [(&before.hosts, &after.hosts), (&before.parents, &after.parents)];
    let named = named.into_iter().flat_map(|(old, new)| named_otherwise(old, new));
    let mut resources: BTreeMap<_, Said<'_>> = BTreeMap::new();
    for (resource, edit, before, after) in named.chain(exports) {
        let said = || Said { edits: Vec::new(), before, after };
        resources.entry(resource).or_insert_with(said).edits.push(edit);
    }
    resources
}

/// By name, what differs, and where the resource was and is.
type Otherwise<'b> = (&'b Arc<str>, Edit, &'b Location, &'b Location);

fn named_otherwise<'b>(
    before: &'b BTreeMap<Arc<str>, Named>,
    after: &'b BTreeMap<Arc<str>, Named>,
) -> impl Iterator<Item = Otherwise<'b>> {
    after.iter().filter_map(|(resource, is)| {
        let was = before.get(resource)?;
        Some((resource, edit_of(Some(was), Some(is))?, &was.place, &is.place))
    })
}

fn is_rehosted(resource: &Arc<str>, before: &Beside, after: &Beside) -> bool {
    let both = before.hosts.get(resource).zip(after.hosts.get(resource));
    both.is_some_and(|(was, is)| was.names != is.names)
}

fn edit_of(before: Option<&Named>, after: Option<&Named>) -> Option<Edit> {
    let field = after.or(before)?.field;
    let said = |named: Option<&Named>| {
        let names: Vec<&str> = named?.names.iter().map(AsRef::as_ref).collect();
        Some(names.join(", ")).filter(|names| !names.is_empty())
    };
    let (before, after) = (said(before), said(after));
    (before != after).then(|| Edit { path: field.to_owned(), before, after })
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
fn alone(said: Said<'_>) -> Option<Changed> {
    let (kind, name) = said.after.resource.split_once(' ')?;
    let (namespace, name) = name.split_once('/')?;
    let key = match kind {
        "VirtualService" => Key::new(Kind::RouteTable, namespace, name),
        // Routes of the several kinds may have one name.
        "HTTPRoute" | "GRPCRoute" | "TLSRoute" | "TCPRoute" => {
            Key::new(Kind::RouteTable, namespace, format!("{kind}/{name}"))
        }
        "DestinationRule" => Key::new(Kind::ClientPolicy, namespace, name),
        _ => Key::new(Kind::Service, namespace, name),
    };
    Some(Changed {
        key,
        change: Change::Changed,
        before: Some(said.before.clone()),
        after: Some(said.after.clone()),
        items: Vec::new(),
        edits: said.edits,
        is_written: true,
    })
}
