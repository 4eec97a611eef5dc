//! `redirect-to-unserved-https`: a gateway sends clients of a host to HTTPS, where it has other hosts and not this one.
//!
//! It is said of a Gateway that ends TLS itself for others, where no server of any Gateway has the host but such as redirect, by
//! themselves or by a VirtualService. Who trusts proxies before it may be told by them that TLS is over; a route that asks for a
//! header, or a scheme, may go by what they tell. Sources: Istio, `ServerTLSSettings.httpsRedirect`, `HTTPRedirect.scheme`.

use std::cell::LazyCell;
use std::collections::BTreeMap;

use mesh_snapshot::object::ServerProtocol;

use crate::api::istio::{HttpMatch, HttpRedirect};
use crate::check::matching::any_client::is_of_any_client;
use crate::check::matching::cover::covers;
use crate::check::matching::route_place::matches;
use crate::check::sight::gateways;
use crate::check::{inventory, trusted_proxies};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::gateway::{IstioGateway, Server};
use crate::resolve::host::{Host, is_wildcard, overlap};
use crate::resolve::route::{MergedHttp, VirtualService};
use crate::resolve::{Meeting, Mesh};

pub(super) static CHECK: Check = Check::lint(
    "redirect-to-unserved-https",
    Severity::Warning,
    include_str!("redirect_to_unserved_https.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    // A server of automatic passing on takes any name.
    let passes = || mesh.gateways.iter().flat_map(|it| &it.servers).any(|it| !it.is_served());
    if inventory::may_have_gateways(mesh) || trusted_proxies::are_set(mesh) || passes() {
        return;
    }
    let secure: Secure<'_, '_> = mesh
        .gateways
        .iter()
        .filter_map(|it| Some((it.resource.id, ending_tls(mesh, it)?)))
        .collect();
    if secure.is_empty() {
        return;
    }
    let answering = LazyCell::new(|| Answering::of(mesh));
    for gateway in mesh.gateways.iter() {
        let Some(secure) = secure.get(&gateway.resource.id) else { continue };
        for server in gateway.servers.iter().filter(|it| redirects(it) && it.is_served()) {
            check(&answering, gateway, server, secure, out);
        }
    }
    for (_, it) in mesh.virtual_services.iter() {
        check_routes(mesh, (&answering, &secure), it, out);
    }
}

/// By Gateway, the first of its servers that ends TLS.
type Secure<'m, 'a> = BTreeMap<DocumentId, &'m Server<'a>>;

/// The first server of a gateway that ends TLS, unless proxies before it may have.
fn ending_tls<'g, 'a>(mesh: &Mesh<'_>, gateway: &'g IstioGateway<'a>) -> Option<&'g Server<'a>> {
    let secure = gateway.servers.iter().find(|it| is_secure(it))?;
    let told = gateway.proxies(&mesh.workloads);
    (!told.iter().any(|it| trusted_proxies::are_set_at(it))).then_some(secure)
}

fn check(
    answering: &Answering<'_, '_>,
    gateway: &IstioGateway<'_>,
    server: &Server<'_>,
    secure: &Server<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let servers = FieldPath::default().field("spec").field("servers");
    for (index, own) in server.hosts.iter().enumerate() {
        if is_wildcard(&own.host) || answering.has(&own.host, gateway, server) {
            continue;
        }
        let at = servers.clone().index(server.index).field("hosts").index(index);
        let message =
            format!("no server has `{}` for HTTPS, to which this one redirects", own.host);
        let others = servers.clone().index(secure.index).field("hosts");
        out.push(
            Diagnostic::new(&CHECK, Place::value(gateway.resource.id, at), message)
                .label("is sent to HTTPS")
                .also(Place::key(gateway.resource.id, others), "these are served there")
                .consequence("clients are sent to where nobody answers for the host")
                .help("add the host to the server for HTTPS, or take it away here"),
        );
    }
}

/// Of the first route that redirects requests to HTTPS, if the routes before it leave it any, each host that is not served there.
fn check_routes<'m, 'a, F: FnOnce() -> Answering<'m, 'a>>(
    mesh: &'m Mesh<'a>,
    (answering, secure): (&LazyCell<Answering<'m, 'a>, F>, &Secure<'m, 'a>),
    it: &VirtualService<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let leads = |it: &MergedHttp<'_>| it.spec.redirect.as_ref().is_some_and(leads_to_https);
    let mut leading = it.http.iter().enumerate().filter(|(_, route)| leads(route));
    let left = leading.find_map(|(place, route)| {
        let tests = left_to(it, place, route);
        (!tests.is_empty()).then_some((route, tests))
    });
    let Some((route, tests)) = left else { return };
    for host in it.hosts.iter().filter(|it| !is_wildcard(it)) {
        let found = gateways(mesh, it).find_map(|gateway| {
            let secure = *secure.get(&gateway.resource.id)?;
            let server = plain(gateway, it, &tests, host)?;
            (!answering.has(host, gateway, server)).then_some((gateway, secure))
        });
        out.extend(found.map(|(gateway, secure)| report(it, route, host, (gateway, secure))));
    }
}

/// What a route asks of requests that none before it takes, as far as one of those does alone.
fn left_to(it: &VirtualService<'_>, place: usize, route: &MergedHttp<'_>) -> Vec<HttpMatch> {
    let mut tests = route.spec.r#match.clone();
    if tests.is_empty() {
        tests.push(HttpMatch::default());
    }
    let gateways = &it.resource.spec.gateways;
    let takes = |by: &MergedHttp<'_>, test: &HttpMatch| {
        let own = &by.spec.r#match;
        own.is_empty() || own.iter().any(|it| covers(it, test, gateways))
    };
    let before = it.http.get(..place).unwrap_or_default();
    tests.retain(|test| !before.iter().any(|by| takes(by, test)));
    tests
}

/// Whether the same host follows, at the port of its scheme.
fn leads_to_https(it: &HttpRedirect) -> bool {
    it.scheme == "https" && it.authority.is_empty() && it.port.is_none() && it.derive_port.is_none()
}

/// The server for plain text at which a route that asks for one of `tests` takes requests for a host.
fn plain<'g, 'a>(
    gateway: &'g IstioGateway<'a>,
    it: &VirtualService<'_>,
    tests: &[HttpMatch],
    host: &Host,
) -> Option<&'g Server<'a>> {
    let takes = |server: &Server<'_>| tests.iter().any(|test| is_of_any_host(test, server.port));
    let is_meant = |server: &&Server<'_>| {
        server.protocol == Some(ServerProtocol::Http)
            && server.is_served()
            && !redirects(server)
            && takes(server)
    };
    let mut serving = gateway.serving(host, it.namespace()).into_iter().map(|(server, _)| server);
    serving.find(is_meant)
}

/// Whether a match takes requests for whatever host at a port, and does not ask by which way they came.
fn is_of_any_host(test: &HttpMatch, port: u16) -> bool {
    is_of_any_client(test)
        && test.authority.is_none()
        && test.gateways.is_empty()
        && [0, u32::from(port)].contains(&test.port)
}

fn report(
    it: &VirtualService<'_>,
    route: &MergedHttp<'_>,
    host: &Host,
    (gateway, secure): (&IstioGateway<'_>, &Server<'_>),
) -> Diagnostic {
    let at = FieldPath::default().field("spec").field("http").index(route.index);
    let place = Place::value(route.resource.id, at.field("redirect").field("scheme"));
    let message = format!("no server has `{host}` for HTTPS, to which this route redirects");
    let found = Diagnostic::new(&CHECK, place, message).label("is sent to HTTPS");
    let found = match route.root {
        Some(_) => found.also(Place::resource(it.resource.id), "which leads here"),
        None => found.supposing(matches(route)),
    };
    let servers = FieldPath::default().field("spec").field("servers");
    let others = servers.index(secure.index).field("hosts");
    found
        .also(Place::key(gateway.resource.id, others), "these are served there")
        .consequence("clients are sent to where nobody answers for the host")
        .help("add the host to the server for HTTPS, or lead its requests to a destination")
}

/// What answers for hosts.
struct Answering<'m, 'a> {
    mesh: &'m Mesh<'a>,
    /// The servers that do not redirect, and listeners.
    servers: Meeting<Option<(&'m IstioGateway<'a>, &'m Server<'a>)>>,
}

impl<'m, 'a> Answering<'m, 'a> {
    fn of(mesh: &'m Mesh<'a>) -> Self {
        let mut servers = Meeting::default();
        for gateway in mesh.gateways.iter() {
            for server in gateway.servers.iter().filter(|it| it.is_served() && !redirects(it)) {
                for own in &server.hosts {
                    servers.add(&own.host, Some((gateway, server)));
                }
            }
        }
        for listener in mesh.api_gateways.iter().flat_map(|it| &it.listeners) {
            servers.add(&listener.hostname, None);
        }
        Self { mesh, servers }
    }

    /// Whether some server but those beside `from`, at its port, has names of a host.
    fn has(&self, host: &str, gateway: &IstioGateway<'_>, from: &Server<'_>) -> bool {
        let is_beside = |it: &IstioGateway<'_>, server: &Server<'_>| {
            it.resource.spec.selector == gateway.resource.spec.selector && server.port == from.port
        };
        let is_other = |it: &Option<_>| it.is_none_or(|(it, server)| !is_beside(it, server));
        let is_meant = |own: &String| own.is_empty() || overlap(&own.to_ascii_lowercase(), host);
        let mut tls = self.mesh.source.ingresses.iter().flat_map(|it| &it.spec.tls);
        self.servers.with(host).any(|(_, it)| is_other(it))
            || tls.any(|it| it.hosts.is_empty() || it.hosts.iter().any(is_meant))
    }
}

fn redirects(server: &Server<'_>) -> bool {
    server.spec.tls.as_ref().is_some_and(|tls| tls.https_redirect)
}

fn is_secure(server: &Server<'_>) -> bool {
    server.protocol == Some(ServerProtocol::Https) && server.is_served()
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    const HTTPS: &str =
        "    hosts: [www.example.com]\n    tls: {mode: SIMPLE, credentialName: www}\n";

    fn is_told(change: (&str, &str), others: &str) -> bool {
        let page = CHECK.docs.split("```yaml fails\n").nth(1).unwrap();
        let text = page.split("```").next().unwrap();
        assert!(text.contains(change.0), "{}", change.0);
        let folder = Folder::new();
        folder.write("a.yaml", text.replace(change.0, change.1));
        folder.write("b.yaml", others);
        findings(folder.path()).iter().any(|it| it.check == &CHECK)
    }

    #[test]
    fn a_host_may_be_served_by_others() {
        let as_it_is = (HTTPS, HTTPS);
        assert!(is_told(as_it_is, ""));
        assert!(!is_told((HTTPS, &HTTPS.replace("[www", "['*'")), ""));
        assert!(!is_told(
            (HTTPS, &HTTPS.replace("[www", "['*.").replace(".example", "example")),
            ""
        ));
        assert!(
            !is_told(("[shop.example.com, www", "['*', www"), ""),
            "of a wildcard nothing is said"
        );
        assert!(!is_told(("{httpsRedirect: true}", "{httpsRedirect: false}"), ""));
        let gateway = |server: &str| {
            format!(
                "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: other, namespace: edge}}\nspec: {{selector: {{app: other}}, servers: [{{port: {server}, hosts: [shop.example.com]}}]}}\n"
            )
        };
        // A balancer may end TLS, and lead to a port of its own.
        for server in [
            "{number: 443, name: tls, protocol: TLS}, tls: {mode: PASSTHROUGH}",
            "{number: 8080, name: http, protocol: HTTP}",
        ] {
            assert!(!is_told(as_it_is, &gateway(server)), "{server}");
        }
        // A wildcard beside it takes no request of the host.
        let beside = gateway("{number: 80, name: other, protocol: HTTP}")
            .replace("app: other", "istio: ingress")
            .replace("[shop.example.com]", "['*']");
        assert!(is_told(as_it_is, &beside));
        let other = gateway("{number: 80, name: http, protocol: HTTP}, tls: {httpsRedirect: true}");
        assert!(is_told(as_it_is, &other));
        let trusting = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata: {mesh: 'defaultConfig: {gatewayTopology: {numTrustedProxies: 1}}'}\n";
        assert!(!is_told(as_it_is, trusting));
    }

    /// What is said of the page's hosts where a VirtualService redirects, and not the server.
    fn is_told_of_route(hosts: &str, https: &str, routes: &str, others: &str) -> bool {
        let folder = Folder::new();
        let gateway = format!(
            "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: g, namespace: edge}}\nspec:\n  selector: {{istio: ingress}}\n  servers:\n  - {{port: {{number: 80, name: http, protocol: HTTP}}, hosts: ['*']}}\n{https}"
        );
        let routes = format!(
            "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v, namespace: edge}}\nspec: {{hosts: {hosts}, gateways: [g], http: [{routes}]}}\n"
        );
        folder.write("a.yaml", format!("{gateway}---\n{routes}"));
        folder.write("b.yaml", others);
        findings(folder.path()).iter().any(|it| it.check == &CHECK)
    }

    #[test]
    fn a_route_may_redirect_as_well() {
        let https = |hosts: &str| {
            format!(
                "  - {{port: {{number: 443, name: https, protocol: HTTPS}}, hosts: [{hosts}], tls: {{mode: SIMPLE, credentialName: a}}}}\n"
            )
        };
        let all = "{redirect: {scheme: https}}";
        let shop = "[shop.example.com]";
        let www = https("www.example.com");
        assert!(is_told_of_route(shop, &www, all, ""));
        let of_path = "{match: [{uri: {prefix: /a}, port: 80}], redirect: {scheme: https, redirectCode: 308}}";
        assert!(is_told_of_route(shop, &www, of_path, ""));
        let some_before = "{match: [{uri: {prefix: /a}}], directResponse: {status: 200}}, {redirect: {scheme: https}}";
        assert!(is_told_of_route(shop, &www, some_before, ""));
        assert!(is_told_of_route("[www.example.com, shop.example.com]", &www, all, ""));
        // A balancer may end TLS where the gateway does not.
        assert!(!is_told_of_route(shop, "", all, ""));
        for served in ["shop.example.com", "'*.example.com'", "'*'"] {
            assert!(!is_told_of_route(shop, &https(served), all, ""), "{served}");
        }
        assert!(!is_told_of_route("['*.shop.example.com']", &www, all, ""));
        for routes in [
            "{redirect: {scheme: https, authority: www.example.com}}",
            "{redirect: {scheme: https, port: 8443}}",
            "{redirect: {uri: /a}}",
            "{match: [{authority: {exact: www.example.com}}], redirect: {scheme: https}}",
            "{match: [{headers: {x-forwarded-proto: {exact: http}}}], redirect: {scheme: https}}",
            "{match: [{port: 443}], redirect: {scheme: https}}",
            // An earlier route takes what it would.
            "{directResponse: {status: 200}}, {redirect: {scheme: https}}",
            "{match: [{uri: {prefix: /a}}], directResponse: {status: 200}}, {match: [{uri: {prefix: /a/b}}], redirect: {scheme: https}}",
        ] {
            assert!(!is_told_of_route(shop, &www, routes, ""), "{routes}");
        }
        let trusting = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata: {mesh: 'defaultConfig: {gatewayTopology: {numTrustedProxies: 1}}'}\n";
        assert!(!is_told_of_route(shop, &www, all, trusting));
    }
}
