//! Istio's standard metrics, and a few of our own.
//!
//! A series is known by a key of numbers. Each thread counts in series of its own ([`Shard`]); labels are written only when
//! somebody asks ([`Exposition`]). Nothing is ever forgotten, and everything has a limit: beyond it, services are
//! `__overflow__`, peers `unknown`.
//!
//! Source of names and labels: Istio, “Standard metrics”. Unlike Istio, a client says how its connection was secured
//! (`connection_security_policy`), because it knows.

mod denier;
mod names;
mod party;
mod service;

mod counter;
mod registry;
mod series;

mod shard;

mod text;

mod labels;

mod exposition;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

pub use party::{Local, Peer, PeerId};
pub use service::ServiceId;

use counter::Counter;
use denier::{Denier, DenierId};
pub(super) use exposition::Exposition;
use names::Names;
use party::Party;
use registry::Registry;
use series::{
    ConnectionKey, ConnectionSeries, MessageKey, MessageSeries, RequestKey, RequestSeries,
};
use service::Service;
pub use shard::MessageCounts;
pub(super) use shard::{Counted, Shard};
pub(super) use text::{Kind, Labels, Text};

/// Series of requests take half a kilobyte a thread.
const MAX: usize = 4096;

/// What all threads count, added up where it is asked for. Shared by the whole process.
#[derive(Debug)]
pub struct Metrics {
    local: Local,
    max: usize,
    peers: Names<Party>,
    services: Names<Service>,
    deniers: Names<Denier>,
    requests: Arc<Registry<RequestKey, RequestSeries>>,
    connections: Arc<Registry<ConnectionKey, ConnectionSeries>>,
    messages: Arc<Registry<MessageKey, MessageSeries>>,
    denials: Arc<Registry<DenierId, Counter>>,
    pub mirrors: Mirrors,
}

/// Copies of requests that came to nothing.
#[derive(Debug, Default)]
pub struct Mirrors {
    /// Too many were under way.
    pub refused: AtomicU64,
    pub timed_out: AtomicU64,
}

impl Metrics {
    #[must_use]
    pub fn new(local: Local) -> Arc<Self> {
        Self::up_to(MAX, local)
    }

    /// With so many series of requests at most, so many of connections, and so many peers, services and rules.
    #[must_use]
    pub fn up_to(max: usize, local: Local) -> Arc<Self> {
        Arc::new(Self {
            local,
            max,
            peers: Names::new([Party::unknown()], max),
            services: Names::new(Service::constants(), max),
            deniers: Names::new([Denier::overflow()], max),
            requests: Registry::new(max),
            connections: Registry::new(max),
            messages: Registry::new(max),
            denials: Registry::new(max),
            mirrors: Mirrors::default(),
        })
    }

    /// The number of a workload on the other side, to be kept with its endpoint or connection: takes a lock. Beyond the
    /// limit on workloads it is [`PeerId::UNKNOWN`].
    #[must_use]
    pub fn peer(&self, peer: &Peer<'_>) -> PeerId {
        self.peers.id(Party::of(peer)).map_or(PeerId::UNKNOWN, PeerId)
    }

    /// The number of a service, to be kept with its cluster: takes a lock. Where there is none, `host` is whatever name the
    /// request gave, `name` the same or that of Istio's cluster, and `namespace` empty.
    #[must_use]
    pub fn service(&self, host: &str, name: &str, namespace: &str) -> ServiceId {
        let id = self.services.id(Service::new(host, name, namespace));
        id.map_or(ServiceId::OVERFLOW, ServiceId)
    }

    /// What has been counted until now, as Prometheus' text.
    #[must_use]
    pub fn page(&self) -> String {
        Exposition::new(self, Text::default()).collect()
    }

    /// For one thread.
    pub(super) fn shard(self: &Arc<Self>) -> Shard {
        Shard::new(self)
    }

    pub(super) const fn local(&self) -> &Local {
        &self.local
    }

    fn denier(&self, denier: Denier) -> DenierId {
        self.deniers.id(denier).map_or(DenierId::OVERFLOW, DenierId)
    }
}
