//! Resources of which each workload should have one, and which of them meet at one workload.

use std::collections::BTreeMap;

use mesh_snapshot::object::Labels;

use super::inventory;
use crate::api::Resource;
use crate::resolve::{Age, Mesh, Workload};

/// Why, of two that contend, this one holds.
pub(super) fn why_first(winner: &Age<'_>, loser: &Age<'_>) -> &'static str {
    if winner.is_tied_with(loser) {
        "its name comes first, and neither says when it was made"
    } else {
        "it is older"
    }
}

/// Two resources that select the same workloads, the first of which is shown.
pub(super) struct Overlap<'m, 'a, T> {
    pub earlier: &'m Resource<T>,
    pub later: &'m Resource<T>,
    pub workload: &'m Workload<'a>,
}

/// The resources that a workload has beside another one, each told once. `labels` are those by which a resource selects;
/// empty ones select nobody here.
pub(super) fn overlaps<'m, 'a, T>(
    mesh: &'m Mesh<'a>,
    resources: &'m [Resource<T>],
    labels: impl Fn(&'m T) -> Option<&'m Labels>,
) -> Vec<Overlap<'m, 'a, T>> {
    let mut found = Vec::new();
    for (position, later) in resources.iter().enumerate() {
        let Some(own) = labels(&later.spec).filter(|own| !own.is_empty()) else { continue };
        let selected = inventory::workloads(mesh, &later.namespace);
        let selected: Vec<_> = selected.filter(|it| it.inventory.has(own)).collect();
        // They are sorted by namespace.
        let before = resources.get(..position).unwrap_or_default();
        let near = inventory::in_namespace(before, &later.namespace);
        let earlier = near.iter().find_map(|earlier| {
            let other = labels(&earlier.spec).filter(|other| !other.is_empty())?;
            let shared = selected.iter().find(|it| it.inventory.has(other));
            shared.map(|workload| (earlier, *workload))
        });
        if let Some((earlier, workload)) = earlier {
            found.push(Overlap { earlier, later, workload });
        }
    }
    found
}

/// The resources for a whole namespace, where it has several.
pub(super) fn several<T>(
    resources: &[Resource<T>],
    is_for_all: impl Fn(&T) -> bool,
) -> Vec<Vec<&Resource<T>>> {
    let mut by_namespace: BTreeMap<&str, Vec<&Resource<T>>> = BTreeMap::new();
    for resource in resources.iter().filter(|it| is_for_all(&it.spec)) {
        by_namespace.entry(&resource.namespace).or_default().push(resource);
    }
    by_namespace.into_values().filter(|all| all.len() > 1).collect()
}
