//! `refused-preflight`: browsers are answered by a CORS policy at a gateway that lets in nobody without a token.
//!
//! Before a request of another origin a browser asks with `OPTIONS` and without credentials; policies look at it before CORS
//! does. A rule for some paths alone is left out: the routes with such a policy may be for others. Sources: Fetch Standard,
//! "CORS-preflight request"; Istio, `ListenerBuilder.buildHTTPConnectionManager`.

use std::collections::{BTreeMap, BTreeSet};

use super::closed_gateway::closing;
use crate::api::istio::{Action, AuthorizationPolicy, Condition, Rule, Source};
use crate::check::caller::is_for_every_request;
use crate::check::in_force::InForce;
use crate::check::matching::route_place::place;
use crate::check::operation::with_method;
use crate::check::sight::{gateways, servers};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::gateway::{Server, proxies};
use crate::resolve::policy::Policy;
use crate::resolve::route::{GatewayName, HttpRoute, MergedHttp, Parent, VirtualService};
use crate::resolve::{Mesh, Workload};

pub(in crate::check) static CHECK: Check =
    Check::lint("refused-preflight", Severity::Warning, include_str!("refused_preflight.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let mut known: BTreeMap<DocumentId, Option<Refusing<'_, '_>>> = BTreeMap::new();
    let mut told = BTreeSet::new();
    let mut look = |gateway: &Workload<'_>, cors: &Place| {
        let refusing = *known.entry(gateway.id).or_insert_with(|| refusing(mesh, gateway));
        // Each policy is told of once.
        if let Some(by) = refusing.filter(|by| told.insert(by.policy.resource.id)) {
            out.push(report(by, gateway, cors.clone()));
        }
    };
    for (_, it) in mesh.virtual_services.iter() {
        for (cors, proxies) in answering(mesh, it) {
            for gateway in proxies {
                look(gateway, &cors);
            }
        }
    }
    for (_, it) in mesh.http_routes.iter() {
        let Some(cors) = cors_filter(it) else { continue };
        let parents = it.parents.iter().filter_map(|parent| match parent {
            Parent::Gateway { gateway, .. } => Some(*gateway),
            Parent::Mesh(_) | Parent::Refused(_) | Parent::Foreign => None,
        });
        for gateway in parents.flat_map(|it| proxies(mesh, it)) {
            look(gateway, &cors);
        }
    }
}

/// Where routes for HTTP have a `corsPolicy` at a gateway that has their host, by the gateway, and its proxies.
fn answering<'m, 'a>(
    mesh: &'m Mesh<'a>,
    it: &VirtualService<'_>,
) -> impl Iterator<Item = (Place, Vec<&'m Workload<'a>>)> {
    let has_cors = it.http.iter().any(|route| route.spec.cors_policy.is_some());
    gateways(mesh, it).filter(move |_| has_cors).filter_map(|gateway| {
        let name = GatewayName::Named(gateway.full_name.clone());
        let is_here =
            |route: &&MergedHttp<'_>| route.spec.cors_policy.is_some() && route.is_for(&name);
        let route = it.http.iter().find(is_here)?;
        let is_read = |server: &Server<'_>| server.is_http() && server.is_served();
        servers(gateway, it)
            .any(is_read)
            .then(|| (cors_place(route), gateway.proxies(&mesh.workloads)))
    })
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

/// The first filter for CORS of a route. What a single backend has is not carried out.
fn cors_filter(route: &HttpRoute<'_>) -> Option<Place> {
    let mut rules = route.resource.spec.rules.iter().enumerate();
    let (rule, filter) = rules.find_map(|(index, rule)| {
        Some((index, rule.filters.iter().position(|it| it.cors.is_some())?))
    })?;
    let at = FieldPath::default().field("spec").field("rules").index(rule);
    Some(Place::key(route.resource.id, at.field("filters").index(filter).field("cors")))
}

/// A policy by which a gateway lets in nobody without a token, and its rule if it denies.
#[derive(Clone, Copy)]
struct Refusing<'m, 'a> {
    policy: &'m Policy<'a, AuthorizationPolicy>,
    rule: Option<usize>,
}

/// What refuses preflights at a gateway that takes tokens. Who lets in nobody from outside at all is `closed-gateway`, and where no
/// tokens are taken nobody has one.
fn refusing<'m, 'a>(mesh: &'m Mesh<'a>, gateway: &Workload<'_>) -> Option<Refusing<'m, 'a>> {
    let policies = InForce::at(mesh, gateway);
    let found = denying(&policies).or_else(|| allowing_others(&policies))?;
    let authentications = mesh.policies.request_authentications.for_workload(&gateway.inventory);
    let takes_tokens = authentications.iter().any(|it| !it.resource.spec.jwt_rules.is_empty());
    (takes_tokens && closing(mesh, gateway).is_none()).then_some(found)
}

/// The first rule that denies whoever has no token.
fn denying<'m, 'a>(policies: &InForce<'m, 'a>) -> Option<Refusing<'m, 'a>> {
    policies.with(Action::Deny).find_map(|policy| {
        let mut rules = policy.resource.spec.rules.iter().flatten();
        let rule = rules.position(|it| {
            let of_preflights = with_method(it, "OPTIONS");
            denies_tokenless(it) && of_preflights.is_some_and(|it| is_for_every_request(&it))
        })?;
        Some(Refusing { policy, rule: Some(rule) })
    })
}

/// The first policy by which somebody is let in, where each rule of such policies asks for a token.
fn allowing_others<'m, 'a>(policies: &InForce<'m, 'a>) -> Option<Refusing<'m, 'a>> {
    let policy = policies.with(Action::Allow).next()?;
    let mut rules = policies.letting_in().peekable();
    rules.peek()?;
    rules.all(|(rule, _)| asks_for_token(rule)).then_some(Refusing { policy, rule: None })
}

/// Whether a rule is for nobody who shows no token.
fn asks_for_token(rule: &Rule) -> bool {
    let by_source = rule.from.as_ref().is_some_and(|from| {
        let mut sources = from.iter().map(|it| it.source.as_ref());
        !from.is_empty()
            && sources.all(|it| it.is_some_and(|source| !source.request_principals.is_empty()))
    });
    by_source || rule.when.iter().any(|it| is_of_token(it) && !it.values.is_empty())
}

/// Whether a rule that denies is for everybody who shows no token, whoever else it is for: what is absent is not among what is
/// left out.
fn denies_tokenless(rule: &Rule) -> bool {
    let is_of_tokenless = |it: &Source| {
        let rest = Source { not_request_principals: Vec::new(), ..it.clone() };
        !it.not_request_principals.is_empty() && rest == Source::default()
    };
    let by_condition = !rule.when.is_empty();
    let conditions_hold = rule.when.iter().all(|it| is_of_token(it) && it.values.is_empty());
    conditions_hold
        && match &rule.from {
            None => by_condition,
            Some(from) => from.iter().filter_map(|it| it.source.as_ref()).any(is_of_tokenless),
        }
}

fn is_of_token(condition: &Condition) -> bool {
    condition.key.starts_with("request.auth.")
}

fn report(by: Refusing<'_, '_>, gateway: &Workload<'_>, cors: Place) -> Diagnostic {
    let name = format!("{}/{}", gateway.namespace(), gateway.name());
    let message =
        format!("the gateway `{name}` lets in nobody without a token, and browsers ask first");
    let id = by.policy.resource.id;
    let (place, label, help) = match by.rule {
        Some(rule) => (
            Place::value(id, FieldPath::default().field("spec").field("rules").index(rule)),
            "denies whoever has no token",
            "leave preflights out: `to: [{operation: {notMethods: [OPTIONS]}}]`",
        ),
        None => (
            Place::resource(id),
            "each of its rules asks for a token",
            "let in `methods: [OPTIONS]` without a token",
        ),
    };
    Diagnostic::new(&CHECK, place, message)
        .label(label)
        .also(Place::resource(gateway.id), "is for this gateway")
        .also(cors, "browsers are to be answered by this")
        .consequence("their preflights, which have no token, are answered with 403, and no request of another origin follows")
        .help(help)
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
        // Where nobody takes tokens, nobody has one.
        let tokens = "jwtRules: [{issuer: \"https://id.example.com\", jwksUri: \"https://id.example.com/keys\"}]";
        assert!(!is_told(&[(tokens, "jwtRules: []")]));
    }

    #[test]
    fn a_rule_may_deny_who_has_no_token() {
        let allow =
            "rules:\n  - from: [{source: {requestPrincipals: [\"https://id.example.com/*\"]}}]";
        let deny =
            |rule: &str| is_told(&[(allow, &format!("action: DENY\n  rules: [{{{rule}}}]"))]);
        let from = "from: [{source: {notRequestPrincipals: ['*']}}]";
        for rule in [
            from.to_owned(),
            "from: [{source: {notRequestPrincipals: ['https://id.example.com/*']}}]".to_owned(),
            "when: [{key: request.auth.principal, notValues: ['*']}]".to_owned(),
            format!("{from}, to: [{{operation: {{methods: [GET, OPTIONS]}}}}]"),
            format!("{from}, to: [{{operation: {{notMethods: [GET]}}}}]"),
            format!("{from}, to: [{{operation: {{paths: ['*']}}}}]"),
        ] {
            assert!(deny(&rule), "{rule}");
        }
        for rule in [
            "from: [{source: {requestPrincipals: ['https://other.example.com/*']}}]".to_owned(),
            "from: [{source: {notRequestPrincipals: ['*'], ipBlocks: [10.0.0.0/8]}}]".to_owned(),
            "when: [{key: request.auth.principal, values: ['*']}]".to_owned(),
            format!("{from}, when: [{{key: 'request.headers[x]', values: [a]}}]"),
            format!("{from}, to: [{{operation: {{methods: [GET, POST]}}}}]"),
            format!("{from}, to: [{{operation: {{notMethods: [OPTIONS]}}}}]"),
            format!("{from}, to: [{{operation: {{notMethods: ['*']}}}}]"),
            format!("{from}, to: [{{operation: {{paths: [/api]}}}}]"),
            format!("{from}, to: [{{operation: {{methods: [OPTIONS], notPaths: [/api]}}}}]"),
        ] {
            assert!(!deny(&rule), "{rule}");
        }
    }

    #[test]
    fn a_route_is_asked_where_it_is_served() {
        let cors = "  - corsPolicy:";
        assert!(is_told(&[(cors, "  - match: [{gateways: [edge/public]}]\n    corsPolicy:")]));
        let gateways = ("gateways: [edge/public]", "gateways: [edge/public, mesh]");
        let of_mesh = (cors, "  - match: [{gateways: [mesh]}]\n    corsPolicy:");
        assert!(!is_told(&[gateways, of_mesh]));
        assert!(is_told(&[gateways]));
        let server = "protocol: HTTP}, hosts: [shop.example.com]";
        assert!(!is_told(&[(server, "protocol: HTTP}, hosts: [www.example.com]")]));
        assert!(!is_told(&[(server, "protocol: HTTP}, hosts: [edge/shop.example.com]")]));
        assert!(!is_told(&[(server, "protocol: TCP}, hosts: [shop.example.com]")]));
        assert!(is_told(&[(server, "protocol: HTTP}, hosts: ['shop/*.example.com']")]));
    }

    #[test]
    fn a_route_of_the_gateway_api_has_a_filter_for_it() {
        let told = |parent: &str, filter: &str| {
            let folder = Folder::new();
            folder.write("a.yaml", API.replace("PARENT", parent).replace("FILTER", filter));
            findings(folder.path()).iter().any(|it| it.check == &CHECK)
        };
        let cors = "{type: CORS, cors: {allowOrigins: ['https://www.example.com']}}";
        let other = "{type: RequestHeaderModifier, requestHeaderModifier: {remove: [x]}}";
        assert!(told("{name: public}", cors));
        assert!(told("{name: public}", &format!("{other}, {cors}")));
        assert!(!told("{name: public}", other));
        assert!(!told("{name: public, sectionName: other}", cors));
        assert!(!told("{group: '', kind: Service, name: cart}", cors));
    }

    #[test]
    fn a_gateway_that_istio_deploys_is_one() {
        let (_, rest) = API.split_once("---\n").unwrap();
        let cors = "{type: CORS, cors: {allowOrigins: ['https://www.example.com']}}";
        let text = rest.replace("PARENT", "{name: public}").replace("FILTER", cors);
        let selected = text.replace(
            "targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: public}]",
            "selector: {matchLabels: {gateway.networking.k8s.io/gateway-name: public}}",
        );
        assert_ne!(text, selected);
        for text in [text, selected] {
            let folder = Folder::new();
            folder.write("a.yaml", &text);
            assert!(findings(folder.path()).iter().any(|it| it.check == &CHECK), "{text}");
        }
    }

    const API: &str = "apiVersion: v1
kind: Pod
metadata: {name: edge, namespace: shop, labels: {gateway.networking.k8s.io/gateway-name: public}}
spec: {containers: [{name: istio-proxy, image: auto}]}
---
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {ports: [{name: http, port: 80}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: GatewayClass
metadata: {name: istio}
spec: {controllerName: istio.io/gateway-controller}
---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: shop}
spec: {gatewayClassName: istio, listeners: [{name: http, port: 80, protocol: HTTP}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: cart, namespace: shop}
spec: {parentRefs: [PARENT], rules: [{filters: [FILTER], backendRefs: [{name: cart, port: 80}]}]}
---
apiVersion: security.istio.io/v1
kind: RequestAuthentication
metadata: {name: tokens, namespace: shop}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: public}]
  jwtRules: [{issuer: \"https://id.example.com\", jwksUri: \"https://id.example.com/keys\"}]
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: tokens, namespace: shop}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: public}]
  rules: [{from: [{source: {requestPrincipals: ['*']}}]}]
";
}
