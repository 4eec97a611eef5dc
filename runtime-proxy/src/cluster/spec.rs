//! What a cluster is, out of the snapshot.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use mesh_snapshot::object::{
    ConnectionPool, Discovery, HttpVersion, Labels, MeshDefaults, PlaintextEndpoints, Protocol,
    Service, ServicePort, Subset, TargetPort, TrafficPolicy,
};

use crate::http::Version;

/// One upstream as the clients of one view treat it: a host, a port of it, perhaps a subset, and a policy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Spec {
    /// As logs and metrics name it; no two clusters of a program have the same.
    pub name: Arc<str>,
    pub host: String,
    /// Of the service.
    pub namespace: String,
    /// Of the service.
    pub port: u16,
    pub protocol: Protocol,
    pub target: TargetPort,
    pub discovery: Discovery,
    pub external: bool,
    pub subject_alt_names: BTreeSet<String>,
    /// Empty: the whole service.
    pub subset: String,
    /// Of the subset.
    pub labels: Labels,
    pub policy: TrafficPolicy,
    /// [`mesh_snapshot::object::HostSet::plaintext`], of the set that the host stands in.
    pub plaintext: Vec<PlaintextEndpoints>,
    pub auto_mtls: bool,
    pub trust_domain: String,
    pub connect_timeout: Duration,
    /// The address to connect from; `None`: the system's choice.
    pub source: Option<IpAddr>,
}

impl Spec {
    /// `policy` is the one of the port, and of the subset where there is one.
    #[must_use]
    pub fn new(
        name: &str,
        service: &Service,
        port: &ServicePort,
        subset: Option<(&str, &Subset)>,
        policy: &TrafficPolicy,
        mesh: &MeshDefaults,
    ) -> Self {
        let timeout = policy.connection_pool.connect_timeout.unwrap_or(mesh.connect_timeout);
        Self {
            name: name.into(),
            host: service.host.clone(),
            namespace: service.namespace.clone(),
            port: port.number,
            protocol: port.protocol,
            target: port.target.clone(),
            discovery: service.discovery.clone(),
            external: service.external,
            subject_alt_names: service.subject_alt_names.clone(),
            subset: subset.map(|(name, _)| name.to_owned()).unwrap_or_default(),
            labels: subset.map(|(_, subset)| subset.labels.clone()).unwrap_or_default(),
            policy: policy.clone(),
            plaintext: Vec::new(),
            auto_mtls: mesh.auto_mtls,
            trust_domain: mesh.trust_domain.clone(),
            connect_timeout: timeout.into(),
            source: None,
        }
    }

    /// Whether what one has learned and opened serves the other: they differ at most in how load is spread, in limits, and in
    /// when endpoints are ejected.
    pub(super) fn is_same_but_for_load(&self, other: &Self) -> bool {
        self.without_load() == other.without_load()
    }

    fn without_load(&self) -> Self {
        let policy = TrafficPolicy {
            tls: self.policy.tls.clone(),
            connection_pool: ConnectionPool {
                connections_max: 0,
                pending_requests_max: 0,
                requests_max: 0,
                retries_max: 0,
                ..self.policy.connection_pool.clone()
            },
            ..TrafficPolicy::default()
        };
        Self { policy, ..self.clone() }
    }

    /// Which HTTP the upstream is spoken to, for a client that speaks `client`.
    #[must_use]
    pub fn version(&self, client: Version) -> Version {
        match self.policy.connection_pool.http_version {
            HttpVersion::Http2 => Version::Http2,
            HttpVersion::AsClient => client,
            HttpVersion::AsDeclared if self.protocol.is_http2() => Version::Http2,
            HttpVersion::AsDeclared if self.protocol.is_http() => Version::Http1,
            HttpVersion::AsDeclared => client,
        }
    }
}
