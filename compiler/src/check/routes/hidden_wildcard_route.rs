//! `hidden-wildcard-route`: at a gateway a host has routes of its own, and requests that these do not take would be taken by the routes
//! for a wildcard around it.
//!
//! A proxy looks for the host first, and the narrowest that fits has all of its requests: what its routes do not take goes nowhere. It
//! is said where a request is known that the wildcard's routes take and the others do not. Source: Istio, `Gateway`, virtual hosts;
//! Envoy, `VirtualHost.domains`.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use crate::api::istio::{HttpMatch, StringMatch, TextTest};
use crate::check::matching::cover::covers_request;
use crate::check::matching::merged_routes::{Merged, by_host_at, in_order};
use crate::check::matching::route_place::place;
use crate::check::matching::witness::for_one;
use crate::check::sight::gateway_sees;
use crate::diagnostic::{Cause, Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::Mesh;
use crate::resolve::gateway::{IstioGateway, Server};
use crate::resolve::host::{Host, HostMap, is_wildcard, is_within};
use crate::resolve::route::{GatewayName, VirtualServiceId};

pub(super) static CHECK: Check = Check::lint(
    "hidden-wildcard-route",
    Severity::Warning,
    include_str!("hidden_wildcard_route.md"),
);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    // Each resource is told once, of its first Gateway and host, and the first route that this hides.
    let mut found = Found::default();
    for gateway in mesh.gateways.iter() {
        let bound = mesh.virtual_services.of_gateway(&gateway.full_name);
        if bound.len() < 2 || !bound.iter().any(|id| has_wildcard(mesh, *id)) {
            continue;
        }
        for (port, scheme) in ports(gateway) {
            check_port(mesh, gateway, (port, scheme), &mut found);
        }
    }
    out.extend(found.told);
}

fn has_wildcard(mesh: &Mesh<'_>, id: VirtualServiceId) -> bool {
    mesh.virtual_services.get(id).hosts.iter().any(|host| host.starts_with('*'))
}

/// The ports at which requests are read and not only redirected, and how these come.
fn ports(gateway: &IstioGateway<'_>) -> BTreeMap<u16, &'static str> {
    let is_routed = |it: &&Server<'_>| {
        let redirects = it.spec.tls.as_ref().is_some_and(|tls| tls.https_redirect);
        it.is_served() && it.is_http() && !redirects
    };
    let scheme = |it: &Server<'_>| if it.spec.tls.is_some() { "https" } else { "http" };
    gateway.servers.iter().filter(is_routed).map(|it| (it.port, scheme(it))).collect()
}

#[derive(Default)]
struct Found {
    told: Vec<Diagnostic>,
    /// The resources with the hosts, of which it is told.
    hiding: BTreeSet<DocumentId>,
}

fn check_port(
    mesh: &Mesh<'_>,
    gateway: &IstioGateway<'_>,
    (port, scheme): (u16, &str),
    found: &mut Found,
) {
    let name = GatewayName::Named(gateway.full_name.clone());
    let by_host = by_host_at(mesh, gateway, port);
    let mut around: HostMap<BTreeSet<VirtualServiceId>> = HostMap::default();
    for (host, ids) in by_host.iter().filter(|(host, _)| is_wildcard(host)) {
        around.entry(host).clone_from(ids);
    }
    let (mut met, mut routes) = (BTreeSet::new(), HashMap::new());
    let (mut of_hosts, mut tests) = (HashMap::new(), HashMap::new());
    for (host, ids) in &by_host {
        // What may be seen may take a request; what hides the wildcard is surely seen.
        let own: Vec<_> = ids.iter().copied().filter(|id| may_see(mesh, gateway, *id)).collect();
        let hiding = own.iter().copied().find(|id| sees(mesh, gateway, *id));
        // That of its own, or none.
        let wide = around.find_wildcard(host).into_iter().flatten();
        let wide = wide.copied().filter(|id| !ids.contains(id) && sees(mesh, gateway, *id));
        let wide: Vec<_> = wide.take(WIDE_MAX).collect();
        // What several hosts share is looked at once.
        let (Some(first), false) = (hiding, wide.is_empty()) else { continue };
        let key = mesh.virtual_services.get(first).resource.id;
        if found.hiding.contains(&key) {
            continue;
        }
        // But for routes that ask for a host themselves.
        let mut of_host = |id: &VirtualServiceId| {
            *of_hosts.entry(*id).or_insert_with(|| asks_for_host(mesh, *id))
        };
        let alone = wide.iter().chain(&own).any(&mut of_host).then_some(host);
        if !met.insert((own.clone(), wide.clone(), alone)) {
            continue;
        }
        let tried: &Vec<_> = tests.entry(own).or_insert_with_key(|own| {
            let tried = in_order(mesh, own, &name).into_iter();
            tried.map(|it| it.test.map(|(_, it)| at_gateway(it))).collect()
        });
        let hidden = wide.into_iter().find_map(|id| {
            let few: &mut Vec<_> = routes.entry(id).or_insert_with(|| {
                // What takes everything stands last.
                let all = in_order(mesh, &[id], &name);
                all.into_iter().rev().filter(|it| !is_missing(it)).take(ROUTES_MAX).collect()
            });
            let lost = |it: &Merged<'_, '_>| lost(it, tried, (host, port, scheme));
            few.iter().find_map(|it| Some((*it, lost(it)?)))
        });
        if let Some((route, request)) = hidden {
            let at = (&**host, &*gateway.full_name);
            if let Some(new) = report(mesh, (first, &route), at, &request) {
                found.hiding.insert(key);
                found.told.push(new);
            }
        }
    }
}

fn asks_for_host(mesh: &Mesh<'_>, id: VirtualServiceId) -> bool {
    let mut http = mesh.virtual_services.get(id).http.iter();
    http.any(|it| it.spec.r#match.iter().any(|test| test.authority.is_some()))
}

/// Of so many resources for a wildcard, the oldest, it is asked what they take.
const WIDE_MAX: usize = 8;

/// And of each of them of so many routes, the last ones.
const ROUTES_MAX: usize = 8;

/// Whether a route of the wildcard answers as if there were none.
fn is_missing(wide: &Merged<'_, '_>) -> bool {
    wide.route.spec.direct_response.as_ref().is_some_and(|it| it.status == 404)
}

/// Whether any proxy of a gateway may see the routes; where they run may be unknown.
fn may_see(mesh: &Mesh<'_>, gateway: &IstioGateway<'_>, id: VirtualServiceId) -> bool {
    gateway_sees(gateway, mesh.virtual_services.get(id))
}

/// Whether all proxies of a gateway see the routes.
fn sees(mesh: &Mesh<'_>, gateway: &IstioGateway<'_>, id: VirtualServiceId) -> bool {
    let visibility = &mesh.virtual_services.get(id).visibility;
    let namespaces = &gateway.proxies_in;
    if namespaces.is_empty() {
        return visibility.reaches(None);
    }
    namespaces.iter().all(|of| visibility.reaches(Some(of)))
}

/// A request for a host that a route of the wildcard takes, and none of those that are tried for the host; absent of them: one that
/// takes every request.
fn lost(
    wide: &Merged<'_, '_>,
    tried: &[Option<HttpMatch>],
    (host, port, scheme): (&Host, u16, &str),
) -> Option<HttpMatch> {
    let any = HttpMatch::default();
    let test = wide.test.map_or(&any, |(_, test)| test);
    let exact =
        |text: &str| Some(StringMatch { exact: Some(text.to_owned()), ..StringMatch::default() });
    let name = host.strip_prefix("*.").map_or_else(|| host.to_string(), |it| format!("a.{it}"));
    let method = match test.method.as_ref().map(StringMatch::test) {
        None => "GET",
        Some(Some(TextTest::Exact(method))) => method,
        Some(_) => return None,
    };
    let requests = paths(test)?.into_iter().map(|path| HttpMatch {
        uri: exact(&path),
        method: exact(method),
        scheme: exact(scheme),
        authority: exact(&name),
        port: port.into(),
        headers: test.headers.clone(),
        query_params: test.query_params.clone(),
        ..HttpMatch::default()
    });
    let is_taken = |request: &HttpMatch| {
        tried.iter().any(|it| it.as_ref().is_none_or(|test| covers_request(test, request)))
    };
    let own = at_gateway(test);
    let mut requests = requests.filter(|it| covers_request(&own, it));
    requests.find(|request| !is_taken(request))
}

/// Some paths that a test takes; of an expression none is known.
fn paths(test: &HttpMatch) -> Option<Vec<String>> {
    let Some(uri) = &test.uri else { return Some(PROBES.map(str::to_owned).to_vec()) };
    match uri.test()? {
        TextTest::Exact(path) => Some(vec![path.to_owned()]),
        TextTest::Prefix(start) => {
            let start = if start.is_empty() { "/" } else { start };
            let below = PROBES.iter().map(|it| format!("{}{it}", start.trim_end_matches('/')));
            Some(std::iter::once(start.to_owned()).chain(below).collect())
        }
        TextTest::Regex(".*" | "/.*") => Some(PROBES.map(str::to_owned).to_vec()),
        TextTest::Regex(_) => None,
    }
}

const PROBES: [&str; 2] = ["/", "/other"];

/// What a test asks of the request alone, which has nothing that it does not say: what the gateway is, it may be, and what the proxy
/// itself writes into the request may be there.
fn at_gateway(test: &HttpMatch) -> HttpMatch {
    let is_written = |name: &String| {
        let name = name.to_ascii_lowercase();
        name.starts_with([':', '@']) || name.starts_with("x-forwarded-") || name == "host"
    };
    let headers = test.headers.iter().filter(|(name, _)| !is_written(name));
    HttpMatch {
        headers: headers.map(|(name, value)| (name.clone(), value.clone())).collect(),
        without_headers: BTreeMap::default(),
        source_labels: BTreeMap::default(),
        source_namespace: String::new(),
        ..test.clone()
    }
}

/// The routes of one wildcard may be hidden by many hosts.
fn report(
    mesh: &Mesh<'_>,
    (own, wide): (VirtualServiceId, &Merged<'_, '_>),
    (host, gateway): (&str, &str),
    request: &HttpMatch,
) -> Option<Diagnostic> {
    let own = mesh.virtual_services.get(own);
    let place_of = |holds: &dyn Fn(&Host) -> bool| own.hosts.iter().position(holds);
    let index = place_of(&|it| **it == *host).or_else(|| place_of(&|it| is_within(host, it)))?;
    let at = FieldPath::default().field("spec").field("hosts").index(index);
    let around = wide.of.hosts.iter().find(|it| is_wildcard(it) && is_within(host, it))?;
    let message = format!(
        "at the Gateway `{gateway}` `{host}` has routes of its own, which do not take all that those of `{around}` take"
    );
    let request = HttpMatch { port: 0, authority: None, ..request.clone() };
    let name = host.strip_prefix("*.").map_or_else(|| host.to_owned(), |it| format!("a.{it}"));
    let effect = "requests for it that its own routes do not take are answered with 404";
    Some(
        Diagnostic::new(&CHECK, Place::value(own.resource.id, at), message)
            .label("the routes here alone are tried")
            .also(place(wide.route), "and not this one")
            .consequence(for_one(effect, &request, &name))
            .help("repeat the route for the rest here, or put these routes into the wildcard's resource, with `authority` in their matches")
            .cause(of_wildcard(wide, around)),
    )
}

fn of_wildcard(wide: &Merged<'_, '_>, around: &Host) -> Cause {
    let (namespace, name) = (wide.of.namespace(), wide.of.resource.name());
    Cause::Together {
        message: format!(
            "VirtualServices within `{around}` do not take all that the routes of `{namespace}/{name}` take"
        ),
        consequence: "requests for their hosts that they do not take are answered with 404"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    const TO: &str = "route: [{destination: {host: web}}]";
    const MISSING: &str = "directResponse: {status: 404}, ";

    /// How often it is told of routes with these hosts, matches and more, at two Gateways of one pod, on two ports.
    fn count(all: &[(&str, &str, &str)]) -> usize {
        let folder = Folder::new();
        let routes = all.iter().enumerate().map(|(number, (host, tests, more))| {
            let to = if *tests == MISSING { "" } else { TO };
            format!("---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: v{number}, namespace: shop}}\nspec: {{hosts: ['{host}'], gateways: [g, h], {more}http: [{{{tests}{to}}}]}}\n")
        });
        let gateway = |name: &str, port: u16| {
            format!(
                "---\napiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {{name: {name}, namespace: shop}}\nspec: {{selector: {{istio: ingress}}, servers: [{{port: {{number: {port}, name: http, protocol: HTTP}}, hosts: ['*.example.com']}}]}}\n"
            )
        };
        let gateways = gateway("g", 80) + &gateway("h", 8080);
        folder.write("a.yaml", gateways + &routes.collect::<String>());
        findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
    }

    #[test]
    fn what_the_host_does_not_take_the_wildcard_would() {
        let (wide, host) = ("*.example.com", "a.example.com");
        let below = "match: [{uri: {prefix: /a}}], ";
        for (own, around) in [
            (below, ""),
            (below, "match: [{uri: {prefix: /}}], "),
            (below, "match: [{uri: {prefix: /b}}], "),
            ("match: [{method: {exact: POST}}], ", below),
            ("match: [{headers: {x: {}}}], ", below),
            ("match: [{uri: {regex: '/v[0-9]/.*'}}], ", ""),
        ] {
            assert_eq!(count(&[(wide, around, ""), (host, own, "")]), 1, "{own} {around}");
        }
        for (own, around) in [
            ("", ""),
            (below, below),
            (below, "match: [{uri: {exact: /a/b}}], "),
            ("match: [{uri: {prefix: /}}], ", ""),
            ("match: [{withoutHeaders: {x: {}}}, {headers: {x: {}}}], ", ""),
            // At the gateway it may hold for all.
            ("match: [{sourceLabels: {istio: ingress}}], ", ""),
            (below, "match: [{authority: {exact: b.example.com}}], "),
            (below, "match: [{port: 443}], "),
        ] {
            assert_eq!(count(&[(wide, around, ""), (host, own, "")]), 0, "{own} {around}");
        }
        // One that answers 404 loses nothing.
        assert_eq!(count(&[(wide, MISSING, ""), (host, below, "")]), 0);
        // Each resource is told once, of whatever hosts and Gateways.
        let all = [(wide, "", ""), (host, below, ""), ("b.example.com", below, "")];
        assert_eq!(count(&all), 2);
        // Others for the host may take the rest.
        assert_eq!(count(&[(wide, "", ""), (host, below, ""), (host, "", "")]), 0);
        assert_eq!(count(&[(wide, "", ""), ("b.example.org", below, "")]), 0);
        // A narrower wildcard hides as well, and the wider one is hidden by it already.
        let narrow = ("*.a.example.com", below, "");
        assert_eq!(count(&[(wide, "", ""), narrow]), 1);
        assert_eq!(
            count(&[(wide, "", ""), ("*.a.example.com", "", ""), ("b.a.example.com", below, "")]),
            1
        );
        // What it may see takes the rest.
        assert_eq!(
            count(&[(wide, "", ""), (host, below, ""), (host, "", "exportTo: [other], ")]),
            0
        );
        // Each of several hosts may be asked for by itself.
        let (of_b, both) =
            ("match: [{authority: {exact: b.example.com}}], ", "a.example.com', 'b.example.com");
        assert_eq!(count(&[(wide, of_b, ""), (both, below, "")]), 1);
        // What the gateway does not see hides nothing.
        assert_eq!(count(&[(wide, "", ""), (host, below, "exportTo: [other], ")]), 0);
    }
}
