//! `shadowed-destination-rule`: a `DestinationRule` in a client's namespace hides what the service's own says, or that of the
//! service's namespace what the root namespace says of the host.
//!
//! It is said where something is lost: a subset, or a part of the traffic policy that the client's rule does not set. Source:
//! Istio, `PushContext.destinationRule`.

use std::collections::BTreeSet;

use crate::api::istio::TrafficPolicy;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
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
            let whose = format!("namespace `{}`", own.namespace);
            out.push(report((first.id, hidden.id), other.namespace, &whose, &lost));
        }
    }
    of_root(mesh, out);
}

/// Rules of the root namespace for one host, which that of the service's own namespace hides from everybody. One for many hosts is
/// a default, and meant to be hidden.
fn of_root(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let root = mesh.settings.root_namespace;
    let mut met = BTreeSet::new();
    let all = mesh.destination_rules.iter();
    for other in all.filter(|it| it.namespace == root && !is_wildcard(&it.host)) {
        let service = mesh.services.of_host(&other.host).first().map(|id| mesh.services.get(*id));
        let Some(service) = service.filter(|it| it.namespace != root) else { continue };
        let used = mesh.destination_rules.find(&other.host, service.namespace, None, root);
        let mut used = used.into_iter().map(|id| mesh.destination_rules.get(id));
        let Some(own) = used.find(|it| it.namespace == service.namespace) else { continue };
        let (Some(first), Some(hidden)) = (own.from.first(), other.from.first()) else { continue };
        // One for the root namespace's own clients is not hidden from them.
        let export_to = &hidden.spec.export_to;
        let is_public = export_to.is_empty() || export_to.iter().any(|name| name == "*");
        let lost = lost(own, other);
        if is_public && !lost.is_empty() && met.insert((first.id, hidden.id)) {
            out.push(report((first.id, hidden.id), root, "every namespace", &lost));
        }
    }
}

/// A rule, and the one of another namespace that it hides; whose clients lose what.
fn report(
    (own, hidden): (DocumentId, DocumentId),
    namespace: &str,
    clients: &str,
    lost: &[String],
) -> Diagnostic {
    let place = Place::value(own, FieldPath::default().field("spec").field("host"));
    let message = format!("the rule hides that of namespace `{namespace}` for the host");
    let lost = lost.join(", ");
    Diagnostic::new(&CHECK, place, message)
        .label(format!("lost: {lost}"))
        .also(Place::resource(hidden), "nothing of this holds here")
        .consequence(format!("requests from {clients} are sent without {lost}"))
        .help("repeat here what shall hold, or remove the rule")
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

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    /// How often it is told of a rule of the root namespace with this host and these exports, and one of the service's with that policy.
    fn count(host: &str, export_to: &str, own: &str) -> usize {
        let folder = Folder::new();
        let text = format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: reviews, namespace: shop}}\nspec: {{ports: [{{name: http, port: 80}}]}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: a, namespace: istio-system}}\nspec: {{host: '{host}', exportTo: [{export_to}], trafficPolicy: {{outlierDetection: {{consecutive5xxErrors: 1}}}}}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {{name: b, namespace: shop}}\nspec: {{host: reviews, trafficPolicy: {{{own}}}}}\n"
        );
        folder.write("a.yaml", text);
        findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
    }

    #[test]
    fn a_rule_of_the_root_namespace_for_one_host_is_hidden_by_the_services_own() {
        let (host, other) = ("reviews.shop.svc.cluster.local", "loadBalancer: {simple: RANDOM}");
        assert_eq!(count(host, "'*'", other), 1);
        assert_eq!(count(host, "'*'", "outlierDetection: {consecutive5xxErrors: 7}"), 0);
        assert_eq!(count(host, "'.'", other), 0);
        assert_eq!(count("*.shop.svc.cluster.local", "'*'", other), 0);
    }
}
