//! `allow-only-for-monitoring`: all that a workload allows is to ask for its metrics or its health.
//!
//! It is said of workloads that a Service leads to, since somebody means to call them. Source: Istio, `AuthorizationPolicy`:
//! with any `ALLOW` policy, what none of them matches is denied.

use std::collections::BTreeSet;

use crate::api::istio::{Action, AuthorizationPolicy, Rule};
use crate::check::in_force::InForce;
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::policy::Policy;

pub(in crate::check) static CHECK: Check = Check::lint(
    "allow-only-for-monitoring",
    Severity::Warning,
    include_str!("allow_only_for_monitoring.md"),
);

/// First segments of such paths.
const WORDS: &[&str] = &[
    "actuator",
    "health",
    "healthcheck",
    "healthz",
    "live",
    "liveness",
    "livez",
    "metrics",
    "ping",
    "ready",
    "readiness",
    "readyz",
    "stats",
    "status",
];

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let policies = &mesh.policies.authorization_policies;
    if !policies.iter().any(watches) {
        return;
    }
    let mut met = BTreeSet::new();
    for workload in &mesh.workloads {
        let policies = InForce::at(mesh, workload);
        let mut allows = policies.with(Action::Allow);
        let Some(first) = allows.next().filter(|it| watches(it) && allows.all(watches)) else {
            continue;
        };
        let served = mesh.services.served_by(workload);
        let Some(service) = served.first() else { continue };
        if !met.insert(first.resource.id) {
            continue;
        }
        let message = format!("`{}` allows nothing but to be watched", workload.name());
        out.push(
            Diagnostic::new(&CHECK, Place::resource(first.resource.id), message)
                .label("no other policy lets anybody in")
                .also(service.origin.place(), "this leads there")
                .consequence("every request for another path is answered with 403")
                .help("say in a rule who else may call"),
        );
    }
}

/// Whether all that a policy allows is monitoring.
fn watches(policy: &Policy<'_, AuthorizationPolicy>) -> bool {
    let rules = policy.resource.spec.rules.as_deref().unwrap_or_default();
    !rules.is_empty() && rules.iter().all(is_for_monitoring)
}

/// Whether all that a rule is about are paths for metrics and health.
pub(super) fn is_for_monitoring(rule: &Rule) -> bool {
    let operations = rule.to.as_deref().unwrap_or_default();
    !operations.is_empty()
        && operations.iter().all(|part| {
            let paths = part.operation.as_ref().map_or(&[][..], |it| it.paths.as_slice());
            !paths.is_empty() && paths.iter().all(|path| is_watched(path))
        })
}

fn is_watched(path: &str) -> bool {
    let first = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    WORDS.contains(&first.trim_end_matches('*').to_ascii_lowercase().as_str())
}
