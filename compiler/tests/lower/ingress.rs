//! Kubernetes' `Ingress`: what a request meets at the gateways that serve it.

use mesh_engine::gateway::Handler;
use mesh_engine::route::Outcome;
use mesh_snapshot::container::Bundle;

use crate::support::{Call, Program, Repository, shown, workload};

const PROXY: &str = "
apiVersion: apps/v1
kind: Deployment
metadata: {name: ingress, namespace: istio-system}
spec:
  selector: {matchLabels: {istio: ingressgateway}}
  template:
    metadata:
      labels: {istio: ingressgateway}
      annotations: {inject.istio.io/templates: gateway}
    spec:
      containers: [{name: istio-proxy, image: auto}]
---
";

/// Made in a year, with `spec.tls` for `shop.test` where there is a secret, and paths: type, path and Service.
fn ingress(name: &str, year: u32, secret: &str, paths: &[(&str, &str, &str)]) -> String {
    let tls = match secret {
        "" => String::new(),
        secret => format!("  tls: [{{hosts: [shop.test], secretName: {secret}}}]\n"),
    };
    let paths: Vec<_> = paths
        .iter()
        .map(|(kind, path, to)| {
            format!(
                "      - {{path: '{path}', pathType: {kind}, backend: {{service: {{name: {to}, port: {{number: 80}}}}}}}}\n"
            )
        })
        .collect();
    let paths = paths.concat();
    format!(
        "
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: {name}
  namespace: shop
  creationTimestamp: '{year}-01-01T00:00:00Z'
  annotations: {{kubernetes.io/ingress.class: istio}}
spec:
{tls}  rules:
  - host: shop.test
    http:
      paths:
{paths}---
"
    )
}

fn bundle(ingresses: &[String]) -> Bundle {
    let services = workload("shop", "a") + &workload("shop", "b");
    Repository::of(&(PROXY.to_owned() + &services + &ingresses.concat())).bundle()
}

/// The Service that a request goes to.
fn goes_to(bundle: &Bundle, (port, scheme): (u16, &str), path: &str) -> String {
    let sni = (scheme == "https").then_some("shop.test");
    let call = Call { scheme, ..Call::get("shop.test", path).on(port) };
    let found = Program::of(bundle, "istio-system/ingress")
        .serves(port, sni, call, |outcome| shown(&outcome).concat());
    let name = found.strip_prefix("1 outbound|80||");
    name.and_then(|name| name.strip_suffix(".shop.svc.cluster.local")).unwrap_or(&found).to_owned()
}

const HTTP: (u16, &str) = (80, "http");
const HTTPS: (u16, &str) = (443, "https");

#[test]
fn a_prefix_is_of_whole_segments_and_the_longest_path_comes_first() {
    let paths = [
        ("Prefix", "/", "a"),
        ("Prefix", "/cart/", "b"),
        ("Exact", "/cart/old", "a"),
        ("ImplementationSpecific", "/x/*", "b"),
    ];
    let bundle = bundle(&[ingress("shop", 2020, "", &paths)]);
    let to = |path| goes_to(&bundle, HTTP, path);
    assert_eq!([to("/"), to("/carts"), to("/cart"), to("/cart/1")], ["a", "a", "b", "b"]);
    assert_eq!([to("/cart/old"), to("/cart/old/1"), to("/x/y"), to("/xy")], ["a", "b", "b", "a"]);
}

#[test]
fn the_rules_of_several_for_one_host_are_one_list() {
    let old = ingress("z-old", 2010, "", &[("Prefix", "/same", "a")]);
    let young = ingress("young", 2020, "", &[("Prefix", "/same", "b"), ("Prefix", "/same/b", "b")]);
    let bundle = bundle(&[young, old]);
    let to = |path| goes_to(&bundle, HTTP, path);
    assert_eq!([to("/same"), to("/same/b")], ["a", "b"]);
    assert_eq!(to("/other"), r#"NoRoute("shop.test:80")"#);
}

/// Istio binds the list to the oldest Ingress, and opens port 443 for the first by name.
#[test]
fn over_tls_the_list_stands_behind_the_certificate_of_the_oldest() {
    let both = |years: [u32; 2]| {
        let one = ingress("one", years[0], "certificate", &[("Prefix", "/a", "a")]);
        let two = ingress("two", years[1], "certificate", &[("Prefix", "/b", "b")]);
        bundle(&[one, two])
    };
    let first_is_oldest = both([2010, 2020]);
    assert_eq!(goes_to(&first_is_oldest, HTTPS, "/a"), "a");
    assert_eq!(goes_to(&first_is_oldest, HTTPS, "/b"), "b");
    let second_is_oldest = both([2020, 2010]);
    assert_eq!(goes_to(&second_is_oldest, HTTPS, "/a"), "NoHost");
    assert_eq!(goes_to(&second_is_oldest, HTTP, "/a"), "a");
}

#[test]
fn a_server_shows_the_secret_of_the_proxys_namespace() {
    let bundle = bundle(&[ingress("shop", 2020, "certificate", &[("Prefix", "/", "a")])]);
    let program = Program::of(&bundle, "istio-system/ingress");
    let listeners = program.program.gateway().unwrap().listeners();
    let tls = listeners.iter().find(|it| it.port == 443).unwrap();
    let chain = tls.chain(Some("shop.test")).unwrap();
    let mesh_snapshot::object::ServerTls::Terminate(terms) = &chain.tls else { panic!() };
    assert_eq!(terms.credentials[0].name, "certificate");
    assert_eq!(terms.credentials[0].namespace, "");
    assert!(matches!(chain.handler, Handler::Http(_)));
    assert!(tls.chain(Some("other.test")).is_none());
}

#[test]
fn a_path_is_written_where_its_ingress_has_it() {
    let text = PROXY.to_owned()
        + &workload("shop", "a")
        + &ingress("shop", 2020, "", &[("Prefix", "/a", "a")]);
    let line = text.lines().position(|line| line.contains("path: '/a'")).unwrap() + 1;
    let bundle = Repository::of(&text).bundle();
    let program = Program::of(&bundle, "istio-system/ingress");
    let place = program.serves(80, None, Call::get("shop.test", "/a"), |outcome| {
        let Outcome::Route(selected) = outcome else { panic!("{outcome:?}") };
        bundle.source_map.get(&selected.route.key, &selected.route.item).unwrap().line
    });
    assert_eq!(place as usize, line);
}
