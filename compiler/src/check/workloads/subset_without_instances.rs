//! `subset-without-instances`: a subset of a host has labels that none of the host's workloads has.
//!
//! Source: Istio, `Subset.labels`. A subset may wait for the workload that it is for, so this is no error.

use mesh_snapshot::object::Labels;

use crate::api::istio::{DestinationRule, Subset};
use crate::api::{Resource, nearest};
use crate::check::selection;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::host::qualify;
use crate::resolve::service::Service;
use crate::resolve::{Mesh, Viewer, Workload};

pub(in crate::check) static CHECK: Check = Check::lint(
    "subset-without-instances",
    Severity::Warning,
    include_str!("subset_without_instances.md"),
)
.alias(&["IST0173", "KIA0203"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for rule in &mesh.source.destination_rules {
        let host = qualify(&rule.spec.host, &rule.namespace, mesh.settings.cluster_domain);
        let services = mesh.services.of_host(&host).iter().map(|id| mesh.services.get(*id));
        let services: Vec<_> = services.collect();
        let serving = services.iter().map(|it| (*it, selection::of_service(mesh, it)));
        let serving: Vec<_> = serving.collect();
        let workloads: Vec<_> = serving.iter().flat_map(|(_, own)| own).copied().collect();
        let is_shown = |it: &&Service<'_>| !mesh.source.promised.has_pods_in(it.namespace);
        if workloads.is_empty() || !services.iter().all(is_shown) {
            continue;
        }
        for (index, subset) in rule.spec.subsets.iter().enumerate() {
            let may_join = |it: &&Service<'_>| {
                mesh.machines.may_have(Some(it.namespace), &all_labels(it, subset))
            };
            let is_empty = !serving.iter().any(|(service, own)| has_any(service, own, subset));
            if is_empty && !services.iter().any(may_join) {
                let found = report(rule, index, subset, &workloads);
                let service = services.first().map(|it| it.origin.place());
                out.push(match service {
                    Some(place) => found.also(place, "of the workloads that this selects"),
                    None => found,
                });
            }
        }
    }
}

/// Whether an instance of the service, which `own` run, may be in the subset: it is what the service selects, too.
fn has_any(service: &Service<'_>, own: &[&Workload<'_>], subset: &Subset) -> bool {
    let selected = service.selects();
    let is_other = |(name, value): (&String, &String)| {
        selected.and_then(|it| it.get(name)).is_some_and(|own| own != value)
    };
    let labels = all_labels(service, subset);
    !subset.labels.iter().any(is_other) && own.iter().any(|it| it.may_have(&labels, Viewer::Istio))
}

/// Of an instance of the service that is in the subset.
fn all_labels(service: &Service<'_>, subset: &Subset) -> Labels {
    let own = service.selects().into_iter().flatten();
    own.chain(&subset.labels).map(|(name, value)| (name.clone(), value.clone())).collect()
}

fn report(
    rule: &Resource<DestinationRule>,
    index: usize,
    subset: &Subset,
    workloads: &[&Workload<'_>],
) -> Diagnostic {
    let at = FieldPath::default().field("spec").field("subsets").index(index).field("labels");
    let message = format!("no workload of `{}` is in subset `{}`", rule.spec.host, subset.name);
    let effect =
        "requests that are routed to the subset are answered with 503: it has no endpoints";
    let is_on_one = |(name, value): &(&String, &String)| {
        workloads.iter().any(|it| it.may_have_one(name, value, Viewer::Istio))
    };
    let mut labels = subset.labels.iter();
    let alone = labels.find(|label| !is_on_one(label));
    let Some((name, value)) = alone else {
        let found = Diagnostic::new(&CHECK, Place::key(rule.id, at), message);
        return found.label("no workload has all of these labels").consequence(effect);
    };
    let place = Place::value(rule.id, at.field(name.clone()));
    let values: Vec<&str> = workloads
        .iter()
        .filter_map(|it| it.metadata.labels.get(name).map(String::as_str))
        .collect();
    let near = nearest(value, values.iter().copied());
    // A version apart by one sign is another version, and seldom a slip.
    let near = near.filter(|near| near.len() > 3);
    let otherwise = format!("no workload has `{name}: {value}`");
    let mut found = Diagnostic::new(&CHECK, place, message).meant(near, otherwise);
    if let Some(workload) = workloads.iter().find(|it| it.metadata.labels.contains_key(name)) {
        let own = workload.metadata.labels.get(name).map_or("", String::as_str);
        let place = Place::value(workload.id, workload.labels_path().field(name.clone()));
        found = found.also(place, format!("`{}` has `{name}: {own}`", workload.name()));
    }
    found.consequence(effect)
}
