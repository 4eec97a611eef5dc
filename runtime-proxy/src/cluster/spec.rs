//! What a cluster is, out of the snapshot.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mesh_engine::cluster::{Cluster, Terms, server_name, speaks_http2};
use mesh_snapshot::object::{
    ConnectionPool, DeclaredEndpoint, Discovery, Labels, MeshDefaults, PlaintextEndpoints,
    Protocol, TargetPort, TrafficPolicy,
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
    /// The mesh's own name for its servers (SNI), as in [`mesh_engine::cluster::server_name`].
    pub server_name: Box<str>,
    /// [`mesh_snapshot::object::HostSet::plaintext`], of the set that the host stands in.
    pub plaintext: Vec<PlaintextEndpoints>,
    pub auto_mtls: bool,
    pub trust_domain: String,
    pub connect_timeout: Duration,
}

impl Spec {
    /// Of a program's cluster.
    #[must_use]
    pub fn of(cluster: &Cluster, mesh: &MeshDefaults) -> Self {
        let (service, port) = (cluster.service(), cluster.port());
        Self {
            name: cluster.name().into(),
            host: service.host.clone(),
            namespace: service.namespace.clone(),
            port: port.number,
            protocol: port.protocol,
            target: port.target.clone(),
            discovery: service.discovery.clone(),
            external: service.external,
            subject_alt_names: service.subject_alt_names.clone(),
            subset: cluster.subset().to_owned(),
            labels: cluster.labels().cloned().unwrap_or_default(),
            policy: cluster.policy().clone(),
            server_name: server_name(&service.host, port.number, cluster.subset()),
            plaintext: cluster.plaintext().to_vec(),
            auto_mtls: cluster.auto_mtls(),
            trust_domain: mesh.trust_domain.clone(),
            connect_timeout: cluster.connect_timeout(),
        }
    }

    /// In plain text to wherever the client was going: what no service is known for.
    #[must_use]
    pub fn passthrough(name: &str, mesh: &MeshDefaults) -> Self {
        Self {
            name: name.into(),
            host: String::new(),
            namespace: String::new(),
            port: 0,
            protocol: Protocol::Detect,
            target: TargetPort::Number(0),
            discovery: Discovery::OriginalDestination,
            external: true,
            subject_alt_names: BTreeSet::new(),
            subset: String::new(),
            labels: Labels::new(),
            policy: TrafficPolicy::default(),
            server_name: Box::default(),
            plaintext: Vec::new(),
            auto_mtls: false,
            trust_domain: mesh.trust_domain.clone(),
            connect_timeout: mesh.connect_timeout.into(),
        }
    }

    /// In plain text to the one `address`: the application that a sidecar stands before.
    #[must_use]
    pub fn application(
        name: &str,
        address: SocketAddr,
        protocol: Protocol,
        mesh: &MeshDefaults,
    ) -> Self {
        let endpoint = DeclaredEndpoint {
            address: address.ip().to_string(),
            ports: BTreeMap::new(),
            labels: Labels::new(),
            weight: 1,
            locality: String::new(),
            service_account: String::new(),
        };
        Self {
            port: address.port(),
            protocol,
            target: TargetPort::Number(address.port()),
            discovery: Discovery::Declared { endpoints: vec![endpoint] },
            ..Self::passthrough(name, mesh)
        }
    }

    /// What security hangs on.
    pub(super) fn terms(&self) -> Terms<'_> {
        Terms {
            tls: &self.policy.tls,
            auto_mtls: self.auto_mtls,
            external: self.external,
            plaintext: &self.plaintext,
            server_name: &self.server_name,
            subject_alt_names: &self.subject_alt_names,
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
        let is_http2 = speaks_http2(&self.policy, self.protocol, client == Version::Http2);
        if is_http2 { Version::Http2 } else { Version::Http1 }
    }
}
