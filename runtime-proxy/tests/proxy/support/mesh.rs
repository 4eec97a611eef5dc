//! Objects go in, a snapshot comes out.

use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::object::{
    AccessLog, AuthorizationPolicy, Backend, ClientPolicy, Destination, Discovery, Egress,
    EndpointSet, Fault, Gateway, HeaderOperations, Host, HostSet, HttpAction, HttpRoute,
    InboundPorts, Labels, MeshDefaults, Microseconds, Object, OutboundPolicy, PathNormalization,
    PeerAuthentication, Protocol, RequestAuthentication, RequestFilters, RetryPolicy, RouteTable,
    Server, Service, ServicePort, Target, TargetPort, VirtualHost,
};
use mesh_snapshot::snapshot::Builder;
use mesh_snapshot::{Applies, Key, Kind, Reference, Snapshot};

/// All in one namespace, `shop`, for every workload of it.
pub(crate) struct Mesh {
    builder: Builder,
    pub(crate) defaults: MeshDefaults,
    pub(crate) outbound: OutboundPolicy,
    hosts: BTreeMap<String, Host>,
    rank: u32,
}

/// `NAME.shop`, with one port, backed by the workloads labelled `app: NAME`.
pub(crate) fn service(name: &str, port: u16, protocol: Protocol) -> Service {
    let labels = Labels::from([("app".to_owned(), name.to_owned())]);
    let set = EndpointSet::Selected { namespace: "shop".to_owned(), labels };
    let target = TargetPort::Number(port);
    Service {
        host: format!("{name}.shop.svc.cluster.local"),
        namespace: "shop".to_owned(),
        name: name.to_owned(),
        external: false,
        addresses: BTreeSet::new(),
        ports: vec![ServicePort { number: port, name: String::new(), protocol, target }],
        discovery: Discovery::World { set, headless: false },
        subject_alt_names: BTreeSet::new(),
    }
}

pub(crate) fn to(service: &str) -> Destination {
    let host = format!("{service}.shop.svc.cluster.local");
    Destination { host, port: None, subset: String::new() }
}

pub(crate) fn backend(destination: Destination, weight: u32) -> Backend {
    Backend { target: Target::Cluster(destination), weight, headers: HeaderOperations::default() }
}

pub(crate) fn forward(backends: Vec<Backend>) -> HttpAction {
    HttpAction::Forward {
        backends,
        path_rewrite: None,
        authority_rewrite: None,
        timeout: None,
        try_timeout: None,
        retry: None,
        mirrors: Vec::new(),
    }
}

/// One that takes every request.
pub(crate) fn route(action: HttpAction) -> HttpRoute {
    HttpRoute {
        name: String::new(),
        matches: Vec::new(),
        action,
        headers: HeaderOperations::default(),
        cors: None,
        fault: Fault::default(),
    }
}

impl Mesh {
    pub(crate) fn new() -> Self {
        Self {
            builder: Builder::default(),
            defaults: defaults(),
            outbound: OutboundPolicy::AllowAny,
            hosts: BTreeMap::new(),
            rank: 0,
        }
    }

    fn add(&mut self, name: &str, object: &Object) -> Reference {
        self.builder.add(Key::new(object.kind(), "shop", name), object)
    }

    fn list(&mut self, reference: Reference, applies: Applies) {
        self.rank += 1;
        self.builder.list("shop", reference, applies, self.rank);
    }

    /// A service that all may call, and that its workloads serve.
    pub(crate) fn service(&mut self, service: Service, routes: Vec<HttpRoute>) {
        self.upstream(service, ClientPolicy::default(), routes);
    }

    pub(crate) fn upstream(
        &mut self,
        service: Service,
        policy: ClientPolicy,
        routes: Vec<HttpRoute>,
    ) {
        let name = service.host.clone();
        let labels = Labels::from([("app".to_owned(), service.name.clone())]);
        let reference = self.add(&name, &Object::Service(service));
        self.list(reference.clone(), Applies::Selected(vec![labels]));
        let table = RouteTable { http: routes, ..RouteTable::default() };
        let host = Host {
            policy: Some(self.add(&name, &Object::ClientPolicy(policy))),
            service: Some(reference),
            routes: (!table.http.is_empty()).then(|| self.add(&name, &Object::RouteTable(table))),
            ..Host::default()
        };
        self.hosts.insert(name, host);
    }

    pub(crate) fn authorization(&mut self, policy: AuthorizationPolicy) {
        let reference = self.add(&policy.name.clone(), &Object::AuthorizationPolicy(policy));
        self.list(reference, Applies::All);
    }

    pub(crate) fn authentication(&mut self, policy: RequestAuthentication) {
        let reference = self.add("tokens", &Object::RequestAuthentication(policy));
        self.list(reference, Applies::All);
    }

    pub(crate) fn peers(&mut self, policy: PeerAuthentication) {
        let reference = self.add("peers", &Object::PeerAuthentication(policy));
        self.list(reference, Applies::All);
    }

    pub(crate) fn inbound_ports(&mut self, ports: InboundPorts) {
        let reference = self.add("ports", &Object::InboundPorts(ports));
        self.list(reference, Applies::All);
    }

    pub(crate) fn request_filters(&mut self, filters: RequestFilters) {
        let reference = self.add("filters", &Object::RequestFilters(filters));
        self.list(reference, Applies::All);
    }

    /// A gateway that leads to all services that were added before.
    pub(crate) fn gateway(&mut self, name: &str, servers: Vec<Server>) {
        let hosts = HostSet { hosts: self.hosts.clone(), plaintext: Vec::new() };
        let hosts = vec![self.add(name, &Object::HostSet(hosts))];
        let (namespace, name) = ("shop".to_owned(), name.to_owned());
        let gateway = Gateway { namespace, name: name.clone(), servers, hosts };
        let reference = self.add(&name, &Object::Gateway(gateway));
        self.list(reference, Applies::All);
    }

    pub(crate) fn virtual_host(&mut self, host: &str, http: Vec<HttpRoute>) -> VirtualHost {
        let table = RouteTable { http, ..RouteTable::default() };
        let routes = self.add(&format!("{host}@gateway"), &Object::RouteTable(table));
        VirtualHost { host: host.to_owned(), routes }
    }

    pub(crate) fn snapshot(mut self) -> Snapshot {
        let defaults = Object::MeshDefaults(self.defaults.clone());
        let defaults = self.builder.add(Key::new(Kind::MeshDefaults, "", "mesh"), &defaults);
        self.builder.list("", defaults, Applies::All, 0);
        let hosts = HostSet { hosts: std::mem::take(&mut self.hosts), plaintext: Vec::new() };
        let egress = Egress {
            outbound: self.outbound,
            hosts: vec![self.add("hosts", &Object::HostSet(hosts))],
            ..Egress::default()
        };
        let egress = self.add("egress", &Object::Egress(egress));
        self.list(egress, Applies::All);
        self.builder.build().unwrap()
    }
}

fn defaults() -> MeshDefaults {
    let conditions = ["connect-failure", "refused-stream", "unavailable", "cancelled"];
    MeshDefaults {
        trust_domain: "cluster.local".to_owned(),
        trust_domain_aliases: Vec::new(),
        root_namespace: "istio-system".to_owned(),
        cluster_domain: "cluster.local".to_owned(),
        auto_mtls: true,
        path_normalization: PathNormalization::Base,
        default_retry: RetryPolicy {
            retries_max: 2,
            conditions: conditions.map(str::to_owned).into(),
            avoid_previous_endpoints: true,
            ..RetryPolicy::default()
        },
        connect_timeout: Microseconds::from_secs(10),
        protocol_detection_timeout: Microseconds(0),
        trusted_proxies: 0,
        access_log: AccessLog::Off,
    }
}
