//! `shadowed-destination-rule`: a `DestinationRule` in a client's namespace hides what the service's own says.
//!
//! It is said where something is lost: a subset, or a part of the traffic policy that the client's rule does not set. Source:
//! Istio, `PushContext.destinationRule`.

use std::collections::BTreeSet;

use crate::api::istio::TrafficPolicy;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::destination_rule::Policy;
use crate::resolve::host::is_wildcard;

pub(super) static CHECK: Check = Check::lint(
    "shadowed-destination-rule",
    Severity::Warning,
    include_str!("shadowed_destination_rule.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let root = mesh.settings.root_namespace;
    let mut met = BTreeSet::new();
    for own in mesh.destination_rules.iter().filter(|it| !is_wildcard(&it.host)) {
        let service = mesh.services.of_host(&own.host).first().map(|id| mesh.services.get(*id));
        let Some(service) = service.filter(|it| it.namespace != own.namespace) else { continue };
        // What clients get that have no rule of their own. Those of the root namespace do not come first.
        if own.namespace == root {
            continue;
        }
        let others = mesh.destination_rules.find(&own.host, service.namespace, None, root);
        let others = others.into_iter().map(|id| mesh.destination_rules.get(id));
        for other in others.filter(|it| it.namespace != own.namespace) {
            let lost = lost(own, other);
            let (Some(first), Some(hidden)) = (own.from.first(), other.from.first()) else {
                continue;
            };
            if lost.is_empty() || !met.insert((first.id, hidden.id)) {
                continue;
            }
            let place = Place::value(first.id, FieldPath::default().field("spec").field("host"));
            let message =
                format!("the rule hides that of namespace `{}` for the host", other.namespace);
            out.push(
                Diagnostic::new(&CHECK, place, message)
                    .label(format!("lost: {}", lost.join(", ")))
                    .also(Place::resource(hidden.id), "nothing of this holds here")
                    .consequence(format!(
                        "requests from namespace `{}` are sent without {}",
                        own.namespace,
                        lost.join(", ")
                    ))
                    .help("repeat here what shall hold, or remove the rule"),
            );
        }
    }
}

/// What `other` says and `own` does not.
fn lost(own: &Policy<'_>, other: &Policy<'_>) -> Vec<String> {
    let subsets = other.subsets.iter().filter(|(.., it)| own.subset(&it.name).is_none());
    let mut lost: Vec<_> = subsets.map(|(.., it)| format!("the subset `{}`", it.name)).collect();
    let parts = |policy: &Policy<'_>| policy.traffic_policy.map(|(_, it)| parts(it));
    let (own, other) = (parts(own).unwrap_or_default(), parts(other).unwrap_or_default());
    lost.extend(other.difference(&own).map(|part| format!("`{part}`")));
    lost
}

fn parts(policy: &TrafficPolicy) -> BTreeSet<&'static str> {
    let all = [
        ("loadBalancer", policy.load_balancer.is_some()),
        ("connectionPool", policy.connection_pool.is_some()),
        ("outlierDetection", policy.outlier_detection.is_some()),
        ("tls", policy.tls.is_some()),
        ("portLevelSettings", !policy.port_level_settings.is_empty()),
    ];
    all.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect()
}
