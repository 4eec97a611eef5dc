//! `optional-token`: tokens are checked where nothing asks for one.
//!
//! A `RequestAuthentication` refuses bad tokens; a request without any passes. Source: Istio, `RequestAuthentication`: "A
//! request that does not contain any authentication credentials will be accepted but will not have any authenticated
//! identity."

use super::selection;
use crate::api::istio::{AuthorizationPolicy, Rule};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::policy::Policy;

pub(super) static CHECK: Check =
    Check::lint("optional-token", Severity::Warning, include_str!("optional_token.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    // Routes may ask for claims as well.
    let asking: Vec<_> = mesh
        .policies
        .authorization_policies
        .iter()
        .filter(|policy| looks_at_tokens(policy))
        .collect();
    for policy in &mesh.policies.request_authentications {
        let Ok(scope) = &policy.scope else { continue };
        let requires = |rule: &crate::api::istio::JwtRule| rule.presence.is_some();
        if policy.resource.spec.jwt_rules.is_empty()
            || policy.resource.spec.jwt_rules.iter().any(requires)
        {
            continue;
        }
        let selected = selection::of_policy(mesh, scope);
        let is_asked = asking.iter().any(|asking| {
            let Ok(other) = &asking.scope else { return false };
            let is_elsewhere = other.namespace.zip(scope.namespace).is_some_and(|(a, b)| a != b);
            if is_elsewhere {
                return false;
            }
            let others = selection::of_policy(mesh, other);
            let shares = || others.iter().any(|it| selected.iter().any(|own| own.id == it.id));
            // Without workloads nothing can be told but whose the two are.
            selected.is_empty() || others.is_empty() || shares()
        });
        let is_routed = mesh.source.virtual_services.iter().any(|it| {
            let names = it.spec.http.iter().flat_map(|route| &route.r#match);
            names.flat_map(|it| it.headers.keys()).any(|name| crate::api::is_claim(name))
        });
        if !is_asked && !is_routed {
            out.push(report(policy.resource.id));
        }
    }
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
