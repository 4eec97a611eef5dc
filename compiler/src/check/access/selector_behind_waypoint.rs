//! `selector-behind-waypoint`: a policy selects workloads, and asks for what only the waypoint before them can see.
//!
//! A waypoint heeds policies that target it, or a service; those with a selector are for the workloads themselves, where
//! nothing reads HTTP. Source: Istio, "Configure waypoint proxies", "Layer 7 authorization policy".

use crate::api::Metadata;
use crate::check::http_field::http_field;
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
    for policy in &mesh.source.authorization_policies {
        if policy.spec.selector.is_none() {
            continue;
        }
        let waypoint = mesh.source.api_gateways.iter().find(|gateway| {
            gateway.spec.gateway_class_name == CLASS
                && gateway.namespace == policy.namespace
                && is_used(mesh, &policy.namespace, gateway.name())
        });
        let Some(waypoint) = waypoint else { continue };
        let rules = policy.spec.rules.iter().flatten().enumerate();
        let field = rules.into_iter().find_map(|(index, rule)| {
            http_field(rule, &FieldPath::default().field("spec").field("rules").index(index))
        });
        if field.is_none() {
            continue;
        }
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

/// Whether nothing says that the namespace uses another one, or none.
fn is_used(mesh: &Mesh<'_>, namespace: &str, name: &str) -> bool {
    let says = |metadata: &Metadata| metadata.labels.get(USE).map(String::as_str) == Some(name);
    let labelled = |metadata: &Metadata| metadata.labels.contains_key(USE);
    let namespaces = mesh.source.namespaces.iter().filter(|it| it.name() == namespace);
    let services = mesh.source.services.iter().filter(|it| it.namespace == namespace);
    let all: Vec<&Metadata> =
        namespaces.map(|it| &*it.metadata).chain(services.map(|it| &*it.metadata)).collect();
    all.iter().any(|it| says(it)) || !all.iter().any(|it| labelled(it))
}
