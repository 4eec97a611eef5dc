use http::HeaderMap;
use mesh_snapshot::object::{
    Backend, Bytes, ClaimMatch, ClientCertificate, Credential, Destination, Fault,
    HeaderOperations, HttpAction, HttpMatch, HttpRoute, Object, Protocol, Role, RouteTable, Server,
    ServerProtocol, ServerTls, Service, ServicePort, StreamMatch, StreamRoute, StringMatch, Target,
    TargetPort, Termination, TlsVersion, ValueMatch, VirtualHost, Workload,
};

use super::{Conflict, Handler, Listener};
use crate::cluster::tests::reviews;
use crate::fixture::{Mesh, workload};
use crate::outbound::StreamOutcome;
use crate::policy::Claims;
use crate::program::Program;
use crate::request::Request;
use crate::request::tests::get;
use crate::route::{Action, Outcome};

fn gateway() -> Workload {
    Workload { role: Role::Gateway, ..workload() }
}

fn build(mesh: Mesh) -> Program {
    mesh.build(&gateway()).unwrap()
}

fn server(port: u16, protocol: ServerProtocol, hosts: &[&str]) -> Server {
    Server {
        port,
        name: String::new(),
        protocol,
        bind: None,
        hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
        tls: ServerTls::Off,
        virtual_hosts: Vec::new(),
        stream_routes: None,
    }
}

fn terminate() -> ServerTls {
    let credential = Credential { namespace: String::new(), name: "shop".to_owned() };
    ServerTls::Terminate(Box::new(Termination {
        credentials: vec![credential],
        files: Vec::new(),
        client: ClientCertificate::Unasked,
        version_min: TlsVersion::V12,
        version_max: TlsVersion::V13,
        cipher_suites: Vec::new(),
    }))
}

/// Routes by prefix to answers.
fn answering(routes: &[(&str, u16)]) -> RouteTable {
    let route = |&(prefix, status): &(&str, u16)| HttpRoute {
        name: String::new(),
        matches: vec![HttpMatch {
            path: Some(StringMatch::Prefix(prefix.to_owned())),
            ..HttpMatch::default()
        }],
        action: HttpAction::Respond { status, body: Bytes::default() },
        headers: HeaderOperations::default(),
        cors: None,
        fault: Fault::default(),
    };
    RouteTable { http: routes.iter().map(route).collect(), ..RouteTable::default() }
}

fn http(mesh: &mut Mesh, of: &str, port: u16, hosts: &[(&str, &[(&str, u16)])]) -> Server {
    let names: Vec<_> = hosts.iter().map(|(host, _)| *host).collect();
    let virtual_hosts: Vec<VirtualHost> =
        hosts.iter().map(|(host, routes)| mesh.virtual_host(of, host, answering(routes))).collect();
    Server { virtual_hosts, ..server(port, ServerProtocol::Http, &names) }
}

fn listener(program: &Program, port: u16) -> &Listener {
    let listeners = program.gateway().unwrap().listeners();
    listeners.iter().find(|listener| listener.port == port).unwrap()
}

/// What a request for `authority` meets behind `sni`.
fn answer(program: &Program, port: u16, sni: Option<&str>, request: &Request<'_>) -> String {
    let Some(chain) = listener(program, port).chain(sni) else { return "closed".to_owned() };
    let Handler::Http(http) = &chain.handler else { return "bytes".to_owned() };
    match http.route(request, &Claims::default()) {
        Outcome::Route(selected) => match &selected.route.action {
            Action::Respond { status, .. } => status.to_string(),
            other => format!("{other:?}"),
        },
        other => format!("{other:?}"),
    }
}

fn plain(program: &Program, authority: &str, path: &str) -> String {
    let headers = HeaderMap::new();
    answer(program, 80, None, &Request { authority, ..get(path, &headers) })
}

fn skipped(program: &Program) -> Vec<(String, Conflict)> {
    let skipped = program.gateway().unwrap().skipped().iter();
    skipped.map(|it| (format!("{} {}", it.key, it.item), it.conflict)).collect()
}

#[test]
fn a_request_goes_by_authority() {
    let mut mesh = Mesh::new();
    let hosts: &[(&str, &[(&str, u16)])] =
        &[("shop.test", &[("/a", 201)]), ("*.test", &[("/", 202)])];
    let server = http(&mut mesh, "gw", 80, hosts);
    mesh.gateway("gw", vec![server]);
    let program = build(mesh);
    assert_eq!(plain(&program, "SHOP.test:8080", "/a"), "201");
    assert_eq!(plain(&program, "shop.test", "/b"), "NoRoute(\"shop.test:80\")");
    assert_eq!(plain(&program, "x.test", "/b"), "202");
    assert_eq!(plain(&program, "shop.test.", "/a"), "NoHost");
    assert_eq!(plain(&program, "other", "/a"), "NoHost");
    assert!(program.outbound().is_none());
}

#[test]
fn a_virtual_host_without_routes_leaves_its_requests_to_a_wildcard() {
    let mut mesh = Mesh::new();
    let mut table = answering(&[("/", 201)]);
    table.http[0].matches[0].port = Some(1);
    let mut server = http(&mut mesh, "gw", 80, &[("*", &[("/", 202)])]);
    server.virtual_hosts.push(mesh.virtual_host("gw", "shop.test", table));
    mesh.gateway("gw", vec![server]);
    assert_eq!(plain(&build(mesh), "shop.test", "/"), "202");
}

#[test]
fn servers_of_plain_http_become_one_and_their_virtual_hosts_join() {
    let mut mesh = Mesh::new();
    let one = http(&mut mesh, "one", 80, &[("shop.test", &[("/a", 201), ("/", 202)])]);
    mesh.gateway("one", vec![one]);
    let two = http(
        &mut mesh,
        "two",
        80,
        &[("shop.test", &[("/b", 203), ("/", 204)]), ("other.test", &[("/", 205)])],
    );
    mesh.gateway("two", vec![two]);
    let program = build(mesh);
    assert_eq!(program.gateway().unwrap().listeners().len(), 1);
    assert_eq!(plain(&program, "shop.test", "/a"), "201");
    assert_eq!(plain(&program, "shop.test", "/b"), "203");
    assert_eq!(plain(&program, "shop.test", "/c"), "202");
    assert_eq!(plain(&program, "other.test", "/"), "205");
    assert!(skipped(&program).is_empty());
}

#[test]
fn a_service_moves_the_listener() {
    let mut mesh = Mesh::new();
    let (number, protocol) = (80, Protocol::Http);
    let target = TargetPort::Number(8080);
    let ports = vec![ServicePort { number, name: String::new(), protocol, target }];
    mesh.inbound(Service { ports, ..reviews() });
    let server = http(&mut mesh, "gw", 80, &[("shop.test", &[("/", 201)])]);
    let other = http(&mut mesh, "other", 90, &[("shop.test", &[("/", 202)])]);
    mesh.gateway("gw", vec![server, other]);
    let program = build(mesh);
    let ports: Vec<_> =
        program.gateway().unwrap().listeners().iter().map(|listener| listener.port).collect();
    assert_eq!(ports, [90, 8080]);
    let Handler::Http(http) = &listener(&program, 8080).chain(None).unwrap().handler else {
        panic!("not HTTP")
    };
    assert_eq!(http.port, 80);
}

#[test]
fn tls_servers_stand_side_by_side() {
    let mut mesh = Mesh::new();
    let https = |mesh: &mut Mesh, of: &str, host: &str, status: u16| Server {
        protocol: ServerProtocol::Https,
        tls: terminate(),
        ..http(mesh, of, 443, &[(host, &[("/", status)])])
    };
    let servers =
        vec![https(&mut mesh, "gw", "a.test", 201), https(&mut mesh, "gw", "*.test", 202)];
    mesh.gateway("gw", servers);
    let program = build(mesh);
    let ask = |sni, authority| {
        let headers = HeaderMap::new();
        let request = Request { authority, scheme: "https", ..get("/", &headers) };
        answer(&program, 443, sni, &request)
    };
    assert!(listener(&program, 443).tls);
    assert_eq!(ask(Some("a.test"), "a.test"), "201");
    assert_eq!(ask(Some("b.test"), "b.test"), "202");
    // A name that the certificate's server does not serve.
    assert_eq!(ask(Some("a.test"), "b.test"), "NoHost");
    assert_eq!(ask(Some("other"), "a.test"), "closed");
    assert_eq!(ask(None, "a.test"), "closed");
    let chain = listener(&program, 443).chain(Some("a.test")).unwrap();
    assert_eq!((&*chain.item, &*chain.namespace), ("servers[0]", "shop"));
    assert_eq!(chain.tls, terminate());
}

#[test]
fn of_servers_that_conflict_the_older_is_served() {
    let mut mesh = Mesh::new();
    let https =
        |hosts: &[&str]| Server { tls: terminate(), ..server(443, ServerProtocol::Https, hosts) };
    let named = |name: &str, port| Server {
        name: name.to_owned(),
        ..server(port, ServerProtocol::Http, &["*"])
    };
    mesh.gateway(
        "old",
        vec![https(&["a.test", "b.test"]), named("x", 80), named("x", 81), named("", 82)],
    );
    mesh.gateway(
        "new",
        vec![
            https(&["c.test", "b.test"]),
            server(443, ServerProtocol::Http, &["*"]),
            server(80, ServerProtocol::Tcp, &["*"]),
            https(&["d.test"]),
            server(444, ServerProtocol::Https, &["e.test"]),
            Server {
                bind: Some([127, 0, 0, 1].into()),
                ..server(80, ServerProtocol::Http, &["*"])
            },
        ],
    );
    let program = build(mesh);
    assert_eq!(
        skipped(&program),
        [
            ("Gateway shop/old servers[2]".to_owned(), Conflict::Name),
            ("Gateway shop/new servers[0]".to_owned(), Conflict::Host),
            ("Gateway shop/new servers[1]".to_owned(), Conflict::Protocol),
            ("Gateway shop/new servers[2]".to_owned(), Conflict::Protocol),
            ("Gateway shop/new servers[4]".to_owned(), Conflict::NoTls),
        ]
    );
    let served: Vec<_> = program
        .gateway()
        .unwrap()
        .listeners()
        .iter()
        .map(|listener| (listener.port, listener.bind.is_some(), listener.chains().len()))
        .collect();
    assert_eq!(served, [(80, false, 1), (80, true, 1), (82, false, 1), (443, false, 2)]);
}

#[test]
fn servers_of_one_address_are_one_listener_however_it_is_written() {
    let own = "192.0.2.1";
    for (address, bind, listeners) in [
        ("0.0.0.0", "0.0.0.0", 1),
        ("0.0.0.0", "::", 2),
        ("0.0.0.0", own, 2),
        (own, own, 1),
        (own, "0.0.0.0", 1),
        (own, "192.0.2.2", 2),
        ("::", "::", 1),
        ("::", "0.0.0.0", 2),
    ] {
        let mut mesh = Mesh::new();
        mesh.gateway_address = address.parse().unwrap();
        let here = http(&mut mesh, "here", 80, &[("here.test", &[("/", 201)])]);
        let mut there = http(&mut mesh, "there", 80, &[("there.test", &[("/", 202)])]);
        there.bind = Some(bind.parse().unwrap());
        mesh.gateway("gw", vec![here, there]);
        let program = build(mesh);
        assert_eq!(program.gateway().unwrap().listeners().len(), listeners, "{address} {bind}");
        if listeners == 1 {
            assert_eq!(plain(&program, "there.test", "/"), "202");
        }
    }
}

#[test]
fn a_server_may_send_its_hosts_to_https() {
    let mut mesh = Mesh::new();
    let mut server = http(&mut mesh, "gw", 80, &[("shop.test", &[("/", 201)])]);
    server.tls = ServerTls::Redirect;
    server.hosts = vec!["shop.test".to_owned(), "bare.test".to_owned()];
    mesh.gateway("gw", vec![server]);
    let open = http(&mut mesh, "open", 80, &[("open.test", &[("/", 202)])]);
    mesh.gateway("open", vec![open]);
    let program = build(mesh);
    assert_eq!(plain(&program, "shop.test", "/a"), "HttpsRedirect");
    assert_eq!(plain(&program, "bare.test", "/a"), "HttpsRedirect");
    assert_eq!(plain(&program, "open.test", "/a"), "202");
    let headers = HeaderMap::new();
    let told = Request { authority: "shop.test", scheme: "https", ..get("/", &headers) };
    assert_eq!(answer(&program, 80, None, &told), "201");
}

fn stream(mesh: &mut Mesh, of: &str, tls: &[&str], tcp: bool) -> mesh_snapshot::Reference {
    let route = |matches| {
        let host = "reviews.shop.svc.cluster.local".to_owned();
        let target = Target::Cluster(Destination { host, port: Some(9080), subset: String::new() });
        let headers = HeaderOperations::default();
        StreamRoute { matches, backends: vec![Backend { target, weight: 1, headers }] }
    };
    let sni = |&name: &&str| {
        route(vec![StreamMatch { sni: vec![name.to_owned()], ..StreamMatch::default() }])
    };
    let table = RouteTable {
        tls: tls.iter().map(sni).collect(),
        tcp: tcp.then(|| route(Vec::new())).into_iter().collect(),
        ..RouteTable::default()
    };
    mesh.add(of, &Object::RouteTable(table))
}

fn forwarded(program: &Program, port: u16, sni: Option<&str>) -> String {
    let Some(chain) = listener(program, port).chain(sni) else { return "closed".to_owned() };
    let Handler::Stream(stream) = &chain.handler else { return "HTTP".to_owned() };
    match stream.stream([10, 0, 0, 1].into(), sni, 0) {
        Some(StreamOutcome::Forward { cluster: Some(_), route: Some(route), .. }) => {
            format!("{:?} {}", chain.tls == ServerTls::Passthrough, route.item)
        }
        other => format!("{other:?}"),
    }
}

#[test]
fn tls_passes_by_the_names_of_its_routes() {
    let mut mesh = Mesh::new();
    mesh.service(reviews(), None);
    let passing = Server {
        tls: ServerTls::Passthrough,
        stream_routes: Some(stream(&mut mesh, "pass", &["a.pass.test", "*.b.pass.test"], false)),
        ..server(443, ServerProtocol::Tls, &["*.pass.test"])
    };
    let ending = Server {
        tls: terminate(),
        stream_routes: Some(stream(&mut mesh, "end", &[], true)),
        ..server(443, ServerProtocol::Tls, &["*.test"])
    };
    let tcp = Server {
        stream_routes: Some(stream(&mut mesh, "tcp", &[], true)),
        ..server(9000, ServerProtocol::Tcp, &["*"])
    };
    let empty = server(9001, ServerProtocol::Tcp, &["*"]);
    mesh.gateway("gw", vec![passing, ending, tcp, empty]);
    let program = build(mesh);
    assert_eq!(forwarded(&program, 443, Some("a.pass.test")), "true tls[0]");
    assert_eq!(forwarded(&program, 443, Some("x.b.pass.test")), "true tls[1]");
    // No route of the server that passes is for it: the next that takes the name does.
    assert_eq!(forwarded(&program, 443, Some("c.pass.test")), "false tcp[0]");
    assert_eq!(forwarded(&program, 443, Some("other")), "closed");
    assert_eq!(forwarded(&program, 9000, None), "false tcp[0]");
    // Nothing listens where there is nowhere to go.
    assert_eq!(program.gateway().unwrap().listeners().len(), 2);
}

#[test]
fn routes_may_ask_for_claims() {
    let mut mesh = Mesh::new();
    let mut table = answering(&[("/", 201), ("/", 202)]);
    let value = ValueMatch::Is(StringMatch::Exact("admin".to_owned()));
    let claim = ClaimMatch { path: vec!["role".to_owned()], value, inverted: false };
    table.http[0].matches[0].claims = vec![claim];
    let virtual_hosts = vec![mesh.virtual_host("gw", "*", table)];
    let server = Server { virtual_hosts, ..server(80, ServerProtocol::Http, &["*"]) };
    mesh.gateway("gw", vec![server]);
    let program = build(mesh);
    let Handler::Http(http) = &listener(&program, 80).chain(None).unwrap().handler else {
        panic!("not HTTP")
    };
    let headers = HeaderMap::new();
    let item = |claims: &Claims| match http.route(&get("/", &headers), claims) {
        Outcome::Route(selected) => selected.route.item.to_string(),
        other => format!("{other:?}"),
    };
    assert_eq!(item(&Claims::of(&[("role", &["admin"])])), "http[0]");
    assert_eq!(item(&Claims::default()), "http[1]");
}
