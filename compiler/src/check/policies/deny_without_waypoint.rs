//! `deny-without-waypoint`: a `DENY` rule asks for what only requests have, for workloads in ambient mode.
//!
//! Istio's node proxy reads no requests: it skips a rule of which nothing is left without them, and nothing is denied. A waypoint
//! takes policies that target it. Here every workload has a proxy that does what the rule says. Sources: Istio, "Layer 4
//! security policies in ambient mode"; istio/istio#61126.

use crate::api::istio::{Action, Attached};
use crate::check::ambient::namespace_label;
use crate::check::http_field::http_field;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(in crate::check) static CHECK: Check = Check::lint(
    "deny-without-waypoint",
    Severity::Warning,
    include_str!("deny_without_waypoint.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for policy in &mesh.policies.authorization_policies {
        let spec = &policy.resource.spec;
        if spec.action != Action::Deny || spec.attachment().is_targeted() || policy.scope.is_err() {
            continue;
        }
        let Some(label) = namespace_label(mesh, &policy.resource.namespace) else { continue };
        let rules = spec.rules.iter().flatten().enumerate();
        let mut fields = rules.filter_map(|(index, rule)| {
            let at = FieldPath::default().field("spec").field("rules").index(index);
            http_field(rule, &at).map(|field| Place::key(policy.resource.id, field))
        });
        let Some(first) = fields.next() else { continue };
        let message = "in ambient mode nothing looks at requests without a waypoint";
        out.push(
            Diagnostic::new(&CHECK, first, message)
                .label("only a waypoint sees this")
                .also(label, "ambient mode")
                .and_here(fields)
                .consequence("Istio's node proxy skips a rule for requests, and the requests are let through")
                .help("let a waypoint enforce the policy, with `targetRefs`"),
        );
    }
}
