//! `plaintext-twin`: a gateway serves a host with TLS, and the same host in plain text, too.
//!
//! It is said where a route leads somewhere from the plain port. A port or a route that redirects is what plain text is for, and so
//! are challenges of ACME, which come without TLS (RFC 8555 §8.3). What a route before answers, and who is kept out by policies, is led
//! nowhere. Behind a balancer that ends TLS all this is as it should be, so it is a notice. Sources: Istio, `ServerTLSSettings.httpsRedirect`; Gateway API, `HTTPRequestRedirectFilter`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use mesh_snapshot::object::ServerProtocol;

use crate::api::gateway_api::{HttpRouteMatch, HttpRouteRule, PathMatchType};
use crate::api::istio::{HttpMatch, StringMatch};
use crate::check::caller::Caller;
use crate::check::in_force::InForce;
use crate::check::matching::cover::covers_request;
use crate::check::selection;
use crate::check::sight::{gateway_sees, gateways};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::gateway::{
    ApiGateway, Class, IstioGateway, Listener, Server, ServerHost, proxies,
};
use crate::resolve::host::{Host, HostMap};
use crate::resolve::route::{GatewayName, HttpRouteId, MergedHttp, VirtualService, gateway_name};
use crate::resolve::{Mesh, Workload};

pub(super) static CHECK: Check =
    Check::lint("plaintext-twin", Severity::Info, include_str!("plaintext_twin.md"));

const HELP: &str =
    "set `tls: {httpsRedirect: true}` there, or let the plain port's route redirect to `https`";
const CHALLENGE: &str = "/.well-known/acme-challenge";

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let mut closed = HashMap::new();
    // Without any no route is looked at.
    let mut servers = mesh.gateways.iter().flat_map(|it| &it.servers);
    let is_any_secure = servers.any(Server::is_https_for_strangers);
    for gateway in mesh.gateways.iter().filter(|_| is_any_secure) {
        for server in gateway.servers.iter().filter(|it| is_plain(it)) {
            let twins = server.hosts.iter().enumerate().filter_map(|(index, host)| {
                let twin = twin(mesh, gateway, server, host)?;
                let at = FieldPath::default().field("spec").field("servers").index(server.index);
                Some((Place::value(gateway.resource.id, at.field("hosts").index(index)), twin))
            });
            let mut twins = twins.peekable();
            if let Some((place, twin)) = twins.next()
                && !is_closed(mesh, &gateway.proxies(&mesh.workloads), server.port, &mut closed)
            {
                out.push(twin.say(place, HELP).and_here(twins.map(|(place, _)| place)));
            }
        }
    }
    for gateway in mesh.api_gateways.iter().filter(|it| it.class == Class::Mesh) {
        let http = |it: &&Listener<'_>| it.protocol == Some(ServerProtocol::Http) && it.is_served();
        for listener in gateway.listeners.iter().filter(http) {
            let found = check_listener(mesh, gateway, listener);
            let proxies = || proxies(mesh, gateway.resource);
            out.extend(found.filter(|_| !is_closed(mesh, &proxies(), listener.port, &mut closed)));
        }
    }
}

/// A host that is served twice.
struct Twin {
    host: Host,
    /// Where it is served with TLS.
    secure: Place,
    /// Where a route leads from the plain port.
    route: Place,
}

impl Twin {
    fn say(self, place: Place, help: &str) -> Diagnostic {
        let message = format!("`{}` is served in plain text, and with TLS, too", self.host);
        Diagnostic::new(&CHECK, place, message)
            .label("in plain text")
            .also(self.secure, "with TLS")
            .also(self.route, "leads here from either")
            .consequence("whoever is between reads and changes what is sent to the plain port")
            .help(help)
    }
}

fn is_plain(server: &Server<'_>) -> bool {
    let redirects = server.spec.tls.as_ref().is_some_and(|tls| tls.https_redirect);
    server.protocol == Some(ServerProtocol::Http) && server.is_served() && !redirects
}

/// Whether policies keep strangers out of a port of all these proxies, which by their Services may be another for them.
/// Those of which it is `known` are not asked again: thousands of gateways may have the same proxies.
fn is_closed(
    mesh: &Mesh<'_>,
    proxies: &[&Workload<'_>],
    port: u16,
    known: &mut HashMap<(DocumentId, u16), bool>,
) -> bool {
    let is_closed_at = |proxy: &Workload<'_>| {
        let services = mesh.services.served_by(proxy).into_iter();
        let ports = services.flat_map(|it| &it.object.ports).filter(|it| it.number == port);
        let targets = ports.filter_map(|it| selection::target(proxy, &it.target));
        let mut targets: BTreeSet<u16> = targets.collect();
        if targets.is_empty() {
            targets.insert(port);
        }
        let policies = InForce::at(mesh, proxy);
        targets.into_iter().all(|port| policies.is_closed_at(port, &Caller::NOBODY))
    };
    let mut is_closed_at =
        |it: &Workload<'_>| *known.entry((it.id, port)).or_insert_with(|| is_closed_at(it));
    !proxies.is_empty() && proxies.iter().all(|proxy| is_closed_at(proxy))
}

/// Routes for a host of a plain server that are also for one with TLS of the same proxies.
fn twin(
    mesh: &Mesh<'_>,
    gateway: &IstioGateway<'_>,
    server: &Server<'_>,
    host: &ServerHost<'_>,
) -> Option<Twin> {
    let at =
        PlainPort { gateway: GatewayName::Named(gateway.full_name.clone()), port: server.port };
    let bound = mesh.virtual_services.of_server_host(&gateway.full_name, host);
    let bound = bound.map(|(id, name)| (mesh.virtual_services.get(id), name));
    let bound: Vec<_> = bound.filter(|(it, _)| gateway_sees(gateway, it)).collect();
    let mut redirected: HostMap<()> = HostMap::default();
    for (routes, name) in &bound {
        if routes.http.iter().any(|it| at.is_redirected_by(it)) {
            redirected.entry(name);
        }
    }
    let open = bound.iter().filter(|(_, name)| redirected.find(name).is_none());
    open.into_iter().find_map(|(routes, name)| {
        let tried = routes.http.iter().take_while(|it| !at.is_answered_by(it));
        let leading = tried.into_iter().find(|it| at.is_led_on_by(it))?;
        let route = FieldPath::default().field("spec").field("http").index(leading.index);
        let route = route.field("route").index(0).field("destination").field("host");
        Some(Twin {
            host: name.clone(),
            secure: secured(mesh, gateway, routes, name)?,
            route: Place::value(leading.resource.id, route),
        })
    })
}

/// Where the proxies of `gateway` serve `name` with TLS by these routes.
fn secured(
    mesh: &Mesh<'_>,
    gateway: &IstioGateway<'_>,
    routes: &VirtualService<'_>,
    name: &str,
) -> Option<Place> {
    let mut same = gateways(mesh, routes)
        .filter(|it| it.resource.spec.selector == gateway.resource.spec.selector);
    same.find_map(|gateway| {
        let mut serving = gateway.serving(name, routes.namespace()).into_iter();
        let (server, host) = serving.find(|(server, _)| server.is_https_for_strangers())?;
        let at = FieldPath::default().field("spec").field("servers").index(server.index);
        Some(Place::value(gateway.resource.id, at.field("hosts").index(host)))
    })
}

/// Where plain requests come in.
struct PlainPort {
    gateway: GatewayName,
    port: u16,
}

impl PlainPort {
    /// Whether they may come by a match of a route of `namespace`.
    fn may_be(&self, test: &HttpMatch, namespace: &str) -> bool {
        let is_https = test.scheme.as_ref().is_some_and(|it| it.exact.as_deref() == Some("https"));
        let is_here = |name: &String| gateway_name(name, namespace) == self.gateway;
        !is_https
            && (test.port == 0 || test.port == u32::from(self.port))
            && (test.gateways.is_empty() || test.gateways.iter().any(is_here))
    }

    /// Whether a route redirects all of them but for exceptions that somebody made.
    fn is_redirected_by(&self, route: &MergedHttp<'_>) -> bool {
        route.spec.redirect.is_some() && self.are_all_taken_by(route)
    }

    /// Whether a route answers all of them.
    fn is_answered_by(&self, route: &MergedHttp<'_>) -> bool {
        route.spec.direct_response.is_some() && self.are_all_taken_by(route)
    }

    fn are_all_taken_by(&self, route: &MergedHttp<'_>) -> bool {
        let tests = &route.spec.r#match;
        let takes = |test: &HttpMatch| {
            self.may_be(test, &route.resource.namespace) && takes_every_request(test)
        };
        tests.is_empty() || tests.iter().any(takes)
    }

    /// Whether a route sends some of them on.
    fn is_led_on_by(&self, route: &MergedHttp<'_>) -> bool {
        let tests = &route.spec.r#match;
        let takes = |test: &HttpMatch| {
            self.may_be(test, &route.resource.namespace) && !is_for_challenges(test)
        };
        !route.spec.route.is_empty() && (tests.is_empty() || tests.iter().any(takes))
    }
}

fn takes_every_request(test: &HttpMatch) -> bool {
    let is_root = |uri: &StringMatch| {
        let source =
            uri.regex.as_deref().map(|it| it.trim_start_matches('^').trim_end_matches('$'));
        matches!(uri.prefix.as_deref(), Some("/" | ""))
            || matches!(source, Some(".*" | ".+" | "/.*"))
    };
    test.uri.as_ref().is_none_or(is_root)
        && test.headers.iter().all(|(name, value)| is_proto(name) && is_met_by_plain(value))
        && test.method.is_none()
        && test.authority.is_none()
        && test.query_params.is_empty()
        && test
            .without_headers
            .iter()
            .all(|(name, value)| is_proto(name) && !is_met_by_plain(value))
}

/// By this header who stands before a gateway says how the client came.
const PROTO: &str = "x-forwarded-proto";

fn is_proto(name: &str) -> bool {
    name.eq_ignore_ascii_case(PROTO)
}

/// Whether the header of a client that came in plain text meets a test.
fn is_met_by_plain(value: &StringMatch) -> bool {
    let with = |value: StringMatch| HttpMatch {
        headers: BTreeMap::from([(PROTO.to_owned(), value)]),
        ..HttpMatch::default()
    };
    let plain = StringMatch { exact: Some("http".to_owned()), ..StringMatch::default() };
    covers_request(&with(value.clone()), &with(plain))
}

fn is_for_challenges(test: &HttpMatch) -> bool {
    let uri = test.uri.as_ref();
    let start = uri.and_then(|uri| uri.prefix.as_deref().or(uri.exact.as_deref()));
    start.is_some_and(|start| start.starts_with(CHALLENGE))
}

/// The same of the Gateway API, whose routes attach to listeners.
fn check_listener(
    mesh: &Mesh<'_>,
    gateway: &ApiGateway<'_>,
    listener: &Listener<'_>,
) -> Option<Diagnostic> {
    let https = |it: &&Listener<'_>| {
        it.protocol == Some(ServerProtocol::Https) && !it.passes_through() && it.takes_routes()
    };
    let secure = || gateway.listeners.iter().filter(https);
    secure().next()?;
    let secure: Vec<_> =
        secure().map(|it| (it, mesh.http_routes.by_host_at(gateway, it))).collect();
    let plain = mesh.http_routes.by_host_at(gateway, listener);
    let twin = plain.into_iter().find_map(|(host, routes)| {
        let (other, _) = secure.iter().find(|(_, hosts)| hosts.contains_key(&host))?;
        let route = leading(mesh, &routes)?;
        let secure = Place::value(other.document, other.path().field("protocol"));
        Some(Twin { host, secure, route })
    })?;
    let place = Place::value(listener.document, listener.path().field("protocol"));
    Some(twin.say(place, "let the plain listener's route redirect to `https`"))
}

/// Where the first of these routes leads to a backend, unless one of them redirects everything else.
fn leading(mesh: &Mesh<'_>, routes: &[HttpRouteId]) -> Option<Place> {
    let routes = || routes.iter().map(|id| mesh.http_routes.get(*id).resource);
    if routes().any(|it| it.spec.rules.iter().any(redirects_root)) {
        return None;
    }
    routes().find_map(|it| {
        let rule = it.spec.rules.iter().position(|rule| {
            let is_challenge = |it: &HttpRouteMatch| {
                let path = it.path.as_ref().and_then(|path| path.value.as_deref());
                path.is_some_and(|path| path.starts_with(CHALLENGE))
            };
            let are_challenges = !rule.matches.is_empty() && rule.matches.iter().all(is_challenge);
            !rule.backend_refs.is_empty() && !redirects(rule) && !are_challenges
        })?;
        let at = FieldPath::default().field("spec").field("rules").index(rule);
        Some(Place::value(it.id, at.field("backendRefs").index(0).field("name")))
    })
}

fn redirects(rule: &HttpRouteRule) -> bool {
    rule.filters.iter().any(|it| it.request_redirect.is_some())
}

fn redirects_root(rule: &HttpRouteRule) -> bool {
    let is_root = |it: &HttpRouteMatch| {
        let is_root_path = it.path.as_ref().is_none_or(|path| {
            path.r#type.unwrap_or(PathMatchType::PathPrefix) == PathMatchType::PathPrefix
                && path.value.as_deref().unwrap_or("/") == "/"
        });
        is_root_path && it.headers.is_empty() && it.query_params.is_empty() && it.method.is_none()
    };
    redirects(rule) && (rule.matches.is_empty() || rule.matches.iter().any(is_root))
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    fn count(text: &str) -> usize {
        let folder = Folder::new();
        folder.write("a.yaml", text);
        findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
    }

    const SECURE: &str = "{port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*.test'], tls: {mode: SIMPLE, credentialName: c}}";
    const TO: &str = "route: [{destination: {host: web}}]";

    /// A gateway with these servers, and its routes.
    fn of_istio(plain: &str, secure: &str, routes: &str) -> usize {
        count(&written(plain, secure, routes))
    }

    fn written(plain: &str, secure: &str, routes: &str) -> String {
        format!(
            "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: g, namespace: shop}}\nspec: {{selector: {{istio: ingress}}, servers: [{plain}, {secure}]}}\n---\n\
             apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: shop}}\nspec: {{hosts: [a.test], gateways: [g], http: [{routes}]}}\n"
        )
    }

    #[test]
    fn routes_may_lead_somewhere_from_both_ports() {
        let plain =
            |more: &str| format!("{{port: {{number: 80, name: http, protocol: HTTP}}, {more}}}");
        let open = plain("hosts: ['*']");
        let redirected =
            |test: &str| format!("{{match: [{{{test}}}], redirect: {{scheme: https}}}}, {{{TO}}}");
        for routes in [
            format!("{{{TO}}}"),
            format!("{{match: [{{port: 80}}], {TO}}}"),
            format!("{{match: [{{uri: {{prefix: /a}}}}], redirect: {{uri: /b}}}}, {{{TO}}}"),
            // It is the last that answers what the others do not take.
            format!(
                "{{match: [{{uri: {{prefix: /a}}}}], {TO}}}, {{directResponse: {{status: 404}}}}"
            ),
            format!("{{match: [{{port: 443}}], directResponse: {{status: 403}}}}, {{{TO}}}"),
            // Redirected is who has come by TLS.
            redirected("headers: {x-forwarded-proto: {exact: https}}"),
            redirected("withoutHeaders: {x-forwarded-proto: {exact: http}}"),
            redirected("withoutHeaders: {x-forwarded-proto: {}}"),
        ] {
            assert_eq!(of_istio(&open, SECURE, &routes), 1, "{routes}");
        }
        for routes in [
            format!("{{match: [{{port: 443}}], {TO}}}"),
            format!("{{match: [{{scheme: {{exact: https}}}}], {TO}}}"),
            format!("{{match: [{{gateways: [other]}}, {{port: 443}}], {TO}}}"),
            format!("{{match: [{{port: 80}}], redirect: {{scheme: https}}}}, {{{TO}}}"),
            format!("{{match: [{{uri: {{prefix: /.well-known/acme-challenge/}}}}], {TO}}}"),
            redirected("headers: {x-forwarded-proto: {exact: http}}"),
            redirected("headers: {X-Forwarded-Proto: {regex: 'https?'}}"),
            redirected("headers: {x-forwarded-proto: {}}"),
            redirected("withoutHeaders: {x-forwarded-proto: {exact: https}}"),
            "{redirect: {scheme: https}}".to_owned(),
            format!(
                "{{match: [{{uri: {{regex: '/.*'}}}}], redirect: {{scheme: https}}}}, {{{TO}}}"
            ),
            format!("{{match: [{{port: 80}}], directResponse: {{status: 403}}}}, {{{TO}}}"),
        ] {
            assert_eq!(of_istio(&open, SECURE, &routes), 0, "{routes}");
        }
        let routes = format!("{{{TO}}}");
        for plain in [plain("hosts: ['*'], tls: {httpsRedirect: true}"), plain("hosts: [b.test]")] {
            assert_eq!(of_istio(&plain, SECURE, &routes), 0, "{plain}");
        }
        let own = SECURE.replace("SIMPLE, credentialName: c", "ISTIO_MUTUAL");
        assert_eq!(of_istio(&open, &own, &routes), 0);
    }

    #[test]
    fn policies_may_close_the_plain_port() {
        let told = |spec: &str| {
            let proxy = "apiVersion: v1\nkind: Pod\nmetadata: {name: p, namespace: shop, labels: {istio: ingress}}\nspec: {containers: [{name: istio-proxy, image: auto}]}\n---\n\
                 apiVersion: v1\nkind: Service\nmetadata: {name: p, namespace: shop}\nspec: {selector: {istio: ingress}, ports: [{name: http, port: 80, targetPort: 8080}]}\n---\n";
            let policy = format!(
                "{proxy}apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\nmetadata: {{name: a, namespace: shop}}\nspec: {{selector: {{matchLabels: {{istio: ingress}}}}, {spec}}}\n"
            );
            let plain = "{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}";
            count(&format!("{}---\n{policy}", written(plain, SECURE, &format!("{{{TO}}}"))))
        };
        let to = |ports: &str| format!("rules: [{{to: [{{operation: {{{ports}}}}}]}}]");
        let deny = |ports: &str| told(&format!("action: DENY, {}", to(ports)));
        assert_eq!(deny("ports: ['8080']"), 0);
        assert_eq!(deny("notPorts: ['8443']"), 0);
        assert_eq!(told(&to("ports: ['8443']")), 0);
        // The port is that of the proxy, and not of its Service.
        assert_eq!(deny("ports: ['80']"), 1);
        assert_eq!(deny("ports: ['8080'], paths: [/a]"), 1);
        assert_eq!(told(&to("ports: ['8080']")), 1);
        let who = "action: DENY, rules: [{from: [{source: {namespaces: [a]}}], to: [{operation: {ports: ['8080']}}]}]";
        assert_eq!(told(who), 1);
    }

    #[test]
    fn routes_of_the_gateway_api_attach_to_both_listeners() {
        let told = |parents: &str, rules: &str, more: &str| {
            count(&format!(
                "apiVersion: gateway.networking.k8s.io/v1\nkind: GatewayClass\nmetadata: {{name: istio}}\nspec: {{controllerName: istio.io/gateway-controller}}\n---\n\
                 apiVersion: gateway.networking.k8s.io/v1\nkind: Gateway\nmetadata: {{name: g, namespace: shop}}\nspec:\n  gatewayClassName: istio\n  listeners:\n  - {{name: http, port: 80, protocol: HTTP}}\n  - {{name: https, port: 443, protocol: HTTPS, tls: {{certificateRefs: [{{name: c}}]}}}}\n---\n\
                 apiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {{name: r, namespace: shop}}\nspec: {{hostnames: [a.test], parentRefs: [{parents}], rules: [{rules}]}}\n{more}"
            ))
        };
        let (both, one) = ("{name: g}", "{name: g, sectionName: https}");
        let to = "{backendRefs: [{name: web, port: 80}]}";
        assert_eq!(told(both, to, ""), 1);
        assert_eq!(told(one, to, ""), 0);
        let redirect = "---\napiVersion: gateway.networking.k8s.io/v1\nkind: HTTPRoute\nmetadata: {name: s, namespace: shop}\nspec: {hostnames: [a.test], parentRefs: [{name: g, sectionName: http}], rules: [{filters: [{type: RequestRedirect, requestRedirect: {scheme: https}}]}]}\n";
        assert_eq!(told(one, to, redirect), 0);
        assert_eq!(told(both, to, redirect), 0);
    }
}
