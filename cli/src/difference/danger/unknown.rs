//! Gateways for which no workload is known: an installation has the proxies, which the repository need not hold.

use std::collections::BTreeMap;

use mesh_snapshot::manifest::GATEWAY_NAME_LABEL;
use mesh_snapshot::object::{Labels, Role, Workload};
use mesh_snapshot::{Applies, Key, Kind};

use crate::difference::clients::Client;
use crate::difference::held::Sides;

/// Who would serve a Gateway, of whom no workload is known.
pub(super) struct Unknown {
    pub(super) workload: Workload,
    /// Whether its namespace is known, and so its policies: whoever a Gateway selects by labels may run elsewhere.
    pub(super) is_guarded: bool,
}

/// By what those are called who would serve them.
pub(super) fn all(clients: &[Client], sides: &Sides<'_>) -> BTreeMap<String, Unknown> {
    let snapshot = &sides.before.1.bundle.snapshot;
    let mut unknown = BTreeMap::new();
    // That of a Gateway of the Gateway API is its own namespace's.
    let namespaces = snapshot.manifest().namespaces.keys();
    let own = namespaces.filter_map(|name| Some((Some(name.as_str()), snapshot.namespace(name)?)));
    let sections = std::iter::once((None, snapshot.mesh())).chain(own);
    let entries = sections.flat_map(|(of, section)| section.entries.iter().map(move |it| (of, it)));
    let of_gateways = entries.filter(|(of, entry)| {
        let key = &entry.reference.key;
        key.kind == Kind::Gateway && of.is_none_or(|of| of == &*key.namespace)
    });
    let known = clients.iter().flat_map(|it| [&it.before, &it.after]);
    let known: Vec<_> = known.filter(|it| it.role == Role::Gateway).collect();
    for (of, entry) in of_gateways {
        let is_of_namespace = matches!(entry.applies, Applies::Gateways(_));
        let serves = |it: &Workload| {
            entry.applies.to(it) && of.is_none_or(|of| !is_of_namespace || of == it.namespace)
        };
        if known.iter().any(|it| serves(it)) {
            continue;
        }
        for (name, labels) in runners(&entry.reference.key, &entry.applies) {
            let workload = Workload {
                namespace: entry.reference.key.namespace.to_string(),
                labels,
                role: Role::Gateway,
                ..Workload::default()
            };
            unknown.entry(name).or_insert(Unknown { workload, is_guarded: is_of_namespace });
        }
    }
    unknown
}

/// What those are called who serve a Gateway, and their labels.
fn runners(gateway: &Key, applies: &Applies) -> Vec<(String, Labels)> {
    match applies {
        Applies::All => vec![("all gateways".to_owned(), Labels::new())],
        Applies::Selected(sets) => {
            let label = |(name, value): (&String, &String)| format!("{name}: {value}");
            let called = |set: &Labels| set.iter().map(label).collect::<Vec<_>>().join(", ");
            sets.iter().map(|set| (format!("gateways with {}", called(set)), set.clone())).collect()
        }
        Applies::Gateways(names) => {
            let runner = |name: &String| {
                let labels = Labels::from([(GATEWAY_NAME_LABEL.to_owned(), name.clone())]);
                (format!("gateways of {}/{name}", gateway.namespace), labels)
            };
            names.iter().map(runner).collect()
        }
        // Whose addresses they are the inventory says.
        Applies::Addressed(_) => Vec::new(),
    }
}
