//! Istio's `Gateway`s: who binds to what, and how TLS ends.

use std::net::IpAddr;

use mesh_engine::gateway::Handler;
use mesh_engine::outbound::StreamOutcome;
use mesh_engine::route::Outcome;
use mesh_snapshot::object::{ClientCertificate, Role, ServerTls, TlsVersion, Workload};

use crate::support::{Call, Program, Repository, shown, workload};

/// A gateway's proxy in a namespace: listens on the ports that its servers name.
fn proxy(namespace: &str) -> String {
    format!(
        "
apiVersion: apps/v1
kind: Deployment
metadata: {{name: ingress, namespace: {namespace}}}
spec:
  selector: {{matchLabels: {{istio: ingress}}}}
  template:
    metadata:
      labels: {{istio: ingress}}
      annotations: {{inject.istio.io/templates: gateway}}
    spec:
      containers: [{{name: istio-proxy, image: auto}}]
---
"
    )
}

fn gateway(namespace: &str, name: &str, servers: &str) -> String {
    format!(
        "
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  selector: {{istio: ingress}}
  servers:
{servers}
---
"
    )
}

fn virtual_service(name: &str, namespace: &str, spec: &str) -> String {
    format!(
        "
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {{name: {name}, namespace: {namespace}}}
spec:
{spec}
---
"
    )
}

/// Where a request to port 80 of the gateway in `edge` goes.
fn goes_to(text: &str, calls: &[(&str, &str)]) -> Vec<Vec<String>> {
    let bundle = Repository::of(text).bundle();
    let ingress = Program::of(&bundle, "edge/ingress");
    let to = |(host, path): &(&str, &str)| {
        ingress.serves(80, None, Call::get(host, path), |outcome| shown(&outcome))
    };
    calls.iter().map(to).collect()
}

const HTTP: &str = "    - {port: {number: 80, name: http, protocol: HTTP}, hosts: [\"shop/*.shop.test\", \"*/any.test\"]}";

#[test]
fn routes_bind_where_host_and_namespace_are_admitted() {
    let route = |hosts: &str, to: &str| {
        format!(
            "  hosts: [{hosts}]\n  gateways: [edge/public]\n  http: [{{route: [{{destination: {{host: {to}}}}}]}}]"
        )
    };
    let text = proxy("edge")
        + &gateway("edge", "public", HTTP)
        + &workload("shop", "api")
        + &workload("web", "page")
        + &virtual_service("api", "shop", &route("api.shop.test", "api"))
        + &virtual_service("page", "web", &route("page.shop.test, any.test", "page"));
    let found = goes_to(
        &text,
        &[("api.shop.test", "/"), ("page.shop.test", "/"), ("any.test", "/"), ("x.shop.test", "/")],
    );
    assert_eq!(found[0], ["1 outbound|80||api.shop.svc.cluster.local"]);
    assert_eq!(found[1], ["NoHost"]);
    assert_eq!(found[2], ["1 outbound|80||page.web.svc.cluster.local"]);
    assert_eq!(found[3], ["NoHost"]);
}

#[test]
fn several_resources_for_one_host_are_tried_in_order_and_catch_alls_last() {
    let all = "  hosts: [any.test]\n  gateways: [edge/public]\n  http: [{route: [{destination: {host: all}}]}]";
    let some = "  hosts: [any.test]\n  gateways: [edge/public]\n  http: [{match: [{uri: {prefix: /some}}], route: [{destination: {host: some}}]}]";
    let text = proxy("edge")
        + &gateway("edge", "public", HTTP)
        + &workload("shop", "all")
        + &workload("shop", "some")
        + &virtual_service("a-all", "shop", all)
        + &virtual_service("b-some", "shop", some);
    let found = goes_to(&text, &[("any.test", "/some/x"), ("any.test", "/other")]);
    assert_eq!(found[0], ["1 outbound|80||some.shop.svc.cluster.local"]);
    assert_eq!(found[1], ["1 outbound|80||all.shop.svc.cluster.local"]);
}

#[test]
fn a_match_may_be_for_one_gateway_or_for_the_mesh() {
    let spec = "
  hosts: [any.test]
  gateways: [edge/public, mesh]
  http:
    - match: [{gateways: [edge/public], uri: {prefix: /}}]
      route: [{destination: {host: outer.shop.svc.cluster.local}}]
    - match: [{gateways: [mesh], uri: {prefix: /}}]
      route: [{destination: {host: inner.shop.svc.cluster.local}}]
";
    let text = proxy("edge")
        + &gateway("edge", "public", HTTP)
        + &workload("shop", "outer")
        + &workload("shop", "inner")
        + &virtual_service("both", "shop", spec);
    let bundle = Repository::of(&text).bundle();
    let call = Call::get("any.test", "/x");
    let ingress = Program::of(&bundle, "edge/ingress");
    let at_edge = ingress.serves(80, None, call, |outcome| shown(&outcome));
    assert_eq!(at_edge, ["1 outbound|80||outer.shop.svc.cluster.local"]);
    let inside = Program::of(&bundle, "shop/outer").goes_to(call);
    assert_eq!(inside, ["1 outbound|80||inner.shop.svc.cluster.local"]);
}

#[test]
fn tls_ends_or_passes_as_the_server_says() {
    let servers = "
    - {port: {number: 443, name: a, protocol: HTTPS}, hosts: [a.test], tls: {mode: MUTUAL, credentialName: cert, subjectAltNames: [c.test], minProtocolVersion: TLSV1_3}}
    - {port: {number: 443, name: b, protocol: TLS}, hosts: [b.test], tls: {mode: PASSTHROUGH}}
    - {port: {number: 443, name: c, protocol: HTTPS}, hosts: [c.test], tls: {mode: ISTIO_MUTUAL}}
    - {port: {number: 9000, name: d, protocol: TCP}, hosts: [\"*\"]}
";
    let passing = "
  hosts: [b.test]
  gateways: [edge/public]
  tls:
    - match: [{port: 443, sniHosts: [b.test]}]
      route: [{destination: {host: api.shop.svc.cluster.local, port: {number: 80}}}]
";
    let bytes = "
  hosts: [d.test]
  gateways: [edge/public]
  tcp:
    - match: [{port: 9000}]
      route: [{destination: {host: api.shop.svc.cluster.local, port: {number: 80}}}]
";
    let repository = Repository::of(
        &(proxy("edge")
            + &gateway("edge", "public", servers)
            + &workload("shop", "api")
            + &virtual_service("passing", "shop", passing)
            + &virtual_service("bytes", "shop", bytes)),
    );
    repository.write("mesh.yaml", "inventory: {secrets: [edge/cert, edge/cert-cacert]}\n");
    let bundle = repository.bundle();
    let program = Program::of(&bundle, "edge/ingress");
    let listeners = program.program.gateway().unwrap().listeners();
    let listener = |port| listeners.iter().find(|it| it.port == port).unwrap();
    let tls = |sni| &listener(443).chain(Some(sni)).unwrap().tls;
    let ServerTls::Terminate(of) = tls("a.test") else { panic!() };
    assert_eq!((of.credentials[0].name.as_str(), of.version_min), ("cert", TlsVersion::V13));
    let ClientCertificate::Required(issuer) = &of.client else { panic!() };
    assert_eq!(issuer.subject_alt_names.len(), 1);
    assert_eq!(*tls("b.test"), ServerTls::Passthrough);
    let ServerTls::Terminate(of) = tls("c.test") else { panic!() };
    assert_eq!(of.client, ClientCertificate::Mesh);
    let to = |port, sni| {
        let chain = listener(port).chain(sni).unwrap();
        let Handler::Stream(stream) = &chain.handler else { panic!() };
        let address: IpAddr = [10, 0, 0, 1].into();
        let StreamOutcome::Forward { name, .. } = stream.stream(address, sni, 0).unwrap() else {
            panic!()
        };
        name.to_owned()
    };
    assert_eq!(to(443, Some("b.test")), "outbound|80||api.shop.svc.cluster.local");
    assert_eq!(to(9000, None), "outbound|80||api.shop.svc.cluster.local");
}

#[test]
fn what_a_gateway_means_depends_on_where_its_proxies_run() {
    let route = |to: &str, export: &str| {
        format!(
            "  hosts: [any.test]\n  gateways: [edge/public]\n  exportTo: [\"{export}\"]\n  http: [{{route: [{{destination: {{host: {to}}}}}]}}]"
        )
    };
    let text = proxy("edge")
        + &proxy("dmz")
        + &gateway("edge", "public", HTTP)
        + &workload("shop", "api")
        + &workload("shop", "old")
        + &virtual_service("for-edge", "shop", &route("api", "edge"))
        + &virtual_service("for-dmz", "shop", &route("old", "dmz"));
    let bundle = Repository::of(&text).bundle();
    let to = |name| {
        Program::of(&bundle, name).serves(80, None, Call::get("any.test", "/"), |it| shown(&it))
    };
    assert_eq!(to("edge/ingress"), ["1 outbound|80||api.shop.svc.cluster.local"]);
    assert_eq!(to("dmz/ingress"), ["1 outbound|80||old.shop.svc.cluster.local"]);
}

#[test]
fn a_redirect_to_https_needs_no_routes() {
    let servers = "    - {port: {number: 80, name: http, protocol: HTTP}, hosts: [a.test], tls: {httpsRedirect: true}}";
    let bundle = Repository::of(&(proxy("edge") + &gateway("edge", "public", servers))).bundle();
    let ingress = Program::of(&bundle, "edge/ingress");
    ingress.serves(80, None, Call::get("a.test", "/"), |outcome| {
        assert!(matches!(outcome, Outcome::HttpsRedirect));
    });
}

/// The host of the redirect keeps the namespace in its name in Istio, and so is nobody's.
#[test]
fn a_redirect_for_one_namespace_needs_a_route_of_it() {
    let servers = "    - {port: {number: 80, name: http, protocol: HTTP}, hosts: [shop/a.test, shop/b.test], tls: {httpsRedirect: true}}";
    let route = "  hosts: [a.test]\n  gateways: [edge/public]\n  http: [{route: [{destination: {host: api}}]}]";
    let text = proxy("edge")
        + &gateway("edge", "public", servers)
        + &workload("shop", "api")
        + &virtual_service("a", "shop", route);
    let bundle = Repository::of(&text).bundle();
    let ingress = Program::of(&bundle, "edge/ingress");
    for (host, is_redirected) in [("a.test", true), ("b.test", false)] {
        ingress.serves(80, None, Call::get(host, "/"), |outcome| {
            assert_eq!(matches!(outcome, Outcome::HttpsRedirect), is_redirected, "{host}");
        });
    }
}

/// Where the repository lists no proxy that a Gateway selects, those of the installation serve it.
#[test]
fn proxies_of_the_installation_see_a_gateway_as_their_namespace_does() {
    let route = |to: &str, export: &str| {
        format!(
            "  hosts: [any.test]\n  gateways: [edge/public]\n  exportTo: [\"{export}\"]\n  http: [{{route: [{{destination: {{host: {to}}}}}]}}]"
        )
    };
    let text = gateway("edge", "public", HTTP)
        + &workload("shop", "api")
        + &workload("shop", "old")
        + &virtual_service("for-edge", "shop", &route("api", "edge"))
        + &virtual_service("for-installation", "shop", &route("old", "istio-system"));
    let bundle = Repository::of(&text).bundle();
    let to = |namespace: &str| {
        let proxy = Workload {
            namespace: namespace.into(),
            name: "ingress".into(),
            labels: [("istio".to_owned(), "ingress".to_owned())].into(),
            role: Role::Gateway,
            ..Workload::default()
        };
        let program = Program::joined(&bundle, &proxy);
        program.serves(80, None, Call::get("any.test", "/"), |it| shown(&it))
    };
    assert_eq!(to("edge"), ["1 outbound|80||api.shop.svc.cluster.local"]);
    assert_eq!(to("istio-system"), ["1 outbound|80||old.shop.svc.cluster.local"]);
}
