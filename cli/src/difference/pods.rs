//! What workloads are on both sides: who they prove to be, whether a proxy speaks for them, and the labels that they are selected by.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::manifest::GATEWAY_NAME_LABEL;
use mesh_snapshot::object::Workload;
use serde_json::Value;

use super::{Edit, Side};

/// Workloads whose pods are not as they were, and differ in the same from what they were.
#[derive(Debug)]
pub(crate) struct Pods {
    /// `namespace/name`
    pub workloads: BTreeSet<String>,
    pub edits: Vec<Edit>,
}

/// What is so for most of them first, as the last of many are not told apart; then by name.
pub(super) fn between(before: &Side, after: &Side) -> Vec<Pods> {
    let old: BTreeMap<_, _> =
        before.bundle.inventory.iter().map(|it| (it.full_name(), it)).collect();
    let both: Vec<_> = after
        .bundle
        .inventory
        .iter()
        .filter_map(|new| Some((new.full_name(), *old.get(&new.full_name())?, new)))
        .collect();
    let apart = both.iter().flat_map(|(_, old, new)| labels(old, new)).map(|(label, ..)| label);
    let selecting = selecting(apart.collect(), before, after);
    let mut groups: BTreeMap<Vec<Edit>, BTreeSet<String>> = BTreeMap::new();
    for (workload, old, new) in both {
        let account = (old.service_account.as_str(), new.service_account.as_str());
        let own =
            [edit("service account", account.0, account.1), proxies(before, after, &workload)];
        let labels = labels(old, new).filter(|(label, ..)| selecting.contains(label));
        let labels = labels.map(|(label, was, is)| Edit {
            path: format!("labels.{label}"),
            before: was.map(str::to_owned),
            after: is.map(str::to_owned),
        });
        let edits: Vec<_> = own.into_iter().flatten().chain(labels).collect();
        if !edits.is_empty() {
            groups.entry(edits).or_default().insert(workload);
        }
    }
    let mut groups: Vec<_> =
        groups.into_iter().map(|(edits, workloads)| Pods { workloads, edits }).collect();
    let order = |it: &Pods| (Reverse(it.workloads.len()), it.workloads.first().cloned());
    groups.sort_by_cached_key(order);
    groups
}

/// The labels that are not the same on both sides, by their names, as each has them.
fn labels<'w>(
    before: &'w Workload,
    after: &'w Workload,
) -> impl Iterator<Item = (&'w str, Option<&'w str>, Option<&'w str>)> {
    let names: BTreeSet<_> = before.labels.keys().chain(after.labels.keys()).collect();
    let both = names.into_iter().map(move |name| {
        let of = |side: &'w Workload| side.labels.get(name).map(String::as_str);
        (name.as_str(), of(before), of(after))
    });
    both.filter(|(_, was, is)| was != is)
}

/// Those of some labels by which something of either side may select: the others its snapshot does not speak of, in whatever object.
fn selecting<'l>(mut labels: BTreeSet<&'l str>, before: &Side, after: &Side) -> BTreeSet<&'l str> {
    // Of this one the name is not written.
    let mut found: BTreeSet<_> = labels.take(GATEWAY_NAME_LABEL).into_iter().collect();
    let sides = [before, after].into_iter();
    for (_, bytes) in sides.flat_map(|side| side.bundle.snapshot.parts()) {
        if labels.is_empty() {
            break;
        }
        let part: Value = serde_json::from_slice(bytes).unwrap_or_default();
        find(&part, &mut labels, &mut found);
    }
    found
}

/// Moves the labels that a value speaks of.
fn find<'l>(value: &Value, labels: &mut BTreeSet<&'l str>, found: &mut BTreeSet<&'l str>) {
    match value {
        Value::String(text) => found.extend(labels.take(text.as_str())),
        Value::Array(list) => list.iter().for_each(|value| find(value, labels, found)),
        Value::Object(map) => {
            for (name, value) in map {
                found.extend(labels.take(name.as_str()));
                find(value, labels, found);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn proxies(before: &Side, after: &Side, workload: &str) -> Option<Edit> {
    let said = |side: &Side| {
        let why = side.beside.as_ref()?.without_proxy.get(workload);
        Some(why.map_or_else(|| "one".to_owned(), |why| format!("none: {}", why.reason())))
    };
    edit("proxy", &said(before)?, &said(after)?)
}

fn edit(path: &str, before: &str, after: &str) -> Option<Edit> {
    let (path, before) = (path.to_owned(), Some(before.to_owned()).filter(|it| it != after)?);
    Some(Edit { path, before: Some(before), after: Some(after.to_owned()) })
}
