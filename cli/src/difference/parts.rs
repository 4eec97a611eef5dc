//! What an object consists of: parts that are written apart, as routes, rules and servers are, and what it says beside them.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use mesh_snapshot::Object;
use serde_json::{Map, Value};

use super::authored::{Authored, Content, Securing};
use super::rule::{sentence, without_rules};
use super::{client_policy, service, units};

/// The lists and maps of objects whose parts are written apart.
const LISTS: [&str; 8] =
    ["http", "tls", "tcp", "rules", "servers", "filters", "settings", "routeHeaders"];
const MAPS: [&str; 1] = ["subsets"];

/// The lists in which the order counts: the first that fits is taken, or they are done one after the other.
const ORDERED: [&str; 6] = ["http", "tls", "tcp", "filters", "settings", "routeHeaders"];

/// The parts of all contents that an object has.
pub(super) struct Parts {
    /// By name, with their contents as texts.
    pub(super) all: Vec<(String, Value, String)>,
}

impl Parts {
    pub(super) fn of(side: &Authored<'_>, contents: &[Content]) -> Self {
        let named = contents.iter().flat_map(|content| of_content(side, content));
        let mut all: Vec<_> = named
            .map(|(name, value)| {
                let text = value.to_string();
                // What is called by a name is no other that says the same, as places in a list are.
                let is_named =
                    MAPS.iter().any(|map| name.split_once('.').is_some_and(|(of, _)| of == *map));
                let text = if is_named { format!("{name}: {text}") } else { text };
                (name, value, text)
            })
            .collect();
        all.sort_by(|a, b| (&a.0, &a.2).cmp(&(&b.0, &b.2)));
        all.dedup();
        Self { all }
    }

    /// The names of those whose content `other` does not have.
    pub(super) fn without(&self, other: &Self) -> BTreeSet<&str> {
        let known: HashSet<&str> = other.all.iter().map(|(_, _, text)| text.as_str()).collect();
        let lacking = self.all.iter().filter(|(_, _, text)| !known.contains(text.as_str()));
        lacking.map(|(name, ..)| name.as_str()).collect()
    }

    /// Of what both have, that which stands in another order in a list in which it counts: its place there, and its place here.
    /// As few are told as can be: where one was moved up the others were not.
    pub(super) fn moved<'p>(&'p self, before: &'p Self) -> Vec<(&'p str, &'p str)> {
        ORDERED
            .into_iter()
            .flat_map(|list| moved(&before.listed(list), &self.listed(list)))
            .collect()
    }

    /// The parts of a list in their order, with their contents. None where several contents have places of their own.
    fn listed(&self, list: &str) -> Vec<(&str, &str)> {
        let place = |name: &str| -> Option<usize> {
            name.strip_prefix(list)?.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
        };
        let own = self
            .all
            .iter()
            .filter_map(|(name, _, text)| Some((place(name)?, (name.as_str(), text.as_str()))));
        let mut listed: Vec<_> = own.collect();
        listed.sort_unstable();
        let are_of_one = listed.iter().enumerate().all(|(at, (place, _))| at == *place);
        let parts = listed.into_iter().map(|(_, part)| part);
        if are_of_one { parts.collect() } else { Vec::new() }
    }

    /// The part of this name, if there is one alone.
    pub(super) fn only(&self, name: &str) -> Option<&Value> {
        let start = self.all.partition_point(|(other, ..)| other.as_str() < name);
        let mut named = self.all.get(start..)?.iter().take_while(|(other, ..)| other == name);
        named.next().filter(|_| named.next().is_none()).map(|(_, value, _)| value)
    }
}

/// Those of the parts of two lists that are not in the longest run which both have in the same order.
fn moved<'p>(
    before: &[(&'p str, &'p str)],
    after: &[(&'p str, &'p str)],
) -> Vec<(&'p str, &'p str)> {
    let mut places: HashMap<&str, VecDeque<usize>> = HashMap::new();
    for (at, (_, text)) in before.iter().enumerate() {
        places.entry(text).or_default().push_back(at);
    }
    // Of equal ones the first was the first.
    let known = after.iter().filter_map(|(name, text)| {
        let at = places.get_mut(text)?.pop_front()?;
        Some((at, before.get(at)?.0, *name))
    });
    let known: Vec<_> = known.collect();
    if known.is_sorted_by_key(|(at, ..)| *at) {
        return Vec::new();
    }
    // Of the runs of each length the one that ends lowest, as its last place and which one that is: a longer one begins with it.
    let mut ends: Vec<(usize, usize)> = Vec::new();
    let mut earlier = Vec::new();
    for (index, (at, ..)) in known.iter().enumerate() {
        let length = ends.partition_point(|(end, _)| end < at);
        let before = length.checked_sub(1).and_then(|it| ends.get(it));
        earlier.push(before.map(|(_, index)| *index));
        match ends.get_mut(length) {
            Some(end) => *end = (*at, index),
            None => ends.push((*at, index)),
        }
    }
    let mut last = ends.last().map(|(_, index)| *index);
    let mut stays = BTreeSet::new();
    while let Some(index) = last {
        stays.insert(index);
        last = earlier.get(index).copied().flatten();
    }
    let moved = known.iter().enumerate().filter(|(index, _)| !stays.contains(index));
    moved.map(|(_, (_, was, is))| (*was, *is)).collect()
}

/// Names and contents. Rules of authorization are sentences.
pub(super) fn of_content(side: &Authored<'_>, content: &Content) -> Vec<(String, Value)> {
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
pub(super) fn rest(content: &Content) -> Value {
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
        Content::Object(Object::Service(service)) => return service::fields(service),
        Content::Object(Object::ClientPolicy(policy)) => return client_policy::fields(policy),
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
