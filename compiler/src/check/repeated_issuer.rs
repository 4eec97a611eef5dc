//! `repeated-issuer`: two rules for one workload take tokens of one issuer.
//!
//! A token is taken when some rule takes it, so that what one rule asks of its audience, or by which keys it must be signed, the
//! other one need not ask. Source: Istio, `RequestAuthentication`: rules of all resources for a workload are alternatives.

use std::collections::BTreeMap;

use mesh_snapshot::Applies;

use super::selection;
use crate::api::istio::RequestAuthentication;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::policy::{Policy, Scope};

pub(super) static CHECK: Check =
    Check::lint("repeated-issuer", Severity::Warning, include_str!("repeated_issuer.md"));

type Tokens<'a> = Policy<'a, RequestAuthentication>;

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let mut by_issuer: BTreeMap<&str, Vec<(&Tokens<'_>, usize)>> = BTreeMap::new();
    for policy in &mesh.policies.request_authentications {
        for (index, rule) in policy.resource.spec.jwt_rules.iter().enumerate() {
            if rule.issuer.is_empty() {
                continue;
            }
            let known = by_issuer.entry(&rule.issuer).or_default();
            let is_own = |(other, _): &&(&Tokens<'_>, usize)| std::ptr::eq(*other, policy);
            let shares = |(other, _): &&(&Tokens<'_>, usize)| share_workloads(mesh, other, policy);
            let first = known.iter().find(is_own).or_else(|| known.iter().find(shares));
            out.extend(first.map(|first| report(&rule.issuer, *first, (policy, index))));
            known.push((policy, index));
        }
    }
}

/// Whether some workload has both. Where none is known, it can be told only of policies for all.
fn share_workloads(mesh: &Mesh<'_>, a: &Tokens<'_>, b: &Tokens<'_>) -> bool {
    let (Ok(a), Ok(b)) = (&a.scope, &b.scope) else { return false };
    if a.namespace.is_some() && b.namespace.is_some() && a.namespace != b.namespace {
        return false;
    }
    let is_wider = |a: &Scope<'_>, b: &Scope<'_>| {
        a.applies == Applies::All && (a.namespace.is_none() || a.namespace == b.namespace)
    };
    let shared = || {
        let of_a = selection::of_policy(mesh, a);
        selection::of_policy(mesh, b).iter().any(|it| of_a.iter().any(|own| own.id == it.id))
    };
    let is_apart = a.namespace.zip(b.namespace).is_some_and(|(a, b)| a != b);
    !is_apart && (a == b || is_wider(a, b) || is_wider(b, a) || shared())
}

fn report(issuer: &str, first: (&Tokens<'_>, usize), again: (&Tokens<'_>, usize)) -> Diagnostic {
    let place = |(policy, index): (&Tokens<'_>, usize)| {
        let rules = FieldPath::default().field("spec").field("jwtRules");
        Place::value(policy.resource.id, rules.index(index).field("issuer"))
    };
    Diagnostic::new(&CHECK, place(again), format!("two rules take tokens of `{issuer}`"))
        .label("again")
        .also(place(first), "first here")
        .consequence(
            "a token that one of them takes is taken: what the other asks for, it need not have",
        )
        .help("put all that is asked of the issuer's tokens into one rule")
}
