//! What differs within an object: its routes, rules, subsets and servers.

use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::container::Bundle;
use mesh_snapshot::object::ClientPolicy;
use mesh_snapshot::{Key, Kind, Location, Object};
use serde_json::{Map, Value};

use super::Change;
use super::authored::{Authored, Content, is_securing};
use super::common;
use super::edits::{self, Edit};
use super::parts::{Parts, of_content, rest};
use super::service;
use super::viewed::{self, Sight, Viewers};

/// A part of an object that is not the same on both sides.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Item {
    /// As in a source map: `http[1]`.
    pub name: String,
    pub change: Change,
    /// Where it is; of one that is gone, where it was.
    pub place: Option<Location>,
    /// Of a changed one, what is said differently.
    pub edits: Vec<Edit>,
    /// To whom it is not the same.
    pub viewers: Viewers,
}

/// A part that differs: its name, how, and what is said differently in it.
type Part = (String, Change, Vec<Edit>);

/// As each of those has them who see the object.
pub(super) fn between(key: &Key, before: &Authored<'_>, after: &Authored<'_>) -> Vec<Item> {
    let sights = viewed::sights(key, before, after);
    let mut found: BTreeMap<Part, BTreeSet<Option<&str>>> = BTreeMap::new();
    for sight in &sights {
        for part in parts((before, &sight.before), (after, &sight.after)) {
            found.entry(part).or_default().insert(sight.viewer);
        }
    }
    let item = |((name, change, edits), viewers): (Part, _)| {
        let side = if change == Change::Removed { before } else { after };
        let place = side.place(key, &name).cloned();
        Item { name, change, place, edits, viewers: Viewers::of(&viewers, &sights) }
    };
    found.into_iter().map(item).collect()
}

/// What an object says otherwise than the one of its resource whose place it takes.
pub(super) fn in_place(
    (was, before): (&Key, &Authored<'_>),
    (is, after): (&Key, &Authored<'_>),
) -> (Vec<Item>, Vec<Edit>) {
    let (old, new) = (common::contents(was, before), common::contents(is, after));
    let item = |(name, change, edits): Part| {
        let (key, side) = if change == Change::Removed { (was, before) } else { (is, after) };
        let place = side.place(key, &name).cloned();
        Item { name, change, place, edits, viewers: viewed::viewers(key) }
    };
    let items = parts((before, &old), (after, &new)).into_iter().map(item).collect();
    let edits = match (old.as_slice(), new.as_slice()) {
        ([was], [is]) => edits::between(&rest(was), &rest(is)),
        _ => Vec::new(),
    };
    (items, edits)
}

/// The contents of the parts of an object, with the name of each, as other objects of its resource have them, too.
pub(super) fn contents(key: &Key, side: &Authored<'_>) -> BTreeSet<(String, String)> {
    let parts = Parts::of(side, &common::contents(key, side)).all.into_iter();
    parts.map(|(name, _, text)| (text, name)).collect()
}

/// Parts of equal content are the same, wherever they stand; of the others those that have one name. Of lists in which the order
/// counts it is told which have another place among the others.
fn parts(
    (before, was): (&Authored<'_>, &[Content]),
    (after, is): (&Authored<'_>, &[Content]),
) -> Vec<Part> {
    let (old, new) = (Parts::of(before, was), Parts::of(after, is));
    let (gone, come) = (old.without(&new), new.without(&old));
    let part = |name: &&str| {
        let change = match (gone.contains(name), come.contains(name)) {
            (true, true) => Change::Changed,
            (true, false) => Change::Removed,
            (false, _) => Change::Added,
        };
        let edits = match (change, old.only(name), new.only(name)) {
            (Change::Changed, Some(before), Some(after)) => edits::between(before, after),
            (Change::Added, _, Some(Value::String(sentence))) => {
                vec![Edit { path: String::new(), before: None, after: Some(sentence.clone()) }]
            }
            (Change::Removed, Some(Value::String(sentence)), _) => {
                vec![Edit { path: String::new(), before: Some(sentence.clone()), after: None }]
            }
            (Change::Added, _, Some(part)) => edits::between(&nothing(), part),
            (Change::Removed, Some(part), _) => edits::between(part, &nothing()),
            _ => Vec::new(),
        };
        ((*name).to_owned(), change, edits)
    };
    let moved = new.moved(&old).into_iter().map(|(was, is)| {
        let (path, before, after) = ("place".to_owned(), was.to_owned(), is.to_owned());
        let edit = Edit { path, before: Some(before), after: Some(after) };
        (is.to_owned(), Change::Changed, vec![edit])
    });
    gone.union(&come).map(part).chain(moved).collect()
}

fn nothing() -> Value {
    Value::Object(Map::new())
}

/// What an object itself says differently, apart from its parts. Nothing where it has several contents. Of what is new or gone
/// all is told, and how clients treat hosts otherwise than they treat any.
pub(super) fn edits(key: &Key, before: &Authored<'_>, after: &Authored<'_>) -> Vec<Edit> {
    let (old, new) = (before.contents(key), after.contents(key));
    let is_on_both = !old.is_empty() && !new.is_empty();
    let side = |side: &Authored<'_>, contents: &[Content]| match contents {
        [Content::Object(Object::Service(service))] if !is_on_both => Some(service::words(service)),
        [content] => Some(rest(content)),
        [] if key.kind == Kind::ClientPolicy && !is_securing(key) => {
            Some(rest(&Content::Object(without_rule(side.bundle))))
        }
        [] => Some(nothing()),
        _ => None,
    };
    match (side(before, &old), side(after, &new)) {
        (Some(before), Some(after)) => edits::between(&before, &after),
        _ => Vec::new(),
    }
}

/// Whether an object says the same on both sides, in the same order, to whoever sees it: what differs is only what it leads to.
pub(super) fn are_alike(key: &Key, before: &Authored<'_>, after: &Authored<'_>) -> bool {
    let said = |side: &Authored<'_>, contents: &[Content]| -> BTreeSet<String> {
        let each = contents.iter().map(|content| {
            let parts = of_content(side, content).into_iter().map(|(_, value)| value);
            parts.chain([rest(content)]).collect::<Value>().to_string()
        });
        each.collect()
    };
    let are_alike = |it: &Sight<'_>| said(before, &it.before) == said(after, &it.after);
    viewed::sights(key, before, after).iter().all(are_alike)
}

/// How clients treat a host for which there is no rule: as the mesh configuration says, or with the defaults.
fn without_rule(bundle: &Bundle) -> Object {
    let key = Key::new(Kind::ClientPolicy, "", "mesh");
    let mut contents = bundle.snapshot.names().get(&key).into_iter().flatten();
    let said = contents.next().and_then(|digest| bundle.snapshot.object(digest));
    said.unwrap_or_else(|| Object::ClientPolicy(ClientPolicy::default()))
}
