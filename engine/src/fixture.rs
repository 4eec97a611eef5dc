//! A mesh made in code, for tests: objects go in, a program for one workload comes out.

use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::object::{
    AccessLog, AuthorizationPolicy, ClientPolicy, Egress, EgressProxy, Gateway, Host, HostSet,
    MeshDefaults, Microseconds, Object, OutboundPolicy, PathNormalization, PeerAuthentication,
    RequestAuthentication, RequestFilters, RetryPolicy, RouteTable, Server, Service, VirtualHost,
    Workload,
};
use mesh_snapshot::snapshot::Builder;
use mesh_snapshot::{Applies, Key, Kind, Reference, slice};

use crate::{BuildError, FEATURES, Limits, Program};

/// All in one namespace, `shop`.
pub(crate) struct Mesh {
    builder: Builder,
    pub(crate) defaults: MeshDefaults,
    pub(crate) outbound: OutboundPolicy,
    pub(crate) proxy: Option<EgressProxy>,
    pub(crate) hosts: BTreeMap<String, Host>,
    pub(crate) overlays: Vec<mesh_snapshot::object::Overlay>,
    pub(crate) features: Vec<&'static str>,
    pub(crate) memory_bytes_max: usize,
    pub(crate) gateway_address: std::net::IpAddr,
    rank: u32,
}

impl Mesh {
    pub(crate) fn new() -> Self {
        Self {
            builder: Builder::default(),
            defaults: defaults(),
            outbound: OutboundPolicy::AllowAny,
            proxy: None,
            hosts: BTreeMap::new(),
            overlays: Vec::new(),
            features: FEATURES.to_vec(),
            memory_bytes_max: 1 << 30,
            gateway_address: crate::program::GATEWAY_ADDRESS,
            rank: 0,
        }
    }

    pub(crate) fn add(&mut self, name: &str, object: &Object) -> Reference {
        self.builder.add(Key::new(object.kind(), "shop", name), object)
    }

    /// A host with a service, and routes where they are given.
    pub(crate) fn service(&mut self, service: Service, routes: Option<RouteTable>) {
        self.upstream(service, ClientPolicy::default(), routes);
    }

    pub(crate) fn upstream(
        &mut self,
        service: Service,
        policy: ClientPolicy,
        routes: Option<RouteTable>,
    ) {
        let name = service.host.clone();
        let host = Host {
            policy: Some(self.add(&name, &Object::ClientPolicy(policy))),
            service: Some(self.add(&name, &Object::Service(service))),
            routes: routes.map(|routes| self.add(&name, &Object::RouteTable(routes))),
            ..Host::default()
        };
        self.hosts.insert(name, host);
    }

    /// A service that the workload backs.
    pub(crate) fn inbound(&mut self, service: Service) {
        let reference = self.add(&service.host.clone(), &Object::Service(service));
        self.list(reference);
    }

    pub(crate) fn authorization(&mut self, policy: AuthorizationPolicy) {
        let reference = self.add(&policy.name.clone(), &Object::AuthorizationPolicy(policy));
        self.list(reference);
    }

    pub(crate) fn authentication(&mut self, name: &str, policy: RequestAuthentication) {
        let reference = self.add(name, &Object::RequestAuthentication(policy));
        self.list(reference);
    }

    pub(crate) fn peer_authentication(&mut self, policy: PeerAuthentication) {
        let reference = self.add("peers", &Object::PeerAuthentication(policy));
        self.list(reference);
    }

    pub(crate) fn request_filters(&mut self, name: &str, filters: RequestFilters) {
        let reference = self.add(name, &Object::RequestFilters(filters));
        self.list(reference);
    }

    /// A `Gateway` object after those that were added before.
    pub(crate) fn gateway(&mut self, name: &str, servers: Vec<Server>) {
        let hosts = HostSet { hosts: self.hosts.clone(), plaintext: Vec::new() };
        let hosts = vec![self.add(name, &Object::HostSet(hosts))];
        let (namespace, name) = ("shop".to_owned(), name.to_owned());
        let gateway = Gateway { namespace, name: name.clone(), servers, hosts };
        let reference = self.add(&name, &Object::Gateway(gateway));
        self.list(reference);
    }

    /// A virtual host of a gateway's server.
    pub(crate) fn virtual_host(&mut self, of: &str, host: &str, routes: RouteTable) -> VirtualHost {
        let routes = self.add(&format!("{host}@{of}"), &Object::RouteTable(routes));
        VirtualHost { host: host.to_owned(), routes }
    }

    pub(crate) fn list(&mut self, reference: Reference) {
        self.rank += 1;
        self.builder.list("shop", reference, Applies::All, self.rank);
    }

    pub(crate) fn build(mut self, workload: &Workload) -> Result<Program, BuildError> {
        let defaults = Object::MeshDefaults(self.defaults.clone());
        let defaults = self.builder.add(Key::new(Kind::MeshDefaults, "", "mesh"), &defaults);
        self.builder.list("", defaults, Applies::All, 0);
        let hosts = HostSet { hosts: std::mem::take(&mut self.hosts), plaintext: Vec::new() };
        let egress = Egress {
            outbound: self.outbound,
            proxy: self.proxy.take(),
            listening: Vec::new(),
            hosts: vec![self.add("hosts", &Object::HostSet(hosts))],
            overlays: std::mem::take(&mut self.overlays),
            preload: BTreeSet::new(),
        };
        let egress = self.add("egress", &Object::Egress(egress));
        self.list(egress);
        let snapshot = self.builder.build().unwrap();
        let slice = slice(snapshot.digest(), workload, &snapshot).unwrap();
        let limits = Limits {
            memory_bytes_max: self.memory_bytes_max,
            features: &self.features,
            gateway_address: self.gateway_address,
        };
        Program::build(workload, &slice, &snapshot, &limits)
    }
}

/// A workload of the mesh's namespace.
pub(crate) fn workload() -> Workload {
    Workload { namespace: "shop".to_owned(), name: "web".to_owned(), ..Workload::default() }
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
        access_log: AccessLog::Off,
    }
}
