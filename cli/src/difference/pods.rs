//! What workloads are on both sides: who they prove to be, and whether a proxy speaks for them.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::object::Workload;

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
    let old: BTreeMap<_, _> = before.bundle.inventory.iter().map(|it| (name(it), it)).collect();
    let mut groups: BTreeMap<Vec<Edit>, BTreeSet<String>> = BTreeMap::new();
    for new in &after.bundle.inventory {
        let workload = name(new);
        let Some(old) = old.get(&workload) else { continue };
        let account = (old.service_account.as_str(), new.service_account.as_str());
        let edits =
            [edit("service account", account.0, account.1), proxies(before, after, &workload)];
        let edits: Vec<_> = edits.into_iter().flatten().collect();
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

fn name(workload: &Workload) -> String {
    format!("{}/{}", workload.namespace, workload.name)
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
