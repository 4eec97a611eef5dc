//! A mesh of the size of a real one.

use std::collections::{BTreeMap, BTreeSet};

use mesh_engine::{FEATURES, Limits, Program};
use mesh_snapshot::object::{
    Accepts, Action as PolicyAction, AuthorizationPolicy, Backend, Bytes, ClientPolicy, Cors,
    Destination, Discovery, Egress, EndpointSet, Fault, Gateway, Hash, HashTable, HeaderMatch,
    HeaderOperations, Host, HostSet, HttpAction, HttpMatch, HttpRoute, JwtKeys, JwtRule, Labels,
    LoadBalancer, MeshDefaults, Microseconds, Object, PathNormalization, PathRewrite, Protocol,
    Redirect, RequestAuthentication, RetryPolicy, Role, RouteTable, Rule, Server, ServerProtocol,
    ServerTls, Service, ServicePort, StringMatch, Subject, Target as ObjectTarget, TargetPort,
    Test, TextPattern, ValueMatch, VirtualHost, Workload,
};
use mesh_snapshot::snapshot::Builder;
use mesh_snapshot::{Applies, Key, Kind, slice};

use crate::counter::bytes_taken;

/// Forty hosts with thirty routes each, and a dozen policies; and how many bytes the program took.
pub(crate) fn program(role: Role) -> (Program, usize) {
    let mut builder = Builder::default();
    let mut hosts = BTreeMap::new();
    for number in 0..40 {
        let name = format!("host-{number}.shop.svc.cluster.local");
        let mut add = |object: Object| builder.add(Key::new(object.kind(), "shop", &name), &object);
        let host = Host {
            service: Some(add(Object::Service(service(&name, number)))),
            policy: Some(add(Object::ClientPolicy(client_policy()))),
            routes: Some(add(Object::RouteTable(routes(&name)))),
            ..Host::default()
        };
        hosts.insert(name, host);
    }
    let set = Object::HostSet(HostSet { hosts: hosts.clone(), plaintext: Vec::new() });
    let set = builder.add(Key::new(Kind::HostSet, "shop", "all"), &set);
    let list = |builder: &mut Builder, name: &str, object: &Object, rank| {
        let section = if object.kind() == Kind::MeshDefaults { "" } else { "shop" };
        let reference = builder.add(Key::new(object.kind(), section, name), object);
        builder.list(section, reference, Applies::All, rank);
    };
    list(&mut builder, "mesh", &Object::MeshDefaults(defaults()), 0);
    let egress = Egress { hosts: vec![set.clone()], ..Egress::default() };
    list(&mut builder, "egress", &Object::Egress(egress), 0);
    let virtual_hosts = hosts.iter().map(|(name, host)| VirtualHost {
        host: name.replace(".svc.cluster.local", ""),
        routes: host.routes.clone().unwrap(),
    });
    let gateway = Object::Gateway(Gateway {
        namespace: "shop".to_owned(),
        name: "gateway".to_owned(),
        servers: vec![Server {
            port: 9080,
            name: String::new(),
            protocol: ServerProtocol::Http,
            bind: None,
            hosts: vec!["*".to_owned()],
            tls: ServerTls::Off,
            virtual_hosts: virtual_hosts.collect(),
            stream_routes: None,
        }],
        hosts: vec![set],
    });
    list(&mut builder, "gateway", &gateway, 0);
    for number in 0..12 {
        let policy = Object::AuthorizationPolicy(authorization(number));
        list(&mut builder, &format!("policy-{number}"), &policy, number);
    }
    let authentication = RequestAuthentication { rules: vec![jwt_rule()] };
    list(&mut builder, "jwt", &Object::RequestAuthentication(authentication), 0);
    let snapshot = builder.build().unwrap();
    let workload = Workload { namespace: "shop".to_owned(), role, ..Workload::default() };
    let slice = slice(snapshot.digest(), &workload, &snapshot).unwrap();
    let limits = Limits {
        memory_bytes_max: 1 << 30,
        features: FEATURES,
        gateway_address: mesh_engine::GATEWAY_ADDRESS,
    };
    bytes_taken(|| Program::build(&workload, &slice, &snapshot, &limits).unwrap())
}

fn defaults() -> MeshDefaults {
    MeshDefaults {
        trust_domain: "cluster.local".to_owned(),
        trust_domain_aliases: Vec::new(),
        root_namespace: "istio-system".to_owned(),
        cluster_domain: "cluster.local".to_owned(),
        auto_mtls: true,
        path_normalization: PathNormalization::Base,
        default_retry: RetryPolicy {
            retries_max: 2,
            conditions: BTreeSet::from(["connect-failure".to_owned()]),
            ..RetryPolicy::default()
        },
        connect_timeout: Microseconds::from_secs(10),
        protocol_detection_timeout: Microseconds(0),
        trusted_proxies: 1,
        access_log: mesh_snapshot::object::AccessLog::Off,
    }
}

fn service(name: &str, number: u8) -> Service {
    let (namespace, labels) =
        ("shop".to_owned(), Labels::from([("app".to_owned(), name.to_owned())]));
    Service {
        host: name.to_owned(),
        namespace: namespace.clone(),
        name: format!("host-{number}"),
        external: false,
        addresses: BTreeSet::from([format!("10.96.0.{number}")]),
        ports: vec![ServicePort {
            number: 9080,
            name: "http".to_owned(),
            protocol: Protocol::Http,
            target: TargetPort::Number(9080),
        }],
        discovery: Discovery::World {
            set: EndpointSet::Selected { namespace, labels },
            headless: false,
        },
        subject_alt_names: BTreeSet::new(),
    }
}

fn client_policy() -> ClientPolicy {
    let mut policy = ClientPolicy::default();
    let hash = Hash::Header("x-user".to_owned());
    let table = HashTable::Ring { points_min: 1024 };
    policy.ports.others.load_balancer = LoadBalancer::ConsistentHash { hash, table };
    policy
}

fn routes(host: &str) -> RouteTable {
    let prefix = |text: &str| StringMatch::Prefix(text.to_owned());
    let mut http = vec![
        route(
            prefix("/rewrite/"),
            forward(
                host,
                Some(PathRewrite::Regex {
                    pattern: "^/rewrite/([^/]+)/(.*)$".to_owned(),
                    substitution: r"/\2/\1".to_owned(),
                }),
            ),
        ),
        route(
            prefix("/redirect/"),
            HttpAction::Redirect(Redirect {
                status: 301,
                scheme: Some("https".to_owned()),
                authority: None,
                port: None,
                path: None,
            }),
        ),
        route(StringMatch::Regex("/users/[0-9]+/(cart|orders)".to_owned()), forward(host, None)),
        route(
            StringMatch::PathPrefix("/files".to_owned()),
            forward(host, Some(PathRewrite::PathPrefix("/f".to_owned()))),
        ),
    ];
    for number in 0..25 {
        let path = match number % 2 {
            0 => StringMatch::Exact(format!("/exact/{number}")),
            _ => prefix(&format!("/v{number}/")),
        };
        let mut route = route(path, forward(host, Some(PathRewrite::Prefix("/".to_owned()))));
        let value = ValueMatch::Is(StringMatch::Regex("ja.*".to_owned()));
        let header = HeaderMatch { name: "x-user".to_owned(), value, inverted: false };
        route.matches[0].headers = vec![header];
        http.push(route);
    }
    let body = Bytes(b"nothing here".to_vec());
    http.push(route(prefix("/"), HttpAction::Respond { status: 404, body }));
    RouteTable { http, ..RouteTable::default() }
}

fn route(path: StringMatch, action: HttpAction) -> HttpRoute {
    let origin = StringMatch::Prefix("https://".to_owned());
    HttpRoute {
        name: String::new(),
        matches: vec![HttpMatch { path: Some(path), ..HttpMatch::default() }],
        action,
        headers: HeaderOperations::default(),
        cors: Some(Cors { allow_origins: vec![origin], ..Cors::default() }),
        fault: Fault::default(),
    }
}

fn forward(host: &str, path_rewrite: Option<PathRewrite>) -> HttpAction {
    let backend = || {
        let (host, subset) = (host.to_owned(), String::new());
        let target = ObjectTarget::Cluster(Destination { host, port: None, subset });
        Backend { target, weight: 50, headers: HeaderOperations::default() }
    };
    HttpAction::Forward {
        backends: vec![backend(), backend()],
        path_rewrite,
        authority_rewrite: None,
        timeout: None,
        try_timeout: None,
        retry: None,
        mirrors: Vec::new(),
    }
}

fn authorization(number: u32) -> AuthorizationPolicy {
    let text =
        |subject, patterns| Test { subject, negated: false, accepts: Accepts::Text(patterns) };
    let exact = |text: String| TextPattern::Exact(text);
    let rule = Rule {
        from: vec![vec![
            text(Subject::Namespace, vec![exact(format!("ns-{number}")), exact("shop".to_owned())]),
            Test {
                subject: Subject::RemoteIp,
                negated: true,
                accepts: Accepts::Addresses(vec!["198.51.100.0/24".to_owned()]),
            },
        ]],
        to: vec![vec![
            text(Subject::Method, vec![exact("GET".to_owned()), exact("POST".to_owned())]),
            text(
                Subject::Path,
                vec![
                    TextPattern::Prefix(format!("/v{number}/")),
                    TextPattern::Template("/users/{*}/cart".to_owned()),
                ],
            ),
            text(Subject::Host, vec![TextPattern::Suffix(".svc.cluster.local".to_owned())]),
        ]],
        when: vec![text(Subject::Header("x-user".to_owned()), vec![TextPattern::Present])],
    };
    AuthorizationPolicy {
        namespace: "shop".to_owned(),
        name: format!("policy-{number}"),
        action: if number.is_multiple_of(3) { PolicyAction::Deny } else { PolicyAction::Allow },
        dry_run: number == 11,
        rules: vec![rule],
    }
}

fn jwt_rule() -> JwtRule {
    JwtRule {
        issuer: "issuer".to_owned(),
        audiences: Vec::new(),
        keys: JwtKeys::Remote("https://keys.test".to_owned()),
        from_headers: Vec::new(),
        from_parameters: Vec::new(),
        from_cookies: vec!["session".to_owned()],
        payload_header: String::new(),
        claim_headers: Vec::new(),
        forward_token: false,
        fetch_timeout: Microseconds::from_secs(5),
        space_delimited_claims: Vec::new(),
        required: false,
    }
}
