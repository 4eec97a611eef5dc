//! What differs within an object: its routes, rules, subsets and servers.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use mesh_snapshot::container::Bundle;
use mesh_snapshot::object::ClientPolicy;
use mesh_snapshot::{Key, Kind, Location, Object};
use serde_json::{Map, Value};

use super::Change;
use super::authored::{Authored, Content, Securing, is_securing};
use super::edits::{self, Edit};
use super::rule::{sentence, without_rules};
use super::service;
use super::units;
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

/// The lists and maps of objects whose parts are written apart.
const LISTS: [&str; 8] =
    ["http", "tls", "tcp", "rules", "servers", "filters", "settings", "routeHeaders"];
const MAPS: [&str; 1] = ["subsets"];

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

/// The contents of the parts of an object, with the name of each.
pub(super) fn contents(key: &Key, side: &Authored<'_>) -> BTreeSet<(String, String)> {
    Parts::of(side, &side.contents(key))
        .all
        .into_iter()
        .map(|(name, _, text)| (text, name))
        .collect()
}

/// Parts of equal content are the same, wherever they stand; of the others those that have one name.
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
    gone.union(&come).map(part).collect()
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

/// The parts of all contents that an object has.
struct Parts {
    /// By name, with their contents as texts.
    all: Vec<(String, Value, String)>,
}

impl Parts {
    fn of(side: &Authored<'_>, contents: &[Content]) -> Self {
        let named = contents.iter().flat_map(|content| of_content(side, content));
        let mut all: Vec<_> = named
            .map(|(name, value)| {
                let text = value.to_string();
                (name, value, text)
            })
            .collect();
        all.sort_by(|a, b| (&a.0, &a.2).cmp(&(&b.0, &b.2)));
        all.dedup();
        Self { all }
    }

    /// The names of those whose content `other` does not have.
    fn without(&self, other: &Self) -> BTreeSet<&str> {
        let known: HashSet<&str> = other.all.iter().map(|(_, _, text)| text.as_str()).collect();
        let lacking = self.all.iter().filter(|(_, _, text)| !known.contains(text.as_str()));
        lacking.map(|(name, ..)| name.as_str()).collect()
    }

    /// The part of this name, if there is one alone.
    fn only(&self, name: &str) -> Option<&Value> {
        let start = self.all.partition_point(|(other, ..)| other.as_str() < name);
        let mut named = self.all.get(start..)?.iter().take_while(|(other, ..)| other == name);
        named.next().filter(|_| named.next().is_none()).map(|(_, value, _)| value)
    }
}

/// Names and contents. Rules of authorization are sentences.
fn of_content(side: &Authored<'_>, content: &Content) -> Vec<(String, Value)> {
    if let Content::Object(Object::AuthorizationPolicy(policy)) = content {
        let rules = policy.rules.iter().enumerate();
        let said = |rule| sentence(rule, policy).into();
        return rules.map(|(index, rule)| (format!("rules[{index}]"), said(rule))).collect();
    }
    let is_gateway = matches!(content, Content::Object(Object::Gateway(_)));
    let mut parts = Vec::new();
    for (name, mut value) in fields(content) {
        if is_gateway {
            name_authors(side, &mut value);
        }
        match value {
            Value::Array(list) if LISTS.contains(&name.as_str()) => {
                let named = list.into_iter().enumerate();
                parts.extend(named.map(|(index, value)| (format!("{name}[{index}]"), value)));
            }
            Value::Object(map) if MAPS.contains(&name.as_str()) => {
                parts.extend(map.into_iter().map(|(key, value)| (format!("{name}.{key}"), value)));
            }
            _ => {}
        }
    }
    parts
}

/// Calls the routes that a gateway leads to as their authors do: `VirtualService shop/reviews`.
fn name_authors(side: &Authored<'_>, value: &mut Value) {
    match value {
        Value::String(object) => {
            if let Some(author) = side.author(object) {
                author.clone_into(object);
            }
        }
        Value::Array(list) => list.iter_mut().for_each(|it| name_authors(side, it)),
        Value::Object(map) => map.values_mut().for_each(|it| name_authors(side, it)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What stands beside the parts.
fn rest(content: &Content) -> Value {
    let parts = [LISTS.as_slice(), &MAPS].concat();
    let is_gateway = matches!(content, Content::Object(Object::Gateway(_)));
    // What policies and gateways are called their keys say.
    let is_policy = matches!(content, Content::Object(Object::AuthorizationPolicy(_)));
    let is_name = |name: &str| (is_policy || is_gateway) && matches!(name, "namespace" | "name");
    let is_whole = matches!(content, Content::Securing(_));
    // What is known of the hosts that a gateway's routes lead to is no word of the gateway's.
    let is_known = |name: &str| is_gateway && name == "hosts";
    let own = |name: &str| is_whole || !(parts.contains(&name) || is_name(name) || is_known(name));
    let mut rest: Map<_, _> = fields(content).into_iter().filter(|(name, _)| own(name)).collect();
    if let Content::Object(Object::AuthorizationPolicy(policy)) = content
        && policy.rules.is_empty()
    {
        rest.insert(String::new(), without_rules(policy).into());
    }
    Value::Object(rest)
}

/// An object is a map with one field, named for its kind.
fn fields(content: &Content) -> Map<String, Value> {
    let object = match content {
        Content::Object(object) => object,
        Content::Securing(Securing { tls, hosts }) => {
            let hosts: Vec<_> = hosts.iter().map(String::as_str).collect();
            let fields = [("tls", units::tree(tls)), ("for", hosts.join(", ").into())];
            return fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        }
    };
    let Value::Object(whole) = units::tree(object) else { return Map::new() };
    let of_kind = |(_, value)| match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    whole.into_iter().flat_map(of_kind).collect()
}
