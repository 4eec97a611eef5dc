//! `selector-behind-waypoint`: a policy selects workloads, and asks for what only the waypoint before them can see.
//!
//! A waypoint heeds policies that target it, or a service; those with a selector are for the workloads themselves, where
//! nothing reads HTTP. Source: Istio, "Configure waypoint proxies", "Layer 7 authorization policy".

use std::cell::LazyCell;
use std::collections::{BTreeSet, HashMap};

use crate::api::gateway_api::Gateway;
use crate::api::{Metadata, Resource};
use crate::check::http_field::http_field;
use crate::check::inventory::in_namespace;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check = Check::lint(
    "selector-behind-waypoint",
    Severity::Warning,
    include_str!("selector_behind_waypoint.md"),
);

const CLASS: &str = "istio-waypoint";
const USE: &str = "istio.io/use-waypoint";

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let namespaces = LazyCell::new(|| {
        let all = mesh.source.namespaces.iter();
        all.map(|it| (it.name(), &*it.metadata)).collect::<HashMap<_, _>>()
    });
    let mut waypoints = HashMap::new();
    for policy in &mesh.source.authorization_policies {
        if policy.spec.selector.is_none() {
            continue;
        }
        let mut rules = policy.spec.rules.iter().flatten().enumerate();
        let reads_http = rules.any(|(index, rule)| {
            let at = FieldPath::default().field("spec").field("rules").index(index);
            http_field(rule, &at).is_some()
        });
        if !reads_http {
            continue;
        }
        let namespace = policy.namespace.as_str();
        let waypoint = || waypoint(mesh, namespace, namespaces.get(namespace).copied());
        let waypoint = waypoints.entry(namespace).or_insert_with(waypoint);
        let Some(waypoint) = waypoint else { continue };
        let at = FieldPath::default().field("spec").field("selector");
        let message = format!("the waypoint `{}` does not heed a selector", waypoint.name());
        out.push(
            Diagnostic::new(&CHECK, Place::key(policy.id, at), message)
                .label("for workloads, which do not read HTTP")
                .also(Place::resource(waypoint.id), "requests are judged here")
                .consequence("what the policy asks of requests is not enforced where they are read")
                .help("target the service or the waypoint with `targetRefs`"),
        );
    }
}

/// The first of a namespace, unless something says that the namespace, which is `declared` so, uses another one, or none.
fn waypoint<'m>(
    mesh: &'m Mesh<'_>,
    namespace: &str,
    declared: Option<&Metadata>,
) -> Option<&'m Resource<Gateway>> {
    let services = in_namespace(&mesh.source.services, namespace).iter().map(|it| &*it.metadata);
    let said = declared.into_iter().chain(services).filter_map(|it| it.labels.get(USE));
    let used: BTreeSet<&str> = said.map(String::as_str).collect();
    in_namespace(&mesh.source.api_gateways, namespace).iter().find(|gateway| {
        gateway.spec.gateway_class_name == CLASS
            && (used.is_empty() || used.contains(gateway.name()))
    })
}
