//! A key, written out as Istio's labels.

use std::sync::Arc;

use super::Metrics;
use super::party::{Party, PeerId};
use super::series::{ConnectionKey, MessageKey, RequestKey};
use super::service::{Service, ServiceId};
use super::text::Labels;
use crate::observe::record::{Direction, Security};

const UNKNOWN: &str = "unknown";

/// What the numbers in keys mean.
pub(super) struct Dictionary {
    local: Party,
    peers: Vec<Arc<Party>>,
    services: Vec<Arc<Service>>,
}

impl Dictionary {
    /// Knows every number that a key had before.
    pub(super) fn new(metrics: &Metrics) -> Self {
        let local = Party::local(&metrics.local);
        Self { local, peers: metrics.peers.all(), services: metrics.services.all() }
    }

    /// The labels of a request, in Istio's order.
    pub(super) fn request(&self, key: &RequestKey, labels: &mut Labels) {
        self.parties(&key.connection, labels);
        labels.add("request_protocol", if key.is_grpc { "grpc" } else { "http" });
        labels.add("response_code", key.status);
        match key.grpc_status {
            Some(status) => labels.add("grpc_response_status", status),
            None => labels.add("grpc_response_status", ""),
        };
        security(&key.connection, labels);
    }

    /// The labels of gRPC's messages.
    pub(super) fn messages(&self, key: &MessageKey, labels: &mut Labels) {
        self.parties(&key.0, labels);
    }

    /// The labels of a connection whose bytes are not HTTP.
    pub(super) fn connection(&self, key: &ConnectionKey, labels: &mut Labels) {
        self.parties(key, labels);
        labels.add("request_protocol", "tcp");
        security(key, labels);
    }

    /// Source: Istio's `stats` extension, `populateSource`/`populateDestination`.
    fn parties(&self, key: &ConnectionKey, labels: &mut Labels) {
        let peer = self.peer(key.peer);
        let service = self.service(key.service);
        let (source, destination) = match key.direction {
            Direction::Inbound => (peer, &self.local),
            Direction::Outbound | Direction::Gateway => (&self.local, peer),
        };
        let principal = |party| principal(party, key.security);
        labels.add("reporter", if key.is_inbound() { "destination" } else { "source" });
        labels.add("source_workload", &source.workload);
        labels.add("source_canonical_service", &source.canonical_service);
        labels.add("source_canonical_revision", &source.canonical_revision);
        labels.add("source_workload_namespace", &source.namespace);
        labels.add("source_principal", principal(source));
        labels.add("source_app", &source.app);
        labels.add("source_version", &source.version);
        labels.add("source_cluster", &source.cluster);
        labels.add("destination_workload", &destination.workload);
        labels.add("destination_workload_namespace", &destination.namespace);
        labels.add("destination_principal", principal(destination));
        labels.add("destination_app", &destination.app);
        labels.add("destination_version", &destination.version);
        // Inbound, a service that is not known is the one that the workload is part of.
        let own = if key.is_inbound() { &*destination.canonical_service } else { UNKNOWN };
        labels.add("destination_service", or(&service.host, own));
        labels.add("destination_canonical_service", &destination.canonical_service);
        labels.add("destination_canonical_revision", &destination.canonical_revision);
        labels.add("destination_service_name", or(&service.name, own));
        labels.add("destination_service_namespace", or(&service.namespace, &destination.namespace));
        labels.add("destination_cluster", &destination.cluster);
    }

    fn peer(&self, id: PeerId) -> &Party {
        let PeerId(at) = id;
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        self.peers.get(at).or_else(|| self.peers.first()).map_or(&self.local, |party| party)
    }

    fn service(&self, id: ServiceId) -> &Service {
        static NONE: Service =
            Service { host: String::new(), name: String::new(), namespace: String::new() };
        let ServiceId(at) = id;
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        self.services.get(at).map_or(&NONE, |service| service)
    }
}

impl ConnectionKey {
    fn is_inbound(&self) -> bool {
        self.direction == Direction::Inbound
    }
}

/// An identity counts as known only where it was proved.
fn principal(party: &Party, security: Security) -> &str {
    if security == Security::Mutual { &party.principal } else { UNKNOWN }
}

fn security(key: &ConnectionKey, labels: &mut Labels) {
    labels.add("response_flags", key.flags);
    let policy = match key.security {
        Security::Unknown => UNKNOWN,
        Security::Plain => "none",
        Security::Mutual => "mutual_tls",
    };
    labels.add("connection_security_policy", policy);
}

fn or<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.is_empty() { other } else { text }
}
