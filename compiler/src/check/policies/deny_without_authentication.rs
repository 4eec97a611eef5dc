//! `deny-without-authentication`: a `DENY` rule is for whoever has no token, and nothing takes tokens.
//!
//! Source: Istio, "Require a token": the rule `notRequestPrincipals: ["*"]` goes with a `RequestAuthentication`.

use std::collections::BTreeMap;

use mesh_snapshot::Applies;

use crate::api::istio::{Action, Condition, Rule, Source};
use crate::check::selection;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::policy::Scope;

pub(in crate::check) static CHECK: Check = Check::lint(
    "deny-without-authentication",
    Severity::Warning,
    include_str!("deny_without_authentication.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let mut known: BTreeMap<&Scope<'_>, bool> = BTreeMap::new();
    for policy in &mesh.policies.authorization_policies {
        let spec = &policy.resource.spec;
        let Ok(scope) = &policy.scope else { continue };
        if spec.action != Action::Deny || policy.resource.is_tried() {
            continue;
        }
        let rules = FieldPath::default().field("spec").field("rules");
        let places = spec.rules.iter().flatten().enumerate().filter_map(|(index, rule)| {
            let at = asked(rule, rules.clone().index(index))?;
            Some(Place::key(policy.resource.id, at))
        });
        let mut places = places.peekable();
        let Some(first) = places.next() else { continue };
        if *known.entry(scope).or_insert_with(|| takes_tokens(mesh, scope)) {
            continue;
        }
        let found =
            Diagnostic::new(&CHECK, first, "nothing takes tokens here, so no request has one")
                .label("holds for every request")
                .consequence(
                    "what else the rule asks for is denied to everybody, with a token or without",
                )
                .help("add a RequestAuthentication for the same workloads");
        out.push(found.and_here(places));
    }
}

/// Where a rule is for whoever has no token at all, among others. What asks for a token besides never holds:
/// `policy-never-matches`.
fn asked(rule: &Rule, at: FieldPath) -> Option<FieldPath> {
    if rule.when.iter().any(|it| of_token(it) && !it.values.is_empty()) {
        return None;
    }
    let sources = || rule.from.iter().flatten().filter_map(|from| from.source.as_ref());
    let asks = |source: &Source| !source.request_principals.is_empty();
    if sources().next().is_some() && sources().all(asks) {
        return None;
    }
    let mut sources = rule.from.iter().flatten().enumerate();
    let source = sources.find_map(|(index, from)| {
        let source = from.source.as_ref().filter(|it| !asks(it))?;
        (!source.not_request_principals.is_empty()).then_some(index)
    });
    if let Some(index) = source {
        let source = at.field("from").index(index).field("source");
        return Some(source.field("notRequestPrincipals"));
    }
    let index = rule.when.iter().position(|it| of_token(it) && !it.not_values.is_empty())?;
    Some(at.field("when").index(index).field("notValues"))
}

fn of_token(condition: &Condition) -> bool {
    condition.key.starts_with("request.auth.")
}

/// Whether any of the workloads of a policy takes tokens; where not all are known, whether any of its namespace may.
fn takes_tokens(mesh: &Mesh<'_>, scope: &Scope<'_>) -> bool {
    let all = &mesh.policies.request_authentications;
    let selected = selection::all_of_policy(mesh, scope);
    if !selected.is_empty() {
        return selected.iter().any(|it| !all.for_workload(&it.inventory).is_empty());
    }
    match &scope.applies {
        Applies::All | Applies::Selected(_) => {
            let of_namespace = |own| all.of_namespace(own).next().is_some();
            match scope.namespace {
                None => !all.is_empty(),
                own => of_namespace(own) || of_namespace(None),
            }
        }
        // Of a gateway that is nowhere to be seen nothing is known.
        Applies::Gateways(_) | Applies::Addressed(_) => true,
    }
}
