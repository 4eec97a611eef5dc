//! Resources of which each workload should have one, and which of them meet at one workload.

use std::collections::BTreeMap;

use mesh_snapshot::object::Labels;

use crate::api::Resource;
use crate::resolve::{Age, Mesh, Selectors, Workload};

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
    let selector = |it: &'m Resource<T>| labels(&it.spec).filter(|own| !own.is_empty());
    let places = resources.iter().enumerate();
    let selecting = places.filter_map(|(place, it)| {
        Some((Some(it.namespace.as_str()), place, std::slice::from_ref(selector(it)?)))
    });
    let selectors = Selectors::new(selecting.collect::<Vec<_>>().iter().copied());
    let mut found = Vec::new();
    for (position, later) in resources.iter().enumerate() {
        let Some(own) = selector(later) else { continue };
        let selected = mesh.workloads.selected(Some(&later.namespace), own);
        let earlier = selected.iter().filter_map(|workload| {
            let near = selectors.candidates(Some(&later.namespace), &workload.inventory.labels);
            let mut near = near.into_iter().take_while(|place| *place < position);
            near.find_map(|place| {
                let earlier = resources.get(place)?;
                workload.inventory.has(selector(earlier)?).then_some((place, earlier, *workload))
            })
        });
        // The first of them, and the first workload that both select.
        if let Some((_, earlier, workload)) = earlier.min_by_key(|(place, ..)| *place) {
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
