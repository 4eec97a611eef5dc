//! `optional-token`: tokens are checked where nothing asks for one.
//!
//! A `RequestAuthentication` refuses bad tokens; a request without any passes. Source: Istio, `RequestAuthentication`: "A
//! request that does not contain any authentication credentials will be accepted but will not have any authenticated
//! identity."

use std::collections::BTreeMap;

use crate::api::istio::{AuthorizationPolicy, Rule};
use crate::check::selection;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::policy::{Policy, Scope};

pub(in crate::check) static CHECK: Check =
    Check::lint("optional-token", Severity::Warning, include_str!("optional_token.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    if routes_ask(mesh) {
        return;
    }
    // By whose workloads they are for.
    let mut asking: BTreeMap<Option<&str>, Vec<&Scope<'_>>> = BTreeMap::new();
    for policy in &mesh.policies.authorization_policies {
        if let Some(scope) = policy.scope.as_ref().ok().filter(|_| looks_at_tokens(policy)) {
            asking.entry(scope.namespace).or_default().push(scope);
        }
    }
    for policy in &mesh.policies.request_authentications {
        let Ok(scope) = &policy.scope else { continue };
        let requires = |rule: &crate::api::istio::JwtRule| rule.presence.is_some();
        if policy.resource.spec.jwt_rules.is_empty()
            || policy.resource.spec.jwt_rules.iter().any(requires)
        {
            continue;
        }
        let selected = selection::all_of_policy(mesh, scope);
        let near = asking.iter().filter(|(namespace, _)| {
            namespace.zip(scope.namespace).is_none_or(|(asking, asked)| asking == asked)
        });
        let is_asked = near.flat_map(|(_, scopes)| scopes).any(|other| {
            let others = selection::all_of_policy(mesh, other);
            let shares = || others.iter().any(|it| selected.iter().any(|own| own.id == it.id));
            // Without all workloads nothing can be told but whose the two are.
            selected.is_empty() || others.is_empty() || shares()
        });
        if !is_asked {
            out.push(report(policy.resource.id));
        }
    }
}

/// Whether some route asks for a claim.
fn routes_ask(mesh: &Mesh<'_>) -> bool {
    mesh.source.virtual_services.iter().any(|it| {
        let names = it.spec.http.iter().flat_map(|route| &route.r#match);
        names.flat_map(|it| it.headers.keys()).any(|name| crate::api::is_claim(name))
    })
}

fn looks_at_tokens(policy: &Policy<'_, AuthorizationPolicy>) -> bool {
    let by_rule = |rule: &Rule| {
        let sources = rule.from.iter().flatten().filter_map(|from| from.source.as_ref());
        let by_source = sources.into_iter().any(|source| {
            !source.request_principals.is_empty() || !source.not_request_principals.is_empty()
        });
        by_source || rule.when.iter().any(|it| it.key.starts_with("request.auth."))
    };
    policy.resource.spec.rules.iter().flatten().any(by_rule)
}

fn report(document: crate::parse::DocumentId) -> Diagnostic {
    let rules = FieldPath::default().field("spec").field("jwtRules");
    Diagnostic::new(&CHECK, Place::resource(document), "no policy asks for a token here")
        .supposing(Place::value(document, rules))
        .label("refuses bad tokens alone")
        .consequence("a request without a token is let in")
        .help("add an AuthorizationPolicy with `requestPrincipals`")
}
