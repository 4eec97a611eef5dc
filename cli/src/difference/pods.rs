//! What workloads are on both sides: who they prove to be, and whether a proxy speaks for them.

use std::collections::BTreeMap;

use mesh_snapshot::object::Workload;

use super::{Edit, Side};

/// A workload whose pods are not as they were.
#[derive(Debug)]
pub(crate) struct Pods {
    /// `namespace/name`
    pub workload: String,
    pub edits: Vec<Edit>,
}

/// By name.
pub(super) fn between(before: &Side, after: &Side) -> Vec<Pods> {
    let old: BTreeMap<_, _> = before.bundle.inventory.iter().map(|it| (name(it), it)).collect();
    let mut found: Vec<_> = after
        .bundle
        .inventory
        .iter()
        .filter_map(|new| {
            let workload = name(new);
            let old = old.get(&workload)?;
            let account = (old.service_account.as_str(), new.service_account.as_str());
            let edits =
                [edit("service account", account.0, account.1), proxies(before, after, &workload)];
            let edits: Vec<_> = edits.into_iter().flatten().collect();
            (!edits.is_empty()).then_some(Pods { workload, edits })
        })
        .collect();
    found.sort_by(|a, b| a.workload.cmp(&b.workload));
    found
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
