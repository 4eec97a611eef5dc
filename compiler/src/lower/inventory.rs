//! The workloads that the repository knows.

use std::collections::BTreeMap;

use mesh_snapshot::object::Workload;

use super::Lowering;
use super::checks::AMBIGUOUS_WORKLOAD;
use crate::diagnostic::{Diagnostic, Place};
use crate::resolve;

impl Lowering<'_, '_> {
    /// By namespace and name. Of two that go by one name the first kind in the alphabet.
    pub(super) fn inventory(&self) -> Vec<Workload> {
        let mut by_name: BTreeMap<(&str, &str), &resolve::Workload<'_>> = BTreeMap::new();
        for workload in &self.mesh.workloads {
            match by_name.get(&(workload.namespace(), workload.name())) {
                Some(first) => self.say([ambiguous(workload, first)]),
                None => {
                    by_name.insert((workload.namespace(), workload.name()), workload);
                }
            }
        }
        by_name.into_values().map(|workload| workload.inventory.clone()).collect()
    }
}

fn ambiguous(workload: &resolve::Workload<'_>, first: &resolve::Workload<'_>) -> Diagnostic {
    let (namespace, name) = (workload.namespace(), workload.name());
    let message = format!("there are two workloads `{namespace}/{name}`");
    Diagnostic::new(&AMBIGUOUS_WORKLOAD, Place::resource(workload.id), message)
        .label(format!("a {}", workload.kind))
        .also(Place::resource(first.id), format!("and a {}", first.kind))
        .consequence(format!(
            "only the {} is in the inventory that explains a snapshot",
            first.kind
        ))
        .help("give one of them another name")
}
