//! `allow-by-exclusion`: a rule of an `ALLOW` policy that says only whom or what it does not allow.
//!
//! What is excluded by identity does not exclude who has none. Rules that ask nothing are `allow-opens-everything`'s.
//! Source: Istio, `AuthorizationPolicy.rules`; "Authorization Policy Normalization".

use crate::api::istio::{Action, Rule};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("allow-by-exclusion", Severity::Warning, include_str!("allow_by_exclusion.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for policy in &mesh.policies.authorization_policies {
        let spec = &policy.resource.spec;
        if spec.action != Action::Allow || policy.scope.is_err() {
            continue;
        }
        for (index, rule) in spec.rules.iter().flatten().enumerate() {
            if asks_nothing(rule) || asks_for_something(rule) {
                continue;
            }
            let path = FieldPath::default().field("spec").field("rules").index(index);
            let place = Place::value(policy.resource.id, path);
            let message = "the rule says only what it does not allow";
            out.push(
                Diagnostic::new(&CHECK, place.clone(), message)
                    .label("allows all else")
                    .supposing(place)
                    .consequence(
                        "all else is let in from whoever reaches the workload, with or without an identity",
                    )
                    .help("say who may call, or which requests; or write a `DENY` policy for what is excluded"),
            );
        }
    }
}

fn asks_nothing(rule: &Rule) -> bool {
    rule.from.is_none() && rule.to.is_none() && rule.when.is_empty()
}

fn asks_for_something(rule: &Rule) -> bool {
    let is_asked = |lists: &[&Vec<String>]| lists.iter().any(|list| !list.is_empty());
    let sources = rule.from.iter().flatten().filter_map(|part| part.source.as_ref());
    let mut sources = sources.map(|it| {
        is_asked(&[
            &it.principals,
            &it.request_principals,
            &it.namespaces,
            &it.ip_blocks,
            &it.remote_ip_blocks,
            &it.service_accounts,
            &it.trust_domains,
        ])
    });
    let operations = rule.to.iter().flatten().filter_map(|part| part.operation.as_ref());
    let mut operations =
        operations.map(|it| is_asked(&[&it.hosts, &it.ports, &it.methods, &it.paths]));
    let mut conditions = rule.when.iter().map(|it| !it.values.is_empty());
    sources.any(|it| it) || operations.any(|it| it) || conditions.any(|it| it)
}
