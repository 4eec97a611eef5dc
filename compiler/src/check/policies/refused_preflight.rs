//! `refused-preflight`: browsers are answered by `corsPolicy` at a gateway that lets in nobody without a token.
//!
//! Before a request of another origin a browser asks with `OPTIONS` and without credentials; policies look at it before CORS
//! does. Source: Fetch Standard, "CORS-preflight request"; Istio, `ListenerBuilder.buildHTTPConnectionManager`.

use std::collections::BTreeMap;

use super::closed_gateway::closing;
use crate::api::istio::{Action, AuthorizationPolicy, Rule};
use crate::check::in_force::InForce;
use crate::check::matching::route_place::place;
use crate::check::sight::gateways;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::policy::Policy;
use crate::resolve::route::MergedHttp;
use crate::resolve::{Mesh, Workload};

pub(in crate::check) static CHECK: Check =
    Check::lint("refused-preflight", Severity::Warning, include_str!("refused_preflight.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    // By gateway, and each policy is told of once.
    let mut known: BTreeMap<DocumentId, Option<&Policy<'_, AuthorizationPolicy>>> = BTreeMap::new();
    let mut told: Vec<DocumentId> = Vec::new();
    for (_, it) in mesh.virtual_services.iter() {
        let Some(route) = it.http.iter().find(|it| it.spec.cors_policy.is_some()) else { continue };
        for gateway in gateways(mesh, it).flat_map(|it| it.proxies(&mesh.workloads)) {
            let refusing = known.entry(gateway.id).or_insert_with(|| refusing(mesh, gateway));
            let Some(policy) = refusing.filter(|it| !told.contains(&it.resource.id)) else {
                continue;
            };
            told.push(policy.resource.id);
            out.push(report(policy, gateway, cors_place(route)));
        }
    }
}

/// Where a route has its `corsPolicy`; where its root has it, the route.
fn cors_place(route: &MergedHttp<'_>) -> Place {
    let written = route.resource.spec.http.get(route.index);
    if written.is_none_or(|it| it.cors_policy.is_none()) {
        return place(route);
    }
    let at = FieldPath::default().field("spec").field("http").index(route.index);
    Place::key(route.resource.id, at.field("corsPolicy"))
}

/// The first policy by which a gateway lets somebody in, where it lets in nobody without a token. Who lets in nobody from
/// outside at all is `closed-gateway`.
fn refusing<'m, 'a>(
    mesh: &'m Mesh<'a>,
    gateway: &Workload<'_>,
) -> Option<&'m Policy<'a, AuthorizationPolicy>> {
    let policies = InForce::at(mesh, gateway);
    let first = policies.with(Action::Allow).next()?;
    let mut rules = policies.letting_in().peekable();
    rules.peek()?;
    let are_for_tokens = rules.all(|(rule, _)| asks_for_token(rule));
    (are_for_tokens && closing(mesh, gateway).is_none()).then_some(first)
}

/// Whether a rule is for nobody who shows no token.
fn asks_for_token(rule: &Rule) -> bool {
    let by_source = rule.from.as_ref().is_some_and(|from| {
        let mut sources = from.iter().map(|it| it.source.as_ref());
        !from.is_empty()
            && sources.all(|it| it.is_some_and(|source| !source.request_principals.is_empty()))
    });
    let by_condition = |key: &str| key.starts_with("request.auth.");
    by_source || rule.when.iter().any(|it| by_condition(&it.key) && !it.values.is_empty())
}

fn report(
    policy: &Policy<'_, AuthorizationPolicy>,
    gateway: &Workload<'_>,
    cors: Place,
) -> Diagnostic {
    let name = format!("{}/{}", gateway.namespace(), gateway.name());
    let message =
        format!("the gateway `{name}` lets in nobody without a token, and browsers ask first");
    Diagnostic::new(&CHECK, Place::resource(policy.resource.id), message)
        .label("each of its rules asks for a token")
        .also(Place::resource(gateway.id), "is for this gateway")
        .also(cors, "browsers are to be answered by this")
        .consequence("their preflights, which have no token, are answered with 403, and no request of another origin follows")
        .help("let in `methods: [OPTIONS]` without a token")
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    fn is_told(change: &[(&str, &str)]) -> bool {
        let page = CHECK.docs.split("```yaml fails\n").nth(1).unwrap();
        let mut text = page.split("```").next().unwrap().to_owned();
        for (from, to) in change {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, to);
        }
        let folder = Folder::new();
        folder.write("a.yaml", text);
        findings(folder.path()).iter().any(|it| it.check == &CHECK)
    }

    #[test]
    fn preflights_are_refused_where_nobody_gets_in_without_a_token() {
        let rule = "from: [{source: {requestPrincipals: [\"https://id.example.com/*\"]}}]";
        assert!(is_told(&[]));
        assert!(is_told(&[(rule, "when: [{key: 'request.auth.claims[sub]', values: [a]}]")]));
        assert!(!is_told(&[(rule, "when: [{key: 'request.auth.claims[sub]', notValues: [a]}]")]));
        assert!(!is_told(&[(rule, "from: [{source: {notRequestPrincipals: [a]}}]")]));
        let either =
            "from: [{source: {requestPrincipals: ['*']}}, {source: {ipBlocks: [10.0.0.0/8]}}]";
        assert!(!is_told(&[(rule, either)]));
        let cors = "corsPolicy: {allowOrigins: [{exact: \"https://www.example.com\"}], allowHeaders: [authorization]}\n    ";
        assert!(!is_told(&[(cors, "")]));
        // Browsers ask the gateway, whatever holds behind it.
        let selector = "metadata: {name: tokens, namespace: edge}\nspec:\n  selector: {matchLabels: {istio: ingress}}";
        let behind = "metadata: {name: tokens, namespace: shop}\nspec:\n  selector: {matchLabels: {app: cart}}";
        assert!(!is_told(&[(selector, behind)]));
    }
}
