use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;
use mesh_snapshot::object::{
    Backend, Bytes, ClientPolicy, Destination, Discovery, EgressProxy, Fault, HeaderOperations,
    Host, HostSet, HttpAction, HttpMatch, HttpRoute, Labels, Object, OutboundPolicy, Overlay,
    Protocol, RouteTable, Service, StreamMatch, StreamRoute, Target, Workload,
};

use super::{Addresses, StreamOutcome};
use crate::cluster::tests::{port, reviews};
use crate::fixture::{Mesh, workload};
use crate::program::Program;
use crate::request::Request;
use crate::request::tests::get;
use crate::route::{Action, Outcome};
use crate::trace::Step;

/// A service with HTTP on port 80, and, under 9000, bytes.
fn service(host: &str, addresses: &[&str]) -> Service {
    let (name, namespace) = match host.split_once(".svc.").and_then(|(it, _)| it.split_once('.')) {
        Some((name, namespace)) => (name, namespace),
        None => (host, "shop"),
    };
    Service {
        host: host.to_owned(),
        name: name.to_owned(),
        namespace: namespace.to_owned(),
        addresses: addresses.iter().map(|&address| address.to_owned()).collect(),
        ports: vec![port(80, Protocol::Http), port(9000, Protocol::Tcp)],
        ..reviews()
    }
}

fn with_port(host: &str, number: u16, protocol: Protocol) -> Service {
    Service { ports: vec![port(number, protocol)], ..service(host, &[]) }
}

/// A table that answers with `status`.
fn answering(status: u16) -> RouteTable {
    let route = HttpRoute {
        name: String::new(),
        matches: Vec::new(),
        action: HttpAction::Respond { status, body: Bytes::default() },
        headers: HeaderOperations::default(),
        cors: None,
        fault: Fault::default(),
    };
    RouteTable { http: vec![route], ..RouteTable::default() }
}

fn stream(matches: Vec<StreamMatch>, host: &str) -> StreamRoute {
    let (host, subset) = (host.to_owned(), String::new());
    let target = Target::Cluster(Destination { host, port: None, subset });
    let backend = Backend { target, weight: 1, headers: HeaderOperations::default() };
    StreamRoute { matches, backends: vec![backend] }
}

fn build(mesh: Mesh) -> Program {
    mesh.build(&workload()).unwrap()
}

/// What a request for `authority` on `port` meets: a status, a cluster's name, or what the proxy does.
fn fate(program: &Program, authority: &str, port: u16, addresses: &impl Addresses) -> String {
    let headers = HeaderMap::new();
    let request = Request { authority, port, ..get("/", &headers) };
    match program.outbound().unwrap().route(&request, addresses) {
        Outcome::Route(selected) => match &selected.route.action {
            Action::Respond { status, .. } => status.to_string(),
            Action::Forward(forward) => match &forward.backends.pick(0).target {
                crate::route::Target::Cluster(upstream) => upstream.name.to_string(),
                crate::route::Target::Status(status) => status.to_string(),
            },
            Action::Redirect(_) => "redirect".to_owned(),
        },
        other => format!("{other:?}"),
    }
}

fn route(program: &Program, authority: &str) -> String {
    fate(program, authority, 80, &())
}

fn arrival(program: &Program, destination: &str) -> (Protocol, Option<String>) {
    let outbound = program.outbound().unwrap();
    let arrival = outbound.arrival(destination.parse().unwrap(), &());
    (arrival.protocol, arrival.host().map(str::to_owned))
}

/// Where the bytes of a connection go.
fn bytes(program: &Program, destination: &str, sni: Option<&str>) -> String {
    let outbound = program.outbound().unwrap();
    let destination: SocketAddr = destination.parse().unwrap();
    let arrival = outbound.arrival(destination, &());
    match outbound.stream(&arrival, destination.ip(), sni, 0) {
        StreamOutcome::Forward { name, cluster, route } => {
            let route = route.map_or("-", |route| &route.item);
            format!("{name} {} {route}", if cluster.is_some() { "is" } else { "is not" })
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn a_host_goes_by_its_names_and_no_others() {
    let mut mesh = Mesh::new();
    mesh.service(service("a.shop.svc.cluster.local", &["10.96.0.1"]), Some(answering(201)));
    mesh.service(service("b.web.svc.cluster.local", &[]), Some(answering(202)));
    let program = build(mesh);
    for authority in [
        "a",
        "a.shop",
        "a.shop.svc",
        "A.Shop.svc.cluster.local",
        "a.shop.svc.cluster.local.",
        "a:80",
        "a:9999",
        "a:",
        "10.96.0.1",
        "10.96.0.1:9999",
    ] {
        assert_eq!(route(&program, authority), "201", "{authority}");
    }
    for authority in ["b.web", "b.web.svc:80", "b.web.svc.cluster.local"] {
        assert_eq!(route(&program, authority), "202", "{authority}");
    }
    for authority in ["b", "a.", "a.shop.", "a.shop.svc.", "x.a", "", "10.96.0.1."] {
        assert_eq!(route(&program, authority), "Passthrough", "{authority}");
    }
    assert_eq!(fate(&program, "a", 81, &()), "Passthrough");
    assert_eq!(fate(&program, "a", 9000, &()), "Passthrough");
}

#[test]
fn a_name_of_its_own_beats_a_short_one() {
    let mut mesh = Mesh::new();
    mesh.service(service("a.shop.svc.cluster.local", &[]), Some(answering(201)));
    mesh.service(service("z.shop", &[]), Some(answering(202)));
    mesh.service(service("a.shop", &[]), Some(answering(203)));
    let program = build(mesh);
    assert_eq!(route(&program, "a.shop"), "203");
    assert_eq!(route(&program, "a"), "201");
}

#[test]
fn hosts_without_a_service_have_the_ports_of_their_routes() {
    let mut mesh = Mesh::new();
    for (name, ports, status) in [("virtual.test", vec![], 201), ("*.wild.test", vec![8080], 202)] {
        let routes = mesh.add(name, &Object::RouteTable(answering(status)));
        let host = Host { routes: Some(routes), ports, ..Host::default() };
        mesh.hosts.insert(name.to_owned(), host);
    }
    let program = build(mesh);
    assert_eq!(route(&program, "virtual.test"), "201");
    assert_eq!(fate(&program, "virtual.test", 8080, &()), "Passthrough");
    assert_eq!(fate(&program, "a.wild.test", 8080, &()), "202");
    assert_eq!(route(&program, "a.wild.test"), "Passthrough");
}

#[test]
fn without_routes_a_request_goes_to_the_service() {
    let mut mesh = Mesh::new();
    mesh.service(service("a.test", &[]), None);
    let tcp_only = RouteTable { tcp: vec![stream(vec![], "a.test")], ..RouteTable::default() };
    mesh.service(service("b.test", &[]), Some(tcp_only));
    let program = build(mesh);
    assert_eq!(route(&program, "a.test"), "outbound|80||a.test");
    assert_eq!(route(&program, "b.test"), "outbound|80||b.test");
}

#[test]
fn routes_for_others_are_no_routes() {
    let elsewhere = |port| {
        let mut table = answering(201);
        table.http[0].matches = vec![HttpMatch { port, ..HttpMatch::default() }];
        table
    };
    let mut mesh = Mesh::new();
    mesh.service(service("a.test", &[]), Some(elsewhere(Some(81))));
    let table = mesh.add("b.test", &Object::RouteTable(elsewhere(Some(81))));
    mesh.hosts.insert("b.test".to_owned(), Host { routes: Some(table), ..Host::default() });
    let program = build(mesh);
    assert_eq!(route(&program, "a.test"), "outbound|80||a.test");
    assert_eq!(route(&program, "b.test"), "Passthrough");
}

#[test]
fn only_registered_hosts_pass_where_that_is_asked_for() {
    let mut mesh = Mesh::new();
    mesh.outbound = OutboundPolicy::RegistryOnly;
    mesh.service(service("a.test", &["10.96.0.1"]), None);
    let program = build(mesh);
    assert_eq!(route(&program, "b.test"), "Blackhole");
    assert_eq!(bytes(&program, "192.0.2.1:7", None), "Blackhole");
    assert_eq!(bytes(&program, "10.96.0.1:9000", None), "outbound|9000||a.test is -");
}

#[test]
fn what_only_routes_may_lead_to_is_a_cluster_and_no_host() {
    let mut mesh = Mesh::new();
    mesh.service(service("a.test", &["10.96.0.1"]), None);
    mesh.hosts.get_mut("a.test").unwrap().shown_ports = Some(Vec::new());
    let program = build(mesh);
    assert_eq!(route(&program, "a.test"), "Passthrough");
    assert_eq!(arrival(&program, "10.96.0.1:9000"), (Protocol::Tcp, None));
    assert!(program.cluster_by_name("outbound|80||a.test").is_some());
}

#[test]
fn a_service_is_seen_at_the_ports_that_are_shown() {
    let mut mesh = Mesh::new();
    mesh.service(service("a.test", &["10.96.0.1"]), None);
    mesh.hosts.get_mut("a.test").unwrap().shown_ports = Some(vec![9000]);
    let program = build(mesh);
    assert_eq!(route(&program, "a.test"), "Passthrough");
    assert_eq!(bytes(&program, "10.96.0.1:9000", None), "outbound|9000||a.test is -");
    assert_eq!(arrival(&program, "10.96.0.1:80"), (Protocol::Tcp, None));
    assert!(program.cluster_by_name("outbound|80||a.test").is_some());
}

#[test]
fn routes_are_for_the_ports_that_are_said() {
    let mut mesh = Mesh::new();
    let ports = vec![port(80, Protocol::Http), port(81, Protocol::Http)];
    mesh.service(Service { ports, ..service("a.test", &[]) }, Some(answering(201)));
    mesh.hosts.get_mut("a.test").unwrap().routed_ports = Some(vec![80]);
    let program = build(mesh);
    assert_eq!(fate(&program, "a.test", 80, &()), "201");
    assert_eq!(fate(&program, "a.test", 81, &()), "outbound|81||a.test");
}

#[test]
fn what_is_for_no_host_goes_by_the_proxy_for_it() {
    let proxy = |host: &str| EgressProxy { host: host.into(), port: 9000, subset: String::new() };
    let mut mesh = Mesh::new();
    mesh.proxy = Some(proxy("a.test"));
    mesh.service(service("a.test", &["10.96.0.1"]), None);
    let program = build(mesh);
    assert_eq!(route(&program, "b.test"), "outbound|9000||a.test");
    assert_eq!(bytes(&program, "192.0.2.1:7", None), "outbound|9000||a.test is -");

    let mut mesh = Mesh::new();
    mesh.proxy = Some(proxy("c.test"));
    assert_eq!(bytes(&build(mesh), "192.0.2.1:7", None), "outbound|9000||c.test is not -");

    let mut mesh = Mesh::new();
    (mesh.proxy, mesh.outbound) = (Some(proxy("a.test")), OutboundPolicy::RegistryOnly);
    assert_eq!(route(&build(mesh), "b.test"), "Blackhole");
}

#[test]
fn a_service_that_is_not_imported_has_routes_by_its_host_alone() {
    let mut mesh = Mesh::new();
    let service = service("a.shop.svc.cluster.local", &["10.96.0.1"]);
    mesh.service(service, Some(answering(201)));
    mesh.hosts.get_mut("a.shop.svc.cluster.local").unwrap().shown_ports = Some(Vec::new());
    let program = build(mesh);
    assert_eq!(route(&program, "a.shop.svc.cluster.local"), "201");
    assert_eq!(route(&program, "a.shop"), "Passthrough");
    assert_eq!(route(&program, "10.96.0.1"), "Passthrough");
}

#[test]
fn an_overlay_replaces_hosts_for_those_it_selects() {
    let mut mesh = Mesh::new();
    mesh.service(service("a.test", &[]), Some(answering(201)));
    let general = mesh.hosts.clone();
    let table = mesh.add("a.test@canary", &Object::RouteTable(answering(202)));
    let mut special = general["a.test"].clone();
    special.routes = Some(table);
    let hosts = HostSet { hosts: [("a.test".to_owned(), special)].into(), plaintext: Vec::new() };
    let hosts = mesh.add("canary", &Object::HostSet(hosts));
    let labels = Labels::from([("track".to_owned(), "canary".to_owned())]);
    mesh.overlays = vec![Overlay { labels: labels.clone(), hosts }];
    let canary = mesh.build(&Workload { labels, ..workload() }).unwrap();
    assert_eq!(route(&canary, "a.test"), "202");

    let mut mesh = Mesh::new();
    mesh.service(service("a.test", &[]), Some(answering(201)));
    assert_eq!(route(&build(mesh), "a.test"), "201");
}

/// A cluster that gave `10.96.0.7` to `a.test`.
struct Assigned;

impl Addresses for Assigned {
    fn host_of(&self, address: IpAddr) -> Option<&str> {
        (address == IpAddr::from([10, 96, 0, 7])).then_some("a.test")
    }
}

#[test]
fn an_assigned_address_is_a_name_that_no_wildcard_takes() {
    let mut mesh = Mesh::new();
    mesh.service(service("a.test", &[]), Some(answering(201)));
    let any = mesh.add("*", &Object::RouteTable(answering(202)));
    mesh.hosts.insert("*".to_owned(), Host { routes: Some(any), ..Host::default() });
    let program = build(mesh);
    assert_eq!(fate(&program, "10.96.0.7:80", 80, &Assigned), "201");
    assert_eq!(fate(&program, "10.96.0.8", 80, &Assigned), "202");
    assert_eq!(fate(&program, "b.test", 80, &Assigned), "202");
    let outbound = program.outbound().unwrap();
    let arrival = outbound.arrival("10.96.0.7:9000".parse().unwrap(), &Assigned);
    assert_eq!((arrival.protocol, arrival.host()), (Protocol::Tcp, Some("a.test")));
}

#[test]
fn http_is_looked_for_where_services_speak_it() {
    let mut mesh = Mesh::new();
    mesh.service(with_port("http.test", 80, Protocol::Http), None);
    let own = Service {
        addresses: ["10.96.0.1".to_owned()].into(),
        ..with_port("own.test", 81, Protocol::Detect)
    };
    mesh.service(own, None);
    mesh.service(with_port("bare.test", 82, Protocol::Detect), None);
    let named = mesh.add("named", &Object::RouteTable(answering(201)));
    let host = Host { routes: Some(named), ports: vec![83], ..Host::default() };
    mesh.hosts.insert("named.test".to_owned(), host);
    let program = build(mesh);
    let expected = |port| arrival(&program, &format!("192.0.2.1:{port}")).0;
    assert_eq!(expected(80), Protocol::Detect);
    assert_eq!(expected(81), Protocol::Tcp);
    assert_eq!(expected(82), Protocol::Detect);
    assert_eq!(expected(83), Protocol::Tcp);
}

#[test]
fn on_a_port_that_its_service_does_not_have_a_host_is_its_name_alone() {
    let mut mesh = Mesh::new();
    let service = with_port("a.shop.svc.cluster.local", 9080, Protocol::Http);
    mesh.service(service, Some(answering(201)));
    mesh.hosts.get_mut("a.shop.svc.cluster.local").unwrap().ports = vec![80];
    let program = build(mesh);
    let at = |authority, port| fate(&program, authority, port, &());
    assert_eq!(at("a.shop.svc.cluster.local", 9080), "201");
    assert_eq!(at("a.shop.svc.cluster.local", 80), "201");
    assert_eq!(at("a.shop", 9080), "201");
    assert_eq!(at("a.shop", 80), "Passthrough");
}

#[test]
fn an_address_that_hosts_share_is_for_the_one_with_routes() {
    let mut mesh = Mesh::new();
    mesh.service(service("a.test", &["10.96.0.1"]), None);
    mesh.service(service("b.test", &["10.96.0.1"]), Some(answering(201)));
    assert_eq!(route(&build(mesh), "10.96.0.1"), "201");
}

#[test]
fn where_a_protocol_is_detected_the_address_decides() {
    let mut mesh = Mesh::new();
    let at = |host, address: &str, protocol| Service {
        addresses: [address.to_owned()].into(),
        ..with_port(host, 80, protocol)
    };
    mesh.service(at("any.test", "10.96.0.1", Protocol::Detect), Some(answering(201)));
    mesh.service(at("http.test", "10.96.0.2", Protocol::Http), Some(answering(202)));
    mesh.service(at("block.test", "10.97.0.0/16", Protocol::Detect), Some(answering(203)));
    let program = build(mesh);
    let outbound = program.outbound().unwrap();
    assert!(outbound.detects(80) && !outbound.detects(81));
    let headers = HeaderMap::new();
    let status = |destination: &str, authority| {
        let arrival = outbound.arrival(destination.parse().unwrap(), &());
        let request = Request { authority, port: 80, ..get("/", &headers) };
        match outbound.route_traced(Some(&arrival), &request, &(), &mut ()) {
            Outcome::Route(selected) => match &selected.route.action {
                Action::Respond { status, .. } => *status,
                other => panic!("{other:?}"),
            },
            Outcome::Passthrough => 0,
            other => panic!("{other:?}"),
        }
    };
    for authority in ["any.test", "http.test", "strange.test"] {
        assert_eq!(status("10.96.0.1:80", authority), 201, "{authority}");
    }
    assert_eq!(status("10.96.0.2:80", "any.test"), 201);
    assert_eq!(status("10.97.0.1:80", "http.test"), 202);
    assert_eq!(status("10.96.0.2:80", "strange.test"), 0);
}

#[test]
fn bytes_go_by_address_and_port() {
    let mut mesh = Mesh::new();
    mesh.service(service("a.test", &["10.96.0.1", "10.1.0.0/16"]), None);
    mesh.service(with_port("shared.test", 9001, Protocol::Tcp), None);
    let narrow = Service { addresses: ["10.1.2.0/24".to_owned()].into(), ..service("n.test", &[]) };
    mesh.service(narrow, None);
    let program = build(mesh);
    assert_eq!(bytes(&program, "10.96.0.1:9000", None), "outbound|9000||a.test is -");
    assert_eq!(bytes(&program, "[::ffff:10.96.0.1]:9000", None), "outbound|9000||a.test is -");
    assert_eq!(bytes(&program, "10.1.9.9:9000", None), "outbound|9000||a.test is -");
    assert_eq!(bytes(&program, "10.1.2.9:9000", None), "outbound|9000||n.test is -");
    assert_eq!(bytes(&program, "10.96.0.1:7", None), "Passthrough");
    // A service without an address takes what comes to its port.
    assert_eq!(bytes(&program, "192.0.2.1:9001", None), "outbound|9001||shared.test is -");
    // A port of HTTP lets other bytes pass.
    assert_eq!(arrival(&program, "10.96.0.1:80"), (Protocol::Http, Some("a.test".to_owned())));
    assert_eq!(bytes(&program, "10.96.0.1:80", None), "Passthrough");
    assert_eq!(arrival(&program, "192.0.2.1:80"), (Protocol::Detect, None));
    assert_eq!(arrival(&program, "192.0.2.1:7"), (Protocol::Tcp, None));
}

#[test]
fn a_port_may_be_for_http_and_for_bytes() {
    let mut mesh = Mesh::new();
    mesh.service(service("a.test", &[]), None);
    mesh.service(with_port("b.test", 80, Protocol::Tcp), None);
    let program = build(mesh);
    assert_eq!(arrival(&program, "192.0.2.1:80"), (Protocol::Detect, None));
    assert_eq!(bytes(&program, "192.0.2.1:80", None), "outbound|80||b.test is -");
    assert_eq!(route(&program, "a.test"), "outbound|80||a.test");
}

#[test]
fn several_services_may_share_an_address() {
    let mut mesh = Mesh::new();
    let at = |host, number| Service {
        addresses: ["10.96.0.1".to_owned()].into(),
        ..with_port(host, number, Protocol::Tcp)
    };
    mesh.service(at("a.test", 1), None);
    mesh.service(at("b.test", 2), None);
    let program = build(mesh);
    assert_eq!(bytes(&program, "10.96.0.1:1", None), "outbound|1||a.test is -");
    assert_eq!(bytes(&program, "10.96.0.1:2", None), "outbound|2||b.test is -");
}

#[test]
fn routes_of_bytes_apply_to_their_service() {
    let mut mesh = Mesh::new();
    let other_port = StreamMatch { port: Some(1), ..StreamMatch::default() };
    let tcp = vec![stream(vec![other_port], "x.test"), stream(vec![], "b.test")];
    let routes = RouteTable { tcp, ..RouteTable::default() };
    mesh.service(service("a.test", &["10.96.0.1"]), Some(routes));
    mesh.service(service("b.test", &["10.96.0.2"]), None);
    let program = build(mesh);
    assert_eq!(bytes(&program, "10.96.0.1:9000", None), "outbound|9000||b.test is tcp[1]");
    assert_eq!(bytes(&program, "10.96.0.2:9000", None), "outbound|9000||b.test is -");
}

#[test]
fn tls_goes_by_server_name() {
    let mut mesh = Mesh::new();
    let sni = |name: &str| StreamMatch { sni: vec![name.to_owned()], ..StreamMatch::default() };
    let tls = vec![stream(vec![sni("a.test")], "gone.test")];
    let routes = RouteTable { tls, ..RouteTable::default() };
    mesh.service(with_port("a.test", 443, Protocol::Tls), Some(routes));
    mesh.service(with_port("*.wild.test", 443, Protocol::Https), None);
    let program = build(mesh);
    let to = |sni| bytes(&program, "192.0.2.1:443", sni);
    assert_eq!(arrival(&program, "192.0.2.1:443"), (Protocol::Tls, None));
    assert_eq!(to(Some("a.test")), "outbound|443||gone.test is not tls[0]");
    assert_eq!(to(Some("x.wild.test")), "outbound|443||*.wild.test is -");
    assert_eq!(to(Some("b.test")), "Passthrough");
    assert_eq!(to(None), "Passthrough");
}

#[test]
fn in_a_block_tls_goes_by_server_name_too() {
    let mut mesh = Mesh::new();
    let block = |host| Service {
        addresses: ["10.1.0.0/16".to_owned()].into(),
        ..with_port(host, 443, Protocol::Tls)
    };
    let sni = StreamMatch { sni: vec!["a.test".to_owned()], ..StreamMatch::default() };
    let tls = vec![stream(vec![sni], "d.test")];
    mesh.service(block("b.test"), None);
    let at = |host, number| Service {
        addresses: ["10.2.0.1".to_owned()].into(),
        ..with_port(host, number, Protocol::Tls)
    };
    mesh.service(at("c.test", 443), None);
    mesh.service(at("d.test", 444), Some(RouteTable { tls, ..RouteTable::default() }));
    let program = build(mesh);
    assert_eq!(bytes(&program, "10.1.2.3:443", Some("b.test")), "outbound|443||b.test is -");
    assert_eq!(bytes(&program, "10.1.2.3:443", Some("x.test")), "Passthrough");
    // An address of its own tells enough, unless routes ask for a name.
    assert_eq!(bytes(&program, "10.2.0.1:443", Some("x.test")), "outbound|443||c.test is -");
    assert_eq!(bytes(&program, "10.2.0.1:444", Some("a.test")), "outbound|444||d.test is tls[0]");
    assert_eq!(bytes(&program, "10.2.0.1:444", Some("x.test")), "Passthrough");
}

#[test]
fn a_backend_that_is_none_closes_the_connection() {
    let mut mesh = Mesh::new();
    let mut nowhere = stream(vec![], "a.test");
    nowhere.backends[0].target = Target::Status(500);
    let routes = RouteTable { tcp: vec![nowhere], ..RouteTable::default() };
    mesh.service(service("a.test", &["10.96.0.1"]), Some(routes));
    assert!(bytes(&build(mesh), "10.96.0.1:9000", None).starts_with("Closed"));
}

#[test]
fn a_connection_may_be_asked_for_by_name() {
    let mut mesh = Mesh::new();
    mesh.service(service("a.shop.svc.cluster.local", &[]), None);
    let program = build(mesh);
    let outbound = program.outbound().unwrap();
    let arrival = outbound.arrival_by_name("a", 9000);
    assert_eq!(arrival.host(), Some("a.shop.svc.cluster.local"));
    assert_eq!(outbound.arrival_by_name("b", 9000).host(), None);
}

#[test]
fn a_port_whose_protocol_is_unknown_serves_both() {
    let mut mesh = Mesh::new();
    let addresses = ["10.96.0.1".to_owned()].into();
    let service = Service { addresses, ..with_port("a.test", 80, Protocol::Detect) };
    mesh.service(service, None);
    let program = build(mesh);
    assert_eq!(route(&program, "a.test"), "outbound|80||a.test");
    assert_eq!(bytes(&program, "10.96.0.1:80", None), "outbound|80||a.test is -");
}

#[test]
fn a_client_policy_gives_subsets() {
    let mut mesh = Mesh::new();
    mesh.upstream(service("a.test", &[]), crate::cluster::tests::policy(), None);
    mesh.upstream(service("b.test", &[]), ClientPolicy::default(), None);
    let program = build(mesh);
    assert!(program.cluster_by_name("outbound|80|v1|a.test").is_some());
    assert!(program.cluster_by_name("outbound|80|v1|b.test").is_none());
    let names: Vec<_> = program.outbound().unwrap().virtual_hosts().map(|(name, _)| name).collect();
    assert_eq!(names, ["a.test:80", "b.test:80"]);
}

#[test]
fn a_headless_service_answers_for_its_pods() {
    let mut mesh = Mesh::new();
    let mut headless = service("db.shop.svc.cluster.local", &[]);
    if let Discovery::World { headless, .. } = &mut headless.discovery {
        *headless = true;
    }
    mesh.service(headless, Some(answering(201)));
    let program = build(mesh);
    assert_eq!(route(&program, "db-0.db.shop.svc.cluster.local"), "201");
    assert_eq!(route(&program, "db"), "201");
}

#[test]
fn a_trace_tells_the_virtual_host_and_each_route() {
    let mut mesh = Mesh::new();
    mesh.service(service("a.test", &[]), Some(answering(201)));
    let program = build(mesh);
    let trace = |authority| {
        let mut steps = Vec::new();
        let headers = HeaderMap::new();
        let request = Request { authority, ..get("/", &headers) };
        let outbound = program.outbound().unwrap();
        let _ = outbound.route_traced(None, &request, &(), &mut |step: Step<'_>| {
            steps.push(match step {
                Step::VirtualHost { name, wildcard } => format!("{name} {wildcard}"),
                Step::UnknownHost { authority, port } => format!("unknown {authority} {port}"),
                Step::Route { key, item, miss, .. } => format!("{key} {item} {miss:?}"),
                Step::Rule { .. } => "a rule".to_owned(),
            });
        });
        steps
    };
    assert_eq!(trace("a.test"), ["a.test:80 false", "RouteTable shop/a.test http[0] None"]);
    assert_eq!(trace("b.test"), ["unknown b.test 80"]);
}
