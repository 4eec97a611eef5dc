//! `endless-redirect`: a redirect leads to where its own route sends clients away again.
//!
//! It is said where the answer changes the path to one that the route takes, the scheme at a gateway that has the route at its
//! port for TLS, too, or the host to one that is written beside the route; whatever an earlier route may take, or another resource for
//! the host, is left alone. Nor is it said of a host within a wildcard: names may lead such a one elsewhere. Source: Istio,
//! `HTTPRedirect`; Envoy, `RedirectAction`.

mod gateway_api;

use std::collections::HashMap;

use mesh_snapshot::object::ServerProtocol;

use crate::api::istio::{HttpMatch, HttpRedirect, StringMatch};
use crate::check::matching::any_client::is_of_any_client;
use crate::check::matching::cover::covers_request;
use crate::check::matching::route_place::matches;
use crate::check::sight::{gateways, servers};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::gateway::Server;
use crate::resolve::host::{Host, lower};
use crate::resolve::route::{GatewayName, MergedHttp, VirtualService};

pub(super) static CHECK: Check =
    Check::lint("endless-redirect", Severity::Warning, include_str!("endless_redirect.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    gateway_api::run(mesh, out);
    let all = || mesh.virtual_services.iter().map(|(_, it)| it);
    let redirects = |it: &&VirtualService<'_>| it.http.iter().any(|it| it.spec.redirect.is_some());
    if !all().any(|it| redirects(&it)) {
        return;
    }
    let mut of_host: HashMap<&Host, usize> = HashMap::new();
    for host in all().flat_map(|it| &it.hosts) {
        *of_host.entry(host).or_default() += 1;
    }
    // Routes of several resources are tried one after another.
    let is_alone =
        |it: &&VirtualService<'_>| it.hosts.iter().all(|host| of_host.get(host) == Some(&1));
    for it in all().filter(redirects).filter(is_alone) {
        for (index, route) in it.http.iter().enumerate() {
            let Some(redirect) = &route.spec.redirect else { continue };
            let Some(target) = Target::of(redirect) else { continue };
            let earlier = it.http.get(..index).unwrap_or_default();
            if comes_back(mesh, it, route, &target, earlier) {
                out.push(report(it, route, &target));
            }
        }
    }
}

/// What a redirect changes; at least one.
struct Target<'r> {
    path: Option<NewPath<'r>>,
    /// In lower case, without a port.
    host: Option<Host>,
    scheme: Option<Scheme>,
}

/// What becomes of a path.
#[derive(Clone, Copy)]
enum NewPath<'r> {
    Whole(&'r str),
    /// In place of what the match asks for: of a prefix, the rest of the path follows.
    InPlace(&'r str),
}

impl<'r> NewPath<'r> {
    fn text(self) -> &'r str {
        match self {
            Self::Whole(text) | Self::InPlace(text) => text,
        }
    }

    /// The field that says it.
    fn field(self) -> &'static str {
        match self {
            Self::Whole(_) => "uri",
            Self::InPlace(_) => "prefixRewrite",
        }
    }

    /// The paths that follow those that `asked` takes. `None`: it is an expression, of which nothing is told.
    fn of(self, asked: &HttpMatch) -> Option<StringMatch> {
        let text = Some(self.text().to_owned());
        let asked = asked.uri.as_ref();
        match self {
            Self::InPlace(_) if asked.is_some_and(|it| it.regex.is_some()) => None,
            Self::InPlace(_) if asked.is_none_or(|it| it.prefix.is_some()) => {
                Some(StringMatch { prefix: text, ..StringMatch::default() })
            }
            _ => Some(StringMatch { exact: text, ..StringMatch::default() }),
        }
    }
}

#[derive(Clone, Copy, Eq, PartialEq)]
enum Scheme {
    Http,
    Https,
}

impl<'r> Target<'r> {
    /// `None`: nothing, or something of which nothing can be told.
    fn of(it: &'r HttpRedirect) -> Option<Self> {
        let is_path = |uri: &str| uri.starts_with('/') && !uri.contains(['%', '?', '#']);
        let is_name =
            |it: &str| it.bytes().all(|it| it.is_ascii_alphanumeric() || b"-_.".contains(&it));
        let is_clear = it.port.is_none()
            && it.derive_port.is_none()
            && [&it.uri, &it.prefix_rewrite].into_iter().all(|it| it.is_empty() || is_path(it))
            && is_name(&it.authority);
        let scheme = match it.scheme.as_str() {
            "" => None,
            "http" => Some(Scheme::Http),
            "https" => Some(Scheme::Https),
            _ => return None,
        };
        let path = match (it.uri.as_str(), it.prefix_rewrite.as_str()) {
            ("", "") => None,
            ("", text) => Some(NewPath::InPlace(text)),
            (text, _) => Some(NewPath::Whole(text)),
        };
        let host = Some(&it.authority).filter(|it| !it.is_empty()).map(|it| lower(it));
        let changes = path.is_some() || host.is_some() || scheme.is_some();
        (is_clear && changes).then_some(Self { path, host, scheme })
    }

    /// The request of one who follows it, where the one before was as `test` asks. `None`: nothing is told of its path.
    fn followed(&self, test: &HttpMatch) -> Option<HttpMatch> {
        let mut followed = test.clone();
        if let Some(path) = self.path {
            followed.uri = Some(path.of(test)?);
            followed.ignore_uri_case = false;
        }
        if let Some(host) = &self.host {
            let exact = Some(host.to_string());
            followed.authority = Some(StringMatch { exact, ..StringMatch::default() });
        }
        Some(followed)
    }
}

/// Whether one who follows the redirect comes to the same route.
fn comes_back(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    route: &MergedHttp<'_>,
    target: &Target<'_>,
    earlier: &[MergedHttp<'_>],
) -> bool {
    let any = [HttpMatch::default()];
    let own = if route.spec.r#match.is_empty() { &any } else { route.spec.r#match.as_slice() };
    own.iter().filter(|test| asks_for_path_alone(test)).any(|test| {
        target.followed(test).is_some_and(|followed| {
            comes_there(mesh, it, target, test)
                && covers_request(test, &followed)
                && !earlier.iter().any(|by| may_take(by, &followed))
        })
    })
}

/// Whether whoever follows the redirect asks where the route is. Without another host or scheme he asks where he did before.
fn comes_there(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    target: &Target<'_>,
    test: &HttpMatch,
) -> bool {
    match (&target.host, target.scheme) {
        (None, None) => true,
        (None, Some(Scheme::Http)) => false,
        (None, Some(Scheme::Https)) => is_at_tls(mesh, it, None, test),
        (Some(host), _) if !it.hosts.contains(host) => {
            target.scheme != Some(Scheme::Https) && is_short_name_in_mesh(mesh, it, host, test)
        }
        (Some(host), scheme) => {
            let may_be = |it| scheme.is_none_or(|asked| asked == it);
            (may_be(Scheme::Https) && is_at_tls(mesh, it, Some(host), test))
                || (may_be(Scheme::Http) && is_in_plain_text(mesh, it, host, test))
        }
    }
}

/// Whether `host` is a short name that clients in the namespace have for a Service that the route is for, and leads them there in
/// plain text. Source: Istio, the domains that proxies know a Service by.
fn is_short_name_in_mesh(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    host: &str,
    test: &HttpMatch,
) -> bool {
    let domain = mesh.settings.cluster_domain;
    let rests =
        [format!("{}.svc.{domain}", it.namespace()), format!("svc.{domain}"), domain.to_owned()];
    let mut names = rests.iter().map(|rest| lower(&format!("{host}.{rest}")));
    names.any(|full| it.hosts.contains(&full) && is_in_plain_text(mesh, it, &full, test))
}

/// What else a match asks for need not be so of the request that follows.
fn asks_for_path_alone(test: &HttpMatch) -> bool {
    is_of_any_client(test) && test.method.is_none() && test.query_params.is_empty()
}

/// Whether an earlier route may take such requests, as far as paths go: all of those for one path, and any of those for many.
fn may_take(route: &MergedHttp<'_>, followed: &HttpMatch) -> bool {
    let tests = &route.spec.r#match;
    tests.is_empty()
        || tests.iter().any(|by| {
            let uri = by.uri.clone();
            let is_expression = uri.as_ref().is_some_and(|it| it.regex.is_some());
            let paths =
                HttpMatch { uri, ignore_uri_case: by.ignore_uri_case, ..HttpMatch::default() };
            let is_many = followed.uri.as_ref().is_some_and(|it| it.prefix.is_some());
            let is_among = || is_many && covers_request(followed, &paths);
            is_expression || covers_request(&paths, followed) || is_among()
        })
}

/// The ports to which a client goes that is told of a scheme alone.
const HTTPS_PORT: u16 = 443;
const HTTP_PORT: u16 = 80;

/// Whether a gateway has the route where it ends TLS, too; where a host is given, for that one. Who comes there is sent back there,
/// whatever else the route is for.
fn is_at_tls(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    host: Option<&Host>,
    test: &HttpMatch,
) -> bool {
    let is_secure =
        |server: &Server<'_>| server.is_https_for_strangers() && server.port == HTTPS_PORT;
    may_be_at(test, HTTPS_PORT)
        && match host {
            None => gateways(mesh, it).flat_map(|gateway| servers(gateway, it)).any(is_secure),
            Some(host) => serves(mesh, it, host, is_secure),
        }
}

/// Whether a gateway, or the mesh, has the route for `host` where requests in plain text come that name no port.
fn is_in_plain_text(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    host: &Host,
    test: &HttpMatch,
) -> bool {
    let is_plain = |server: &Server<'_>| {
        let redirects = server.spec.tls.as_ref().is_some_and(|tls| tls.https_redirect);
        server.protocol == Some(ServerProtocol::Http) && server.port == HTTP_PORT && !redirects
    };
    let in_mesh = || {
        let services = mesh.services.of_host(host).iter().map(|id| mesh.services.get(*id));
        let mut ports = services.flat_map(|it| &it.object.ports);
        it.gateways.contains(&GatewayName::Mesh)
            && ports.any(|port| port.number == HTTP_PORT && port.protocol.is_http())
    };
    may_be_at(test, HTTP_PORT) && (serves(mesh, it, host, is_plain) || in_mesh())
}

fn may_be_at(test: &HttpMatch, port: u16) -> bool {
    test.gateways.is_empty() && [0, u32::from(port)].contains(&test.port)
}

/// Whether a server of this kind has the routes for `host`.
fn serves(
    mesh: &Mesh<'_>,
    it: &VirtualService<'_>,
    host: &Host,
    is_meant: impl Fn(&Server<'_>) -> bool,
) -> bool {
    let mut serving = gateways(mesh, it).flat_map(|own| own.serving(host, it.namespace()));
    serving.any(|(server, _)| is_meant(server))
}

/// What is said of a redirect, the field that is at fault, and what to do.
fn words(it: &VirtualService<'_>, target: &Target<'_>) -> (String, &'static str, &'static str) {
    match (&target.host, target.path) {
        (Some(host), _) if it.hosts.len() > 1 => (
            format!("`{host}` is among the hosts that this route redirects"),
            "authority",
            "match the other hosts with `authority`, or take this one with a route before this one",
        ),
        (_, Some(path)) => (
            format!("`{}` is among the paths that this route redirects", path.text()),
            path.field(),
            "match the path that is meant with `exact`, or take the new one with a route before this one",
        ),
        (Some(host), None) => (
            format!("requests for `{host}` are redirected to that host"),
            "authority",
            "name another host or another path, or lead the requests to a destination",
        ),
        (None, None) => (
            "requests that come by HTTPS are redirected to HTTPS, too".to_owned(),
            "scheme",
            "set `tls.httpsRedirect` at the gateway's server for plain text instead, or match its `port`",
        ),
    }
}

fn report(it: &VirtualService<'_>, route: &MergedHttp<'_>, target: &Target<'_>) -> Diagnostic {
    let (message, field, help) = words(it, target);
    let at = FieldPath::default().field("spec").field("http").index(route.index);
    let place = Place::value(route.resource.id, at.field("redirect").field(field));
    let found = Diagnostic::new(&CHECK, place, message).label("leads back here");
    let found = match route.root {
        Some(_) => found.also(Place::resource(it.resource.id), "which leads here"),
        None => found.supposing(matches(route)),
    };
    found.consequence("clients are sent in a circle until they give up").help(help)
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    fn is_told(spec: &str, others: &str) -> bool {
        is_told_of("[web.example.com]", spec, others)
    }

    fn is_told_of(hosts: &str, spec: &str, others: &str) -> bool {
        let folder = Folder::new();
        folder.write(
            "a.yaml",
            format!(
                "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: web, namespace: shop}}\nspec:\n  hosts: {hosts}\n{spec}"
            ),
        );
        folder.write("b.yaml", others);
        findings(folder.path()).iter().any(|it| it.check == &CHECK)
    }

    #[test]
    fn a_path_may_lead_back() {
        let routes = |before: &str, test: &str, redirect: &str| {
            is_told(&format!("  http:\n{before}  - {{{test}redirect: {{{redirect}}}}}\n"), "")
        };
        let old = "match: [{uri: {prefix: /old}}], ";
        assert!(routes("", old, "uri: /old/"));
        assert!(routes("", "", "uri: /"));
        assert!(routes("", "match: [{uri: {regex: '/old.*'}}], ", "uri: /old/new"));
        assert!(routes(
            "  - {match: [{uri: {prefix: /new}}], directResponse: {status: 200}}\n",
            old,
            "uri: /old/"
        ));
        assert!(routes("", old, "prefixRewrite: /old/new"));
        assert!(routes("", "match: [{uri: {exact: /old}}], ", "prefixRewrite: /old"));
        assert!(routes("", "", "prefixRewrite: /new"));
        for (before, test, redirect) in [
            ("", old, "prefixRewrite: /new"),
            ("", "match: [{uri: {exact: /old}}], ", "prefixRewrite: /old/new"),
            ("", "match: [{uri: {regex: '/old.*'}}], ", "prefixRewrite: /old/new"),
            (
                "  - {match: [{uri: {prefix: /old/new/}}], directResponse: {status: 200}}\n",
                old,
                "prefixRewrite: /old/new",
            ),
            ("", old, "uri: /new"),
            ("", "match: [{uri: {exact: /old}}], ", "uri: /old/"),
            ("", old, "uri: /old/, authority: other.example.com"),
            ("", old, "uri: /old/, scheme: https"),
            ("", old, "uri: '/old/%PREFIX()%'"),
            ("", "match: [{uri: {prefix: /old}, headers: {x: {exact: a}}}], ", "uri: /old/"),
            ("", "match: [{uri: {prefix: /old}, method: {exact: POST}}], ", "uri: /old/"),
            (
                "  - {match: [{uri: {prefix: /old/}}], directResponse: {status: 200}}\n",
                old,
                "uri: /old/",
            ),
            (
                "  - {match: [{uri: {regex: '/.*/'}}], directResponse: {status: 200}}\n",
                old,
                "uri: /old/",
            ),
            (
                "  - {match: [{uri: {exact: /old/}, method: {exact: GET}}], directResponse: {status: 200}}\n",
                old,
                "uri: /old/",
            ),
        ] {
            assert!(!routes(before, test, redirect), "{before} {test} {redirect}");
        }
        // Whose routes are first is by age.
        let other = "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: other, namespace: shop}\nspec: {hosts: [web.example.com], http: [{match: [{uri: {exact: /old/}}], directResponse: {status: 200}}]}\n";
        assert!(!is_told(
            "  http: [{match: [{uri: {prefix: /old}}], redirect: {uri: /old/}}]\n",
            other
        ));
    }

    #[test]
    fn a_scheme_leads_back_where_it_is_that_already() {
        let gateway = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: shop}\nspec:\n  selector: {istio: ingress}\n  servers:\n  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}\n  - {port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: a}}\n";
        let routes = |text: &str| format!("  gateways: [g]\n  http: [{text}]\n");
        let plain = gateway.split("  - {port: {number: 443").next().unwrap();
        let all = routes("{redirect: {scheme: https}}");
        assert!(is_told(&all, gateway));
        assert!(!is_told(&all, plain));
        // What the mesh's own TLS carries, the client's application has sent in plain text.
        assert!(!is_told(&all, &gateway.replace("SIMPLE, credentialName: a", "ISTIO_MUTUAL")));
        assert!(is_told(&all, &gateway.replace("SIMPLE", "MUTUAL")));
        // At two gateways, too, clients of the one that ends TLS come back to it.
        let other = "---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: h, namespace: shop}\nspec:\n  selector: {istio: internal}\n  servers:\n";
        let two = gateway
            .replace("  - {port: {number: 443", &format!("{other}  - {{port: {{number: 443"));
        let both = all.replace("[g]", "[g, h]");
        assert!(is_told(&both, &two));
        assert!(!is_told(&both, &two.replace("SIMPLE, credentialName: a", "ISTIO_MUTUAL")));
        let by_port = routes("{match: [{port: 80}], redirect: {scheme: https}}");
        assert!(!is_told(&by_port, gateway));
        let before = routes(
            "{match: [{port: 443}], directResponse: {status: 200}}, {redirect: {scheme: https}}",
        );
        assert!(!is_told(&before, gateway));
        let by_scheme = routes("{match: [{scheme: {exact: http}}], redirect: {scheme: https}}");
        assert!(!is_told(&by_scheme, gateway));
    }

    const PUBLIC: &str = "apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g, namespace: shop}\nspec:\n  selector: {istio: ingress}\n  servers:\n  - {port: {number: 80, name: http, protocol: HTTP}, hosts: ['*'], tls: {httpsRedirect: true}}\n  - {port: {number: 443, name: https, protocol: HTTPS}, hosts: ['*'], tls: {mode: SIMPLE, credentialName: a}}\n";

    #[test]
    fn a_host_may_be_one_that_the_route_is_for() {
        let of = |hosts: &str, gateway: &str, routes: &str| {
            is_told_of(hosts, &format!("  gateways: [g]\n  http: [{routes}]\n"), gateway)
        };
        let one = |gateway: &str, routes: &str| of("[web.example.com]", gateway, routes);
        let two =
            |gateway: &str, routes: &str| of("[web.example.com, www.example.com]", gateway, routes);
        let all = "{redirect: {authority: www.example.com}}";
        let to_own = |test: &str| format!("{{{test}redirect: {{authority: WEB.example.com}}}}");
        assert!(two(PUBLIC, all));
        assert!(one(PUBLIC, &to_own("")));
        assert!(one(PUBLIC, &to_own("match: [{uri: {exact: /}}], ")));
        assert!(one(PUBLIC, &to_own("match: [{authority: {prefix: web}}], ")));
        assert!(two(PUBLIC, "{redirect: {authority: www.example.com, scheme: https}}"));
        assert!(two(PUBLIC, "{redirect: {authority: www.example.com, uri: /new}}"));
        // Elsewhere than here, by a name that another may have.
        assert!(!one(PUBLIC, all));
        assert!(!of("['*.example.com']", PUBLIC, all));
        for routes in [
            "{match: [{authority: {exact: web.example.com}}], redirect: {authority: www.example.com}}",
            "{match: [{authority: {exact: www.example.com}}], directResponse: {status: 204}}, {redirect: {authority: www.example.com}}",
            "{match: [{uri: {prefix: /old}}], redirect: {authority: www.example.com, uri: /new}}",
            "{redirect: {authority: www.example.com, scheme: http}}",
            "{redirect: {authority: 'www.example.com:8443'}}",
            "{redirect: {authority: www.example.com, port: 8443}}",
            "{match: [{port: 80}], redirect: {authority: www.example.com}}",
            "{match: [{headers: {x: {exact: a}}}], redirect: {authority: www.example.com}}",
        ] {
            assert!(!two(PUBLIC, routes), "{routes}");
        }
        // Nobody answers for the host where clients are sent.
        let apart =
            PUBLIC.replace("hosts: ['*'], tls: {mode", "hosts: [web.example.com], tls: {mode");
        assert!(!two(&apart, all));
        let plain = apart.replace(", tls: {httpsRedirect: true}", "");
        assert!(
            two(&plain, all)
                && two(&plain, "{redirect: {authority: www.example.com, scheme: http}}")
        );
        assert!(!two(&plain.replace("number: 80", "number: 8080"), all));
    }

    #[test]
    fn in_the_mesh_a_host_has_the_port_of_its_scheme() {
        let told = |port: u16| {
            let entry = format!(
                "apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {{name: web, namespace: shop}}\nspec: {{hosts: [web.example.com], resolution: DNS, ports: [{{number: {port}, name: http, protocol: HTTP}}]}}\n"
            );
            is_told("  http: [{redirect: {authority: web.example.com}}]\n", &entry)
        };
        assert!(told(80));
        assert!(!told(8080));
        let short = |redirect: &str| {
            let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web, namespace: shop}\nspec: {ports: [{name: http, port: 80}]}\n";
            is_told_of("[web]", &format!("  http: [{{redirect: {{{redirect}}}}}]\n"), service)
        };
        assert!(short("authority: web"));
        assert!(short("authority: web.shop"));
        assert!(short("authority: web.shop.svc.cluster.local"));
        assert!(!short("authority: web.pay"));
        assert!(!short("authority: web, scheme: https"));
    }
}
