//! `uncaptured-port`: a policy is about a port that the proxy does not see.
//!
//! Source: Istio, `traffic.sidecar.istio.io/excludeInboundPorts`, `includeInboundPorts`.

use crate::api::istio::Rule;
use crate::check::selection;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::{Mesh, Workload};

pub(super) static CHECK: Check =
    Check::lint("uncaptured-port", Severity::Warning, include_str!("uncaptured_port.md"));

const EXCLUDE: &str = "traffic.sidecar.istio.io/excludeInboundPorts";
const INCLUDE: &str = "traffic.sidecar.istio.io/includeInboundPorts";

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for policy in &mesh.policies.authorization_policies {
        let Ok(scope) = &policy.scope else { continue };
        let rules = || policy.resource.spec.rules.iter().flatten();
        if !rules().any(Rule::names_ports) {
            continue;
        }
        let selected = selection::of_policy(mesh, scope);
        for (index, rule) in rules().enumerate() {
            let at = FieldPath::default().field("spec").field("rules").index(index);
            let found = ports(rule, &at).find_map(|(port, at)| {
                let escaped = selected.iter().find_map(|it| Some((it, escapes(it, port)?)));
                escaped.map(|(workload, annotation)| (port, at, workload, annotation))
            });
            let Some((port, at, workload, annotation)) = found else { continue };
            let by = workload.annotations_path().field(annotation);
            out.push(
                Diagnostic::new(
                    &CHECK,
                    Place::value(policy.resource.id, at),
                    format!("port {port} does not go through the proxy"),
                )
                .label("nothing enforces this")
                .also(Place::value(workload.id, by), "excluded here")
                .consequence(
                    "connections to the port reach the application whatever the policy says",
                )
                .help("let the proxy take the port"),
            );
        }
    }
}

/// The ports that a rule names.
fn ports<'r>(rule: &'r Rule, at: &FieldPath) -> impl Iterator<Item = (u16, FieldPath)> + 'r {
    let at = at.clone().field("to");
    let operations = rule.to.iter().flatten().enumerate();
    operations.filter_map(|(index, to)| Some((index, to.operation.as_ref()?))).flat_map(
        move |(index, operation)| {
            let at = at.clone().index(index).field("operation").field("ports");
            let ports = operation.ports.iter().enumerate();
            ports.filter_map(move |(index, port)| {
                Some((port.parse().ok()?, at.clone().index(index)))
            })
        },
    )
}

/// The annotation that keeps a port from the proxy.
fn escapes(workload: &Workload<'_>, port: u16) -> Option<&'static str> {
    let lists = |name: &str| {
        let value = workload.metadata.annotations.get(name)?;
        let mut ports = value.split(',').map(str::trim);
        Some((value.trim() == "*", ports.any(|it| it.parse() == Ok(port))))
    };
    if lists(EXCLUDE).is_some_and(|(_, named)| named) {
        return Some(EXCLUDE);
    }
    lists(INCLUDE).is_some_and(|(all, named)| !all && !named).then_some(INCLUDE)
}
