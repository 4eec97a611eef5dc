//! A workload, its program, and records of what it serves.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderMap, HeaderName, HeaderValue};
use mesh_engine::policy::{Claims, Rule};
use mesh_engine::program::AccessLog;
use mesh_engine::{Connection, FEATURES, Limits, Program, Request};
use mesh_proxy::agent::health::EpochCounters;
use mesh_proxy::observe::{
    Decided, Direction, Http, Local, Metrics, Peer, Record, Security, ServiceId, response_head,
};
use mesh_proxy::world::Watched;
use mesh_snapshot::object::{
    self, Accepts, Action, AuthorizationPolicy, ClientPolicy, Discovery, Egress, EndpointSet, Host,
    HostSet, Labels, MeshDefaults, Microseconds, Object, PathNormalization, Protocol, RetryPolicy,
    Service, ServicePort, Subject, TargetPort, Test, TextPattern, Workload,
};
use mesh_snapshot::snapshot::Builder;
use mesh_snapshot::{Applies, Key, Kind, Location, SourceMap, slice};

/// `web`, of the namespace `shop`.
pub(crate) fn local() -> Local {
    let labels = [("app", "web"), ("version", "v1")];
    let labels = labels.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Local {
        workload: Workload {
            namespace: "shop".to_owned(),
            name: "web-v1".to_owned(),
            labels: Labels::from(labels),
            service_account: "web".to_owned(),
            ..Workload::default()
        },
        cluster: "Kubernetes".to_owned(),
        principal: "spiffe://cluster.local/ns/shop/sa/web".to_owned(),
        version: "1.2.3".to_owned(),
        hostname: "web-0".to_owned(),
        environment: BTreeMap::from([("REGION".to_owned(), "north".to_owned())]),
    }
}

/// `reviews`, which `web` calls.
pub(crate) fn reviews(metrics: &Metrics) -> (mesh_proxy::observe::PeerId, ServiceId) {
    let labels = Labels::from([("app".to_owned(), "reviews".to_owned())]);
    let peer = metrics.peer(&Peer {
        workload: "reviews-v2",
        namespace: "shop",
        cluster: "Kubernetes",
        principal: "spiffe://cluster.local/ns/shop/sa/reviews",
        labels: Some(&labels),
    });
    (peer, metrics.service("reviews.shop.svc.cluster.local", "reviews", "shop"))
}

/// What a record borrows.
pub(crate) struct Sample {
    pub(crate) headers: HeaderMap,
    pub(crate) response: HeaderMap,
    pub(crate) trailers: HeaderMap,
    pub(crate) upstream: SocketAddr,
    pub(crate) sources: Watched<SourceMap>,
    pub(crate) health: EpochCounters,
}

impl Sample {
    pub(crate) fn new() -> Self {
        Self {
            headers: headers(&[
                ("user-agent", "test"),
                ("x-request-id", "0a1b"),
                ("x-user", "\"ann\""),
            ]),
            response: headers(&[("x-envoy-upstream-service-time", "4")]),
            trailers: HeaderMap::new(),
            upstream: (Ipv4Addr::new(10, 0, 0, 7), 9080).into(),
            sources: Watched::default(),
            health: EpochCounters::default(),
        }
    }

    /// `web` asks `reviews`, and is answered with `status`.
    pub(crate) fn record<'a>(&'a self, metrics: &Metrics, log: &'a AccessLog) -> Record<'a> {
        let (peer, service) = reviews(metrics);
        let start = SystemTime::UNIX_EPOCH + Duration::from_millis(1_700_000_000_123);
        let mut record = Record::new(Direction::Outbound, start, Duration::from_micros(12_345));
        let version = http::Version::HTTP_11;
        let mut http = Http::new(version, "GET", "/a?b=c", "reviews:9080", &self.headers);
        http.status = Some(200);
        http.response_headers = Some(&self.response);
        http.response_head = response_head(&self.response);
        http.response_trailers = Some(&self.trailers);
        http.answered_after = Some(Duration::from_millis(12));
        record.http = Some(http);
        (record.peer, record.service, record.security) = (peer, service, Security::Mutual);
        (record.received, record.sent) = (10, 1000);
        record.details = "via_upstream";
        record.route = "default";
        record.upstream.cluster = "outbound|9080||reviews.shop.svc.cluster.local";
        record.upstream.address = Some(&self.upstream);
        record.upstream.attempts = 1;
        record.downstream.source = Some((Ipv4Addr::new(10, 0, 0, 1), 40000).into());
        record.downstream.local = Some((Ipv4Addr::new(10, 96, 0, 1), 9080).into());
        let (sources, health) = (&self.sources, &self.health);
        record.decided = Some(Decided { epoch: 7, access_log: log, sources, health });
        record
    }
}

pub(crate) fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect()
}

/// Of `web`: it may call `reviews`, and a policy denies what comes for `/admin`.
pub(crate) fn program() -> Program {
    let mut builder = Builder::default();
    let name = "reviews.shop.svc.cluster.local";
    let add = |builder: &mut Builder, object: Object| {
        builder.add(Key::new(object.kind(), "shop", name), &object)
    };
    let host = Host {
        service: Some(add(&mut builder, Object::Service(service(name)))),
        policy: Some(add(&mut builder, Object::ClientPolicy(ClientPolicy::default()))),
        ..Host::default()
    };
    let hosts = BTreeMap::from([(name.to_owned(), host)]);
    let set = Object::HostSet(HostSet { hosts, plaintext: Vec::new() });
    let set = builder.add(Key::new(Kind::HostSet, "shop", "all"), &set);
    let egress = Object::Egress(Egress { hosts: vec![set], ..Egress::default() });
    for (section, name, object) in [
        ("", "mesh", Object::MeshDefaults(defaults())),
        ("shop", "egress", egress),
        ("shop", "admin", Object::AuthorizationPolicy(policy())),
    ] {
        let reference = builder.add(Key::new(object.kind(), section, name), &object);
        builder.list(section, reference, Applies::All, 0);
    }
    let snapshot = builder.build().unwrap();
    let workload = local().workload;
    let slice = slice(snapshot.digest(), &workload, &snapshot).unwrap();
    let limits = Limits {
        memory_bytes_max: 1 << 30,
        features: FEATURES,
        gateway_address: mesh_engine::GATEWAY_ADDRESS,
    };
    Program::build(&workload, &slice, &snapshot, &limits).unwrap()
}

/// The rule of `program` that denies `/admin`.
pub(crate) fn denying(program: &Program) -> &Rule {
    let none = HeaderMap::new();
    let request = Request {
        method: "GET",
        scheme: "http",
        authority: "web",
        path: "/admin",
        query: None,
        headers: &none,
        port: 8080,
    };
    let source = Ipv4Addr::LOCALHOST.into();
    let connection = Connection {
        source,
        remote: source,
        destination: (source, 8080).into(),
        peer: None,
        sni: None,
        mutual_tls: false,
    };
    let verdict = program.policy().authorize(&request, &connection, &Claims::default());
    verdict.decision.rule().unwrap()
}

/// Says where `rule` stands.
pub(crate) fn source_map(rule: &Rule, file: &str) -> SourceMap {
    let mut map = SourceMap::default();
    let resource = "AuthorizationPolicy shop/admin".into();
    let location = Location { file: file.into(), line: 12, column: 3, resource };
    map.insert(&Arc::unwrap_or_clone(Arc::clone(&rule.key)), rule.item(), location);
    map
}

fn policy() -> AuthorizationPolicy {
    let paths = Accepts::Text(vec![TextPattern::Exact("/admin".to_owned())]);
    let test = Test { subject: Subject::Path, negated: false, accepts: paths };
    AuthorizationPolicy {
        namespace: "shop".to_owned(),
        name: "admin".to_owned(),
        action: Action::Deny,
        dry_run: false,
        rules: vec![object::Rule { from: vec![], to: vec![vec![test]], when: vec![] }],
    }
}

fn service(host: &str) -> Service {
    let labels = Labels::from([("app".to_owned(), "reviews".to_owned())]);
    Service {
        host: host.to_owned(),
        namespace: "shop".to_owned(),
        name: "reviews".to_owned(),
        external: false,
        addresses: std::collections::BTreeSet::new(),
        ports: vec![ServicePort {
            number: 9080,
            name: "http".to_owned(),
            protocol: Protocol::Http,
            target: TargetPort::Number(9080),
        }],
        discovery: Discovery::World { set: endpoint_set(labels), headless: false },
        subject_alt_names: std::collections::BTreeSet::new(),
    }
}

pub(crate) fn endpoint_set(labels: Labels) -> EndpointSet {
    EndpointSet::Selected { namespace: "shop".to_owned(), labels }
}

fn defaults() -> MeshDefaults {
    MeshDefaults {
        trust_domain: "cluster.local".to_owned(),
        trust_domain_aliases: Vec::new(),
        root_namespace: "istio-system".to_owned(),
        cluster_domain: "cluster.local".to_owned(),
        auto_mtls: true,
        path_normalization: PathNormalization::Base,
        default_retry: RetryPolicy::default(),
        connect_timeout: Microseconds::from_secs(10),
        protocol_detection_timeout: Microseconds(0),
        trusted_proxies: 0,
        access_log: object::AccessLog::Off,
    }
}
