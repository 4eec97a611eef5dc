//! Hosts outside of the mesh, and bytes.

use std::net::IpAddr;

use mesh_engine::outbound::StreamOutcome;
use mesh_engine::route::Outcome;
use mesh_snapshot::object::{ClientTls, Discovery};

use crate::support::{Call, Program, Repository, workload};

const ENTRY: &str = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: partner, namespace: shop}
spec:
  hosts: [api.partner.test]
  location: MESH_EXTERNAL
  resolution: DNS
  ports: [{number: 443, name: tls, protocol: TLS}, {number: 80, name: http, protocol: HTTP, targetPort: 443}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: partner, namespace: shop}
spec:
  host: api.partner.test
  trafficPolicy:
    portLevelSettings:
      - port: {number: 80}
        tls: {mode: SIMPLE, sni: api.partner.test}
---
";

#[test]
fn tls_is_originated_on_one_port_and_passes_on_another() {
    let bundle = Repository::of(&(ENTRY.to_owned() + &workload("shop", "web"))).bundle();
    let web = Program::of(&bundle, "shop/web");
    let call = Call::get("api.partner.test", "/");
    assert_eq!(web.goes_to(call), ["1 outbound|80||api.partner.test"]);
    let tls = |port| {
        let name = format!("outbound|{port}||api.partner.test");
        web.program.cluster_by_name(&name).unwrap().tls().clone()
    };
    assert!(matches!(tls(80), ClientTls::Originate { .. }));
    assert_eq!(tls(443), ClientTls::Auto);
    let outbound = web.program.outbound().unwrap();
    let address: IpAddr = [192, 0, 2, 1].into();
    let arrival = outbound.arrival((address, 443).into(), &());
    let stream = outbound.stream(&arrival, address, Some("api.partner.test"), 0);
    let StreamOutcome::Forward { name, .. } = stream else { panic!("{stream:?}") };
    assert_eq!(name, "outbound|443||api.partner.test");
}

#[test]
fn on_port_80_routes_hold_for_a_host_whose_service_does_not_have_it() {
    let routes = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: partner, namespace: shop}
spec:
  hosts: [api.partner.test]
  resolution: DNS
  ports: [{number: 8080, name: http, protocol: HTTP}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: partner, namespace: shop}
spec:
  hosts: [api.partner.test]
  http: [{route: [{destination: {host: api.partner.test, port: {number: 8080}}}]}]
---
";
    let bundle = Repository::of(&(routes.to_owned() + &workload("shop", "web"))).bundle();
    let web = Program::of(&bundle, "shop/web");
    for port in [80, 8080] {
        let call = Call { port, ..Call::get("api.partner.test", "/") };
        assert_eq!(web.goes_to(call), ["1 outbound|8080||api.partner.test"], "{port}");
    }
}

#[test]
fn unknown_hosts_pass_or_are_refused_as_the_mesh_says() {
    for (mode, refused) in [("ALLOW_ANY", false), ("REGISTRY_ONLY", true)] {
        let repository = Repository::of(&workload("shop", "web"));
        let config = format!("meshConfig: {{outboundTrafficPolicy: {{mode: {mode}}}}}\n");
        repository.write("mesh.yaml", &config);
        let bundle = repository.bundle();
        Program::of(&bundle, "shop/web").sends(Call::get("unknown.test", "/"), |outcome| {
            assert_eq!(matches!(outcome, Outcome::Blackhole), refused, "{outcome:?}");
        });
    }
}

#[test]
fn tcp_and_tls_routes_hold_for_bytes() {
    let routes = "
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: db, namespace: shop}
spec:
  hosts: [db.test]
  addresses: [192.0.2.7]
  resolution: STATIC
  ports: [{number: 5432, name: tcp, protocol: TCP}]
  endpoints: [{address: 198.51.100.1}]
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: db2, namespace: shop}
spec:
  hosts: [db2.test]
  addresses: [192.0.2.8]
  resolution: STATIC
  ports: [{number: 5432, name: tcp, protocol: TCP}]
  endpoints: [{address: 198.51.100.2}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: db, namespace: shop}
spec:
  hosts: [db.test]
  tcp:
    - match: [{port: 5432, sourceLabels: {app: web}}]
      route: [{destination: {host: db2.test, port: {number: 5432}}}]
---
";
    let text = routes.to_owned() + &workload("shop", "web") + &workload("shop", "other");
    let bundle = Repository::of(&text).bundle();
    let to = |name: &str| {
        let program = Program::of(&bundle, name);
        let outbound = program.program.outbound().unwrap();
        let arrival = outbound.arrival_by_name("db.test", 5432);
        let address: IpAddr = [192, 0, 2, 7].into();
        let stream = outbound.stream(&arrival, address, None, 0);
        let StreamOutcome::Forward { name, .. } = stream else { panic!("{stream:?}") };
        name.to_owned()
    };
    assert_eq!(to("shop/web"), "outbound|5432||db2.test");
    assert_eq!(to("shop/other"), "outbound|5432||db.test");
    let web = Program::of(&bundle, "shop/web");
    let cluster = web.program.cluster_by_name("outbound|5432||db.test").unwrap();
    assert!(
        matches!(cluster.discovery(), Discovery::Declared { endpoints } if endpoints.len() == 1)
    );
}
