//! What `mesh diff` says of routes that are attached to something else than before.

use crate::difference::{GATEWAY, effects, objects, told};
use crate::difference_of_moves::{ROUTES, istio, lines};

/// A route of the Gateway API in the shop.
fn route(kind: &str, parents: &str, spec: &str) -> String {
    let version = if matches!(kind, "TLSRoute" | "TCPRoute") { "v1alpha2" } else { "v1" };
    format!(
        "---\napiVersion: gateway.networking.k8s.io/{version}\nkind: {kind}\nmetadata: {{name: x, namespace: shop}}\nspec: {{parentRefs: [{parents}], {spec}}}\n"
    )
}

/// A Gateway of the Gateway API with a listener for each kind of route.
const API: &str = "---
apiVersion: gateway.networking.k8s.io/v1
kind: Gateway
metadata: {name: api, namespace: shop}
spec:
  gatewayClassName: istio
  listeners:
  - {name: http, port: 80, protocol: HTTP}
  - {name: tls, port: 443, protocol: TLS, tls: {mode: Passthrough}}
  - {name: tcp, port: 9000, protocol: TCP}
";

#[test]
fn parents_of_routes_are_told() {
    let other = API.replace("name: api,", "name: other,");
    let (api, also) = ("{name: api}", "{name: api}, {name: other}");
    let http = "{backendRefs: [{name: cart, port: 80}]}";
    for (kind, spec) in [
        ("HTTPRoute", format!("hostnames: [a.test], rules: [{http}]")),
        ("GRPCRoute", format!("hostnames: [a.test], rules: [{http}]")),
        ("TLSRoute", format!("hostnames: [a.test], rules: [{http}]")),
        ("TCPRoute", format!("rules: [{http}]")),
    ] {
        let side = |parents: &str| [API, &other, &route(kind, parents, &spec)].concat();
        let head = format!("~ {kind} shop/x");
        let edit = |was: &str, is: &str| format!("    parentRefs: {was} → {is}");
        let (one, two) = ("Gateway shop/api", "Gateway shop/api, Gateway shop/other");
        for told in lines(&side(api), &side(also)) {
            assert_eq!(told, [head.clone(), edit(one, two)]);
        }
        for told in lines(&side(also), &side(api)) {
            assert_eq!(told, [head.clone(), edit(two, one)]);
        }
        for told in lines(&side(api), &side("{name: other}")) {
            assert_eq!(told, [head.clone(), edit(one, "Gateway shop/other")]);
        }
        // However they are written.
        let same = "{kind: Gateway, name: other, namespace: shop}, {name: api}";
        let written = told(&[&side(also)], &[&side(same)]);
        assert!(written.starts_with("nothing differs"), "{written}");
    }
}

/// What says that it is for a Service applies where the Service is called.
#[test]
fn a_service_that_becomes_a_parent_is_told() {
    let side = |parents: &str, timeout: &str| {
        let rules = format!("rules: [{{{timeout}backendRefs: [{{name: front, port: 80}}]}}]");
        [API, &route("HTTPRoute", parents, &rules)].concat()
    };
    let (api, service) = ("{name: api}", "{group: '', kind: Service, name: cart}");
    let both = format!("{api}, {service}");
    let edit = "    parentRefs: Gateway shop/api → Gateway shop/api, Service shop/cart";
    for told in lines(&side(api, ""), &side(&both, "")) {
        assert_eq!(told, ["~ HTTPRoute shop/x", edit]);
    }
    for told in lines(&side(api, ""), &side(service, "timeouts: {request: 1s}, ")) {
        assert_eq!(told[1], "    parentRefs: Gateway shop/api → Service shop/cart");
        assert_eq!(told[2..], ["    ~ http[0]", "        timeout: 1s"]);
    }
    // One of its ports alone is for whom the routes are, and not what they do.
    let port = both.replace("name: cart}", "name: cart, port: 80}");
    let shown = told(&[&side(api, "")], &[&side(&port, "")]);
    assert_eq!(objects(&shown)[1..], [format!("{edit} 80")], "{shown}");
    let whom = "        newly under HTTPRoute shop/x: cart.shop.svc.cluster.local";
    assert!(effects(&shown).contains(&whom), "{shown}");
}

/// Routes of the several kinds may have one name.
#[test]
fn routes_of_one_name_are_told_apart() {
    let virtual_service = |gateways: &str| {
        istio(
            "VirtualService",
            &format!(
                "hosts: [cart], gateways: [{gateways}], http: [{{route: [{{destination: {{host: cart}}}}]}}]"
            ),
        )
    };
    let attached = |kind: &str, parent: &str| {
        route(
            kind,
            &format!("{{name: {parent}}}"),
            "rules: [{backendRefs: [{name: cart, port: 80}]}]",
        )
    };
    let side = |gateways: &str, parent: &str| {
        virtual_service(gateways) + &attached("HTTPRoute", parent) + &attached("TCPRoute", parent)
    };
    // Nobody knows these Gateways: nothing becomes of the routes.
    let shown = told(&[GATEWAY, &side("public", "a")], &[GATEWAY, &side("mesh", "b")]);
    let parents = "    parentRefs: Gateway shop/a → Gateway shop/b";
    let mut lines = objects(&shown);
    lines.retain(|line| !line.starts_with("        "));
    assert_eq!(
        lines,
        [
            "~ HTTPRoute shop/x",
            parents,
            "~ TCPRoute shop/x",
            parents,
            "~ VirtualService shop/x",
            "    gateways: shop/public → mesh",
        ]
    );
}

/// The routes say nothing else than before; the Gateway does.
#[test]
fn routes_that_a_gateway_is_made_for_are_not_changed() {
    let routes = istio("VirtualService", &format!("gateways: [mesh, public], {}", ROUTES[0]));
    let attached = route(
        "HTTPRoute",
        "{name: api}, {group: '', kind: Service, name: front}",
        "rules: [{backendRefs: [{name: cart, port: 80}]}]",
    );
    let rest = routes + &attached;
    let shown = told(&[&rest], &[&rest, GATEWAY, API]);
    let changed: Vec<_> = shown.lines().filter(|line| line.starts_with('~')).collect();
    assert_eq!(changed, [""; 0], "{shown}");
    assert!(
        shown.contains("+ Gateway shop/public") && shown.contains("+ Gateway shop/api"),
        "{shown}"
    );
}

/// A snapshot has one table for those who share a host, which is named for the first of them.
#[test]
fn a_route_that_shared_a_host_with_another_is_a_changed_one() {
    let side = |host: &str| {
        let rules = "rules: [{matches: [{path: {type: PathPrefix, value: /p}}], backendRefs: [{name: cart, port: 80}]}]";
        let of = |name: &str, host: &str| {
            let spec = format!("hostnames: [{host}], {}", rules.replace("/p", &format!("/{name}")));
            route("HTTPRoute", "{name: api}", &spec).replace("name: x,", &format!("name: {name},"))
        };
        [API, &of("a", "a.test"), &of("b", host)].concat()
    };
    for (before, after, mark) in [("a.test", "b.test", '-'), ("b.test", "a.test", '+')] {
        let shown = told(&[&side(before)], &[&side(after)]);
        let lines = objects(&shown);
        let edit = format!("    hostnames: {before} → {after}");
        assert_eq!(lines[..2], ["~ HTTPRoute shop/b", &edit], "{shown}");
        // Wrong for now: what is not in the shared table any more is told of whom the table is named for.
        assert_eq!(lines[2..4], ["~ HTTPRoute shop/a", &format!("    {mark} http[1]")], "{shown}");
        assert!(shown.contains("\n0 added, 0 removed, 2 changed\n"), "{shown}");
    }
}
