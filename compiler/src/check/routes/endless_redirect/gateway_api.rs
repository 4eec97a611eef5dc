//! The same of redirects of the Gateway API: a rule that sends clients to the listener at which they are already.
//!
//! A listener has one scheme and one port, so that whoever is sent to these, for a host that the route is for, comes to the same rule. It
//! is not said where another route is for names of the listener that are the route's, too: that one may take what follows. Sources:
//! Gateway API, `HTTPRequestRedirectFilter`; Istio, `createRedirectFilter`.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::object::ServerProtocol;

use super::CHECK;
use crate::api::gateway_api::{HttpRouteMatch, HttpRouteRule, RequestRedirect};
use crate::check::inventory;
use crate::check::matching::asked::asked;
use crate::diagnostic::{Diagnostic, FieldPath, Place};
use crate::parse::DocumentId;
use crate::resolve::gateway::{ApiGateway, Listener, TerminateMode};
use crate::resolve::host::{is_wildcard, lower, overlap};
use crate::resolve::route::{HttpRoute, Parent};
use crate::resolve::{Meeting, Mesh};

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    // It may be for any names.
    if ["HTTPRoute", "GRPCRoute"].iter().any(|kind| inventory::has_incomplete(mesh, kind)) {
        return;
    }
    let present = OnceCell::new();
    for (_, route) in mesh.http_routes.iter() {
        let rules = &route.resource.spec.rules;
        if !rules.iter().any(|it| redirects(it).next().is_some()) {
            continue;
        }
        let mut before = BTreeSet::new();
        for (index, rule) in rules.iter().enumerate() {
            let is_left = matches(rule).any(|it| takes_paths(it) && !before.contains(&asked(it)));
            before.extend(matches(rule).map(asked));
            if !is_left {
                continue;
            }
            let found = redirects(rule).find_map(|(filter, redirect)| {
                let (at, same) = circle((mesh, &present), route, redirect)?;
                Some(report(route, (index, filter, redirect), at, same))
            });
            out.extend(found);
        }
    }
}

/// Those of a rule. One without any takes every path.
fn matches(rule: &HttpRouteRule) -> impl Iterator<Item = &HttpRouteMatch> {
    static EVERY: HttpRouteMatch = HttpRouteMatch {
        path: None,
        headers: Vec::new(),
        query_params: Vec::new(),
        method: None,
        grpc: None,
    };
    let implied = rule.matches.is_empty().then_some(&EVERY);
    rule.matches.iter().chain(implied)
}

/// Whether a match takes requests by their paths alone. What else it asks for need not be so of the request that follows.
fn takes_paths(it: &HttpRouteMatch) -> bool {
    it.headers.is_empty() && it.query_params.is_empty() && it.method.is_none()
}

/// Those of a rule that leave paths as they are, by their places among its filters.
fn redirects(rule: &HttpRouteRule) -> impl Iterator<Item = (usize, &RequestRedirect)> {
    let all = rule.filters.iter().enumerate();
    let all = all.filter_map(|(place, it)| Some((place, it.request_redirect.as_ref()?)));
    all.filter(|(_, it)| it.path.is_none())
}

/// What a redirect says that is so already.
enum Same {
    Host(String),
    /// Of a listener for TLS. Its gateway has one for plain text, of which it is not so.
    Scheme,
    /// At every listener that the route may be at.
    All,
}

/// A listener whose clients come back to it, and what leads them there.
fn circle<'m, 'a>(
    (mesh, present): (&'m Mesh<'a>, &OnceCell<Present>),
    route: &HttpRoute<'a>,
    redirect: &RequestRedirect,
) -> Option<(&'m Listener<'a>, Same)> {
    let host = match &redirect.hostname {
        Some(host) => {
            let host = lower(host);
            let is_written = !is_wildcard(&host) && route.hostnames.contains(&host);
            Some(is_written.then_some(host)?)
        }
        None => None,
    };
    let mut listeners = route.parents.iter().flat_map(|it| listeners(mesh, it));
    let found = listeners.find(|(gateway, listener)| {
        host.as_deref().is_none_or(|it| overlap(&listener.hostname, it))
            && leads_to(redirect, listener)
            && gateway.narrower_than(listener).is_empty()
            && present.get_or_init(|| Present::of(mesh)).is_alone(route, gateway, listener)
    });
    let (gateway, listener) = found?;
    let is_plain = |it: &Listener<'_>| it.protocol == Some(ServerProtocol::Http) && it.is_served();
    let same = match host {
        Some(host) => Same::Host(host.to_string()),
        None if redirect.scheme.as_deref() == Some("https")
            && gateway.listeners.iter().any(is_plain) =>
        {
            Same::Scheme
        }
        None => Same::All,
    };
    Some((listener, same))
}

/// The listeners of a parent.
fn listeners<'m, 'a>(
    mesh: &'m Mesh<'a>,
    parent: &Parent<'_>,
) -> Vec<(&'m ApiGateway<'a>, &'m Listener<'a>)> {
    let Parent::Gateway { gateway, listeners } = parent else { return Vec::new() };
    let Some(gateway) = mesh.api_gateways.find(&gateway.namespace, gateway.name()) else {
        return Vec::new();
    };
    let all = listeners.iter().filter_map(|place| gateway.listeners.get(*place));
    all.map(|listener| (gateway, listener)).collect()
}

/// Whether the scheme and the port of what follows are those of a listener.
fn leads_to(redirect: &RequestRedirect, listener: &Listener<'_>) -> bool {
    let (scheme, usual) = match listener.protocol {
        Some(ServerProtocol::Http) => ("http", 80),
        // What the mesh's own TLS carries, the client's application has sent in plain text.
        Some(ServerProtocol::Https) if listener.terminate_mode() != TerminateMode::IstioMutual => {
            ("https", 443)
        }
        _ => return false,
    };
    let port = match (redirect.port, &redirect.scheme) {
        (Some(port), _) => port,
        (None, Some(_)) => usual,
        (None, None) => i32::from(listener.port),
    };
    listener.is_served()
        && redirect.scheme.as_deref().is_none_or(|it| it == scheme)
        && port == i32::from(listener.port)
}

/// By the documents of Gateways and the places of their listeners, the routes that are there, by their hosts.
struct Present(BTreeMap<(DocumentId, usize), Meeting<DocumentId>>);

impl Present {
    fn of(mesh: &Mesh<'_>) -> Self {
        let mut all: BTreeMap<_, Meeting<_>> = BTreeMap::new();
        for (_, route) in mesh.http_routes.iter() {
            for parent in &route.parents {
                let Parent::Gateway { gateway, listeners } = parent else { continue };
                for listener in listeners {
                    let here = all.entry((gateway.id, *listener)).or_default();
                    for host in &route.hostnames {
                        here.add(host, route.resource.id);
                    }
                }
            }
        }
        Self(all)
    }

    /// Whether no other route at a listener is for names that a route is for.
    fn is_alone(
        &self,
        route: &HttpRoute<'_>,
        gateway: &ApiGateway<'_>,
        listener: &Listener<'_>,
    ) -> bool {
        let here = self.0.get(&(gateway.resource.id, listener.index));
        let mut sharing = here
            .into_iter()
            .flat_map(|here| route.hostnames.iter().flat_map(|host| here.with(host)));
        sharing.all(|(_, id)| *id == route.resource.id)
    }
}

fn report(
    route: &HttpRoute<'_>,
    (rule, filter, redirect): (usize, usize, &RequestRedirect),
    listener: &Listener<'_>,
    same: Same,
) -> Diagnostic {
    let elsewhere = "name another host or path, or lead the requests to a backend";
    let by_listener =
        || format!("requests that come by listener `{}` are redirected to it", listener.spec.name);
    let (message, field, help) = match same {
        Same::Host(host) if route.hostnames.len() > 1 => (
            format!("`{host}` is among the hosts that this rule redirects"),
            Some("hostname"),
            "redirect the other hosts in a route of their own",
        ),
        Same::Host(host) => (
            format!("requests for `{host}` are redirected to that host"),
            Some("hostname"),
            elsewhere,
        ),
        Same::Scheme => (
            by_listener(),
            Some("scheme"),
            "name the listener for plain text alone in `sectionName` of the route's `parentRefs`",
        ),
        Same::All => {
            let scheme = redirect.scheme.as_ref().map(|_| "scheme");
            (by_listener(), scheme.or(redirect.port.map(|_| "port")), elsewhere)
        }
    };
    let at = FieldPath::default().field("spec").field("rules").index(rule);
    let at = at.field("filters").index(filter).field("requestRedirect");
    let at = field.map_or(at.clone(), |field| at.field(field));
    Diagnostic::new(&CHECK, Place::value(route.resource.id, at), message)
        .label("leads back here")
        .also(Place::key(listener.document, listener.path()), "the route is at this listener")
        .consequence("clients are sent in a circle until they give up")
        .help(help)
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    const GATEWAY: &str = "apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: public, namespace: shop}
spec:
  gatewayClassName: istio
  listeners:
  - {name: http, port: 80, protocol: HTTP}
  - {name: https, port: 443, protocol: HTTPS, tls: {certificateRefs: [{name: a}]}}
---
";

    fn route(name: &str, parent: &str, hosts: &str, rules: &str) -> String {
        format!(
            "apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{parentRefs: [{{name: public{parent}}}], hostnames: {hosts}, rules: [{rules}]}}\n---\n"
        )
    }

    fn is_told(gateway: &str, routes: &str) -> bool {
        help(gateway, routes).is_some()
    }

    /// What is said to do about a circle.
    fn help(gateway: &str, routes: &str) -> Option<String> {
        let folder = Folder::new();
        folder.write("a.yaml", format!("{gateway}{routes}"));
        findings(folder.path()).into_iter().find(|it| it.check == &CHECK)?.help
    }

    fn to(redirect: &str) -> String {
        format!("{{filters: [{{type: RequestRedirect, requestRedirect: {{{redirect}}}}}]}}")
    }

    #[test]
    fn a_listener_has_its_scheme_already() {
        let web = "[web.example.com]";
        let one = |parent: &str, redirect: &str| {
            is_told(GATEWAY, &route("r", parent, web, &to(redirect)))
        };
        for (parent, redirect) in [
            ("", "scheme: https"),
            (", sectionName: https", "scheme: https, statusCode: 301"),
            (", sectionName: https", "port: 443"),
            (", sectionName: http", "scheme: http"),
            ("", "scheme: https, hostname: WEB.example.com"),
        ] {
            assert!(one(parent, redirect), "{parent} {redirect}");
        }
        for (parent, redirect) in [
            (", sectionName: http", "scheme: https"),
            ("", "scheme: https, port: 8443"),
            ("", "scheme: https, path: {type: ReplaceFullPath, replaceFullPath: /a}"),
            ("", "scheme: https, hostname: other.example.com"),
        ] {
            assert!(!one(parent, redirect), "{parent} {redirect}");
        }
        let mutual = GATEWAY.replace(
            "certificateRefs: [{name: a}]",
            "options: {gateway.istio.io/tls-terminate-mode: ISTIO_MUTUAL}",
        );
        assert!(!is_told(&mutual, &route("r", "", web, &to("scheme: https"))));
        let elsewhere = GATEWAY.replace("port: 443", "port: 8443");
        assert!(!is_told(&elsewhere, &route("r", "", web, &to("scheme: https"))));
    }

    #[test]
    fn a_rule_that_takes_nothing_leads_nobody_round() {
        let told = |first: &str, second: &str| {
            let backend = "backendRefs: [{name: web, port: 80}]";
            let redirect = to("scheme: https").replacen('{', &format!("{{{second}"), 1);
            let rules = format!("{{{first}{backend}}}, {redirect}");
            is_told(GATEWAY, &route("r", "", "[web.example.com]", &rules))
        };
        let every = "matches: [{path: {type: PathPrefix, value: /}}], ";
        let two = "matches: [{path: {value: /}}, {path: {type: Exact, value: /x}}], ";
        let get = "matches: [{method: GET}], ";
        let more = "matches: [{path: {type: PathPrefix, value: /}}, {path: {value: /y}}], ";
        for first in ["", every, two] {
            for second in ["", every] {
                assert!(!told(first, second), "{first} {second}");
            }
        }
        for (first, second) in [("", more), (two, more), (get, ""), (more, two)] {
            assert!(told(first, second), "{first} {second}");
        }
    }

    #[test]
    fn what_is_said_to_do_can_be_done() {
        let help = |gateway: &str, parent: &str, redirect: &str| {
            help(gateway, &route("r", parent, "[web.example.com]", &to(redirect))).unwrap()
        };
        for parent in ["", ", sectionName: https"] {
            let said = help(GATEWAY, parent, "scheme: https");
            assert!(said.contains("`sectionName`"), "{parent}: {said}");
        }
        let plain = "  - {name: http, port: 80, protocol: HTTP}\n";
        let secure = GATEWAY.replace(plain, "");
        for (gateway, parent, redirect) in [
            (GATEWAY, "", "statusCode: 302"),
            (GATEWAY, ", sectionName: http", "statusCode: 302"),
            (GATEWAY, ", sectionName: http", "scheme: http"),
            (GATEWAY, ", sectionName: https", "port: 443"),
            (secure.as_str(), "", "scheme: https"),
        ] {
            let said = help(gateway, parent, redirect);
            let expected = "name another host or path, or lead the requests to a backend";
            assert_eq!(said, expected, "{parent} {redirect}");
        }
    }

    #[test]
    fn what_another_may_take_is_left_alone() {
        let all = route("r", "", "[web.example.com]", &to("scheme: https"));
        let served = |parent: &str, hosts: &str| {
            let other = "{backendRefs: [{name: web, port: 80}]}";
            is_told(GATEWAY, &format!("{all}{}", route("s", parent, hosts, other)))
        };
        assert!(!served(", sectionName: https", "['*.example.com']"));
        assert!(served(", sectionName: https", "[www.example.com]"));
        assert!(served(", sectionName: http", "[web.example.com]"));
        let unread = route("s", "", "['${HOST}']", "{backendRefs: [{name: web, port: 80}]}");
        assert!(!is_told(GATEWAY, &format!("{all}{unread}")));
        let narrower = "  - {name: own, port: 443, protocol: HTTPS, hostname: web.example.com, tls: {certificateRefs: [{name: a}]}}\n---\n";
        let isolated = GATEWAY.replace("---\n", narrower);
        let at_wide = route("r", ", sectionName: https", "[web.example.com]", &to("scheme: https"));
        assert!(!is_told(&isolated, &at_wide));
    }

    #[test]
    fn what_follows_need_not_be_asked_alike() {
        let told = |matches: &str| {
            let rule = to("scheme: https").replacen('{', &format!("{{matches: [{matches}], "), 1);
            is_told(GATEWAY, &route("r", "", "[web.example.com]", &rule))
        };
        assert!(told("{path: {type: PathPrefix, value: /a}}"));
        // The gateway itself says how a request came.
        assert!(!told("{headers: [{name: x-forwarded-proto, value: http}]}"));
        assert!(!told("{method: POST}"));
        assert!(!told("{queryParams: [{name: a, value: b}]}"));
        assert!(told("{method: POST}, {path: {type: Exact, value: /a}}"));
    }

    #[test]
    fn a_host_may_be_one_that_the_rule_redirects() {
        let told =
            |hosts: &str, redirect: &str| is_told(GATEWAY, &route("r", "", hosts, &to(redirect)));
        assert!(told("[example.com, www.example.com]", "hostname: www.example.com"));
        assert!(told("[www.example.com]", "hostname: www.example.com"));
        assert!(!told("[example.com]", "hostname: www.example.com"));
        assert!(!told("['*.example.com']", "hostname: www.example.com"));
    }
}
