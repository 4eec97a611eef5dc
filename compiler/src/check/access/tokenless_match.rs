//! `tokenless-match`: an `ALLOW` rule excludes some tokens, and so lets in whoever has none.
//!
//! What is absent is not among the excluded values. Source: Istio, `AuthorizationPolicy`, "not" fields.

use crate::api::istio::{Action, Rule};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("tokenless-match", Severity::Warning, include_str!("tokenless_match.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let allows = mesh
        .policies
        .authorization_policies
        .iter()
        .filter(|policy| policy.scope.is_ok() && policy.resource.spec.action == Action::Allow);
    for policy in allows {
        for (index, rule) in policy.resource.spec.rules.iter().flatten().enumerate() {
            let at = FieldPath::default().field("spec").field("rules").index(index);
            if let Some(at) = excluded(rule, &at) {
                out.push(report(Place::key(policy.resource.id, at)));
            }
        }
    }
}

/// The field that excludes tokens, where no other asks for one.
fn excluded(rule: &Rule, at: &FieldPath) -> Option<FieldPath> {
    let is_claim = |key: &str| key.starts_with("request.auth.");
    if rule.when.iter().any(|it| is_claim(&it.key) && !it.values.is_empty()) {
        return None;
    }
    let mut sources = rule.from.iter().flatten().enumerate().filter_map(|(index, from)| {
        let source = from.source.as_ref()?;
        let is_open =
            !source.not_request_principals.is_empty() && source.request_principals.is_empty();
        let at = at.clone().field("from").index(index).field("source");
        is_open.then(|| at.field("notRequestPrincipals"))
    });
    let asks = rule.from.as_ref().is_some_and(|from| {
        from.iter().all(|it| {
            it.source.as_ref().is_some_and(|source| !source.request_principals.is_empty())
        })
    });
    sources.next().or_else(|| {
        let when = rule.when.iter().position(|it| is_claim(&it.key) && !it.not_values.is_empty());
        let when = when.filter(|_| !asks)?;
        Some(at.clone().field("when").index(when).field("notValues"))
    })
}

fn report(place: Place) -> Diagnostic {
    Diagnostic::new(&CHECK, place, "a request without a token is none of the excluded ones")
        .label("true where there is no token")
        .consequence("whoever sends no token at all is let in")
        .help("ask for a token too: `requestPrincipals: [\"*\"]`")
}
