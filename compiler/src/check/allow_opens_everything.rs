//! `allow-opens-everything`: a rule of an `ALLOW` policy asks nothing, and so allows every request.
//!
//! Policies of one workload are a union: such a rule makes every other `ALLOW` rule for it moot. Source: Istio,
//! `AuthorizationPolicy.rules`.

use crate::api::istio::{Action, Rule};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::policy::Policy;

pub(super) static CHECK: Check = Check::lint(
    "allow-opens-everything",
    Severity::Warning,
    include_str!("allow_opens_everything.md"),
);

/// How many policies that say no more are pointed at.
const SHOWN_MAX: usize = 2;

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let policies = &mesh.policies.authorization_policies;
    let allows = |it: &&Policy<'_, crate::api::istio::AuthorizationPolicy>| {
        it.resource.spec.action == Action::Allow && it.scope.is_ok()
    };
    for policy in policies.iter().filter(allows) {
        let rules = policy.resource.spec.rules.iter().flatten();
        let Some(open) = rules.into_iter().position(asks_nothing) else { continue };
        let rules = FieldPath::default().field("spec").field("rules");
        let place = Place::value(policy.resource.id, rules.clone().index(open));
        let mut found = Diagnostic::new(&CHECK, place, "this rule allows every request")
            .label("asks nothing")
            .consequence("whoever reaches the workload is let in, with or without an identity")
            .help("say in `from` who may call, or leave `rules` out, which allows nobody");
        let count = policy.resource.spec.rules.as_ref().map_or(0, Vec::len);
        if let Some(other) = (0..count).find(|index| *index != open) {
            let place = Place::value(policy.resource.id, rules.index(other));
            found = found.also(place, "beside it this rule changes nothing");
        }
        let moot = policies.iter().filter(allows).filter(|other| {
            other.resource.id != policy.resource.id
                && other.scope == policy.scope
                && other.resource.spec.rules.as_ref().is_some_and(|rules| !rules.is_empty())
        });
        out.push(moot.take(SHOWN_MAX).fold(found, |found, other| {
            found
                .also(Place::resource(other.resource.id), "this policy no longer holds anybody off")
        }));
    }
}

fn asks_nothing(rule: &Rule) -> bool {
    rule.from.is_none() && rule.to.is_none() && rule.when.is_empty()
}
