//! Where the engine ends and the world begins: a named upstream, and how to speak to it.
//!
//! A cluster is a service's port, or the part of it that a subset selects. Which endpoints it has is world.

pub mod hash;
mod registry;
mod security;

use std::sync::Arc;
use std::time::Duration;

use mesh_snapshot::object::{
    ClientTls, Discovery, HttpVersion, Labels, PlaintextEndpoints, Protocol, Service, ServicePort,
    TrafficPolicy,
};

pub use hash::Hashed;
pub(crate) use registry::{Registry, ServiceView, name};
pub use security::{Endpoint, Names, Security, Terms, takes_mutual_tls};

/// A place in [`crate::program::Program::clusters`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ClusterId(pub(crate) u32);

impl ClusterId {
    /// From zero, without gaps: for tables of the caller's that have an entry a cluster.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }
}

/// One upstream.
#[derive(Clone, Debug)]
pub struct Cluster {
    pub id: ClusterId,
    name: Box<str>,
    service: Arc<Service>,
    port: ServicePort,
    subset: Box<str>,
    /// Of the subset; `None`: the service as a whole.
    labels: Option<Arc<Labels>>,
    policy: Arc<TrafficPolicy>,
    plaintext: Arc<[PlaintextEndpoints]>,
    /// Of mutual TLS, as in [`server_name`].
    server_name: Box<str>,
    auto_mtls: bool,
    connect_timeout: Duration,
}

impl Cluster {
    /// Istio's name: `outbound|9080|v1|reviews.shop.svc.cluster.local`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    #[must_use]
    pub fn service(&self) -> &Service {
        &self.service
    }

    #[must_use]
    pub fn host(&self) -> &str {
        &self.service.host
    }

    /// The service's, as its author wrote it.
    #[must_use]
    pub const fn port(&self) -> &ServicePort {
        &self.port
    }

    /// Empty: the service as a whole.
    #[must_use]
    pub fn subset(&self) -> &str {
        &self.subset
    }

    /// What an endpoint needs to belong to it, beyond backing the service.
    #[must_use]
    pub fn labels(&self) -> Option<&Labels> {
        self.labels.as_deref()
    }

    #[must_use]
    pub fn policy(&self) -> &TrafficPolicy {
        &self.policy
    }

    #[must_use]
    pub fn discovery(&self) -> &Discovery {
        &self.service.discovery
    }

    #[must_use]
    pub const fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// Whether to speak HTTP/2 to it, for a client that spoke HTTP/2 (`client_http2`) or did not. On a port of unknown
    /// protocol the upstream gets what the client spoke.
    #[must_use]
    pub fn speaks_http2(&self, client_http2: bool) -> bool {
        speaks_http2(&self.policy, self.port.protocol, client_http2)
    }

    /// Endpoints of its namespace that refuse mutual TLS.
    #[must_use]
    pub fn plaintext(&self) -> &[PlaintextEndpoints] {
        &self.plaintext
    }

    /// Whether the mesh uses mutual TLS where nobody says how to secure connections.
    #[must_use]
    pub const fn auto_mtls(&self) -> bool {
        self.auto_mtls
    }

    /// How the proxy secures connections, before it is known to which endpoint.
    #[must_use]
    pub fn tls(&self) -> &ClientTls {
        &self.policy.tls
    }
}

/// [`Cluster::speaks_http2`], of any port and policy.
#[must_use]
pub fn speaks_http2(policy: &TrafficPolicy, protocol: Protocol, client_http2: bool) -> bool {
    match policy.connection_pool.http_version {
        HttpVersion::Http2 => true,
        HttpVersion::AsClient => client_http2,
        HttpVersion::AsDeclared if protocol == Protocol::Detect => client_http2,
        HttpVersion::AsDeclared => protocol.is_http2(),
    }
}

/// What servers of the mesh are asked for (SNI) where the policy names nothing else:
/// `outbound_.<port>_.<subset>_.<host>`.
#[must_use]
pub fn server_name(host: &str, port: u16, subset: &str) -> Box<str> {
    format!("outbound_.{port}_.{subset}_.{host}").into()
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::{BTreeMap, BTreeSet};
    use std::sync::Arc;
    use std::time::Duration;

    use mesh_snapshot::object::{
        ClientPolicy, Discovery, EndpointSet, HttpVersion, Labels, Protocol, Service, ServicePort,
        Subset, TargetPort,
    };

    use super::{Cluster, Registry, ServiceView};
    use crate::program::Ledger;

    /// `reviews.shop`, with HTTP on port 9080.
    pub(crate) fn reviews() -> Service {
        let labels = Labels::from([("app".to_owned(), "reviews".to_owned())]);
        Service {
            host: "reviews.shop.svc.cluster.local".to_owned(),
            namespace: "shop".to_owned(),
            name: "reviews".to_owned(),
            external: false,
            addresses: BTreeSet::new(),
            ports: vec![port(9080, Protocol::Http)],
            discovery: Discovery::World {
                set: EndpointSet::Selected { namespace: "shop".to_owned(), labels },
                headless: false,
            },
            subject_alt_names: BTreeSet::new(),
        }
    }

    /// With a subset `v1`.
    pub(crate) fn policy() -> ClientPolicy {
        let labels = Labels::from([("version".to_owned(), "v1".to_owned())]);
        let subset = Subset { labels, ..Subset::default() };
        let subsets = BTreeMap::from([("v1".to_owned(), subset)]);
        ClientPolicy { subsets, ..ClientPolicy::default() }
    }

    pub(crate) fn port(number: u16, protocol: Protocol) -> ServicePort {
        let target = TargetPort::Number(number);
        ServicePort { number, name: String::new(), protocol, target }
    }

    pub(crate) fn upstream(service: Service, policy: ClientPolicy) -> ServiceView {
        let (service, policy) = (Arc::new(service), Arc::new(policy));
        ServiceView { service, policy, plaintext: Arc::default() }
    }

    pub(crate) fn registry(upstreams: Vec<ServiceView>) -> Registry {
        let mut registry = Registry::new(true, Duration::from_secs(10));
        for upstream in upstreams {
            registry.add(&upstream, &Ledger::unlimited()).unwrap();
        }
        registry
    }

    pub(crate) fn only(upstream: ServiceView) -> Cluster {
        registry(vec![upstream]).all().first().unwrap().clone()
    }

    #[test]
    fn the_protocol_decides_the_version_unless_told_otherwise() {
        let with = |protocol, http_version| {
            let mut policy = policy();
            policy.ports.others.connection_pool.http_version = http_version;
            only(upstream(Service { ports: vec![port(80, protocol)], ..reviews() }, policy))
        };
        assert!(!with(Protocol::Http, HttpVersion::AsDeclared).speaks_http2(true));
        assert!(with(Protocol::Grpc, HttpVersion::AsDeclared).speaks_http2(false));
        assert!(with(Protocol::Detect, HttpVersion::AsDeclared).speaks_http2(true));
        assert!(!with(Protocol::Detect, HttpVersion::AsDeclared).speaks_http2(false));
        assert!(with(Protocol::Http, HttpVersion::Http2).speaks_http2(false));
        assert!(with(Protocol::Http, HttpVersion::AsClient).speaks_http2(true));
    }
}
