//! `endless-redirect`: a redirect leads to where its own route sends clients away again.
//!
//! It is said where the answer changes the path alone to one that the route takes, or the scheme alone at a gateway that has the
//! route at its port for TLS, too; whatever an earlier route may take, or another resource for the host, is left alone. Source:
//! Istio, `HTTPRedirect`; Envoy, `RedirectAction`.

use std::collections::HashMap;

use crate::api::istio::{HttpMatch, HttpRedirect, StringMatch};
use crate::check::matching::cover::covers_request;
use crate::check::matching::route_place::matches;
use crate::check::sight::{gateways, servers};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::host::Host;
use crate::resolve::route::{MergedHttp, VirtualService};

pub(super) static CHECK: Check =
    Check::lint("endless-redirect", Severity::Warning, include_str!("endless_redirect.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
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

/// What a redirect changes.
enum Target<'r> {
    Path(&'r str),
    Https,
}

impl<'r> Target<'r> {
    /// `None`: several things, or one of which nothing can be told.
    fn of(it: &'r HttpRedirect) -> Option<Self> {
        let stays = it.authority.is_empty()
            && it.port.is_none()
            && it.derive_port.is_none()
            && it.prefix_rewrite.is_empty();
        let is_path = it.uri.starts_with('/') && !it.uri.contains(['%', '?', '#']);
        match (it.uri.as_str(), it.scheme.as_str()) {
            _ if !stays => None,
            ("", "https") => Some(Self::Https),
            (uri, "") if is_path => Some(Self::Path(uri)),
            _ => None,
        }
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
        let followed = match target {
            Target::Path(path) => {
                let uri = StringMatch { exact: Some((*path).to_owned()), ..StringMatch::default() };
                HttpMatch { uri: Some(uri), ignore_uri_case: false, ..test.clone() }
            }
            Target::Https if is_at_tls(mesh, it, test) => test.clone(),
            Target::Https => return false,
        };
        covers_request(test, &followed) && !earlier.iter().any(|by| may_take(by, &followed))
    })
}

/// What else a match asks for need not be so of the request that follows.
fn asks_for_path_alone(test: &HttpMatch) -> bool {
    test.method.is_none()
        && test.scheme.is_none()
        && test.headers.is_empty()
        && test.without_headers.is_empty()
        && test.query_params.is_empty()
}

/// Whether an earlier route may take all such requests, as far as paths go.
fn may_take(route: &MergedHttp<'_>, followed: &HttpMatch) -> bool {
    let tests = &route.spec.r#match;
    tests.is_empty()
        || tests.iter().any(|by| {
            let uri = by.uri.clone();
            let is_expression = uri.as_ref().is_some_and(|it| it.regex.is_some());
            let paths =
                HttpMatch { uri, ignore_uri_case: by.ignore_uri_case, ..HttpMatch::default() };
            is_expression || covers_request(&paths, followed)
        })
}

/// The port to which a client goes that is sent to `https`.
const HTTPS_PORT: u16 = 443;

/// Whether a gateway has the route where it ends TLS, too. Who comes there is sent back there, whatever else the route is for.
fn is_at_tls(mesh: &Mesh<'_>, it: &VirtualService<'_>, test: &HttpMatch) -> bool {
    if !test.gateways.is_empty() || ![0, u32::from(HTTPS_PORT)].contains(&test.port) {
        return false;
    }
    gateways(mesh, it)
        .flat_map(|gateway| servers(gateway, it))
        .any(|server| server.is_https_for_strangers() && server.port == HTTPS_PORT)
}

fn report(it: &VirtualService<'_>, route: &MergedHttp<'_>, target: &Target<'_>) -> Diagnostic {
    let (message, field, help) = match target {
        Target::Path(path) => (
            format!("`{path}` is among the paths that this route redirects"),
            "uri",
            "match the path that is meant with `exact`, or take the new one with a route before this one",
        ),
        Target::Https => (
            "requests that come by HTTPS are redirected to HTTPS, too".to_owned(),
            "scheme",
            "set `tls.httpsRedirect` at the gateway's server for plain text instead, or match its `port`",
        ),
    };
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
        let folder = Folder::new();
        folder.write(
            "a.yaml",
            format!(
                "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: web, namespace: shop}}\nspec:\n  hosts: [web.example.com]\n{spec}"
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
        for (before, test, redirect) in [
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
}
