//! What the threads of a process share of a cluster: who its endpoints are, how they do, how much is under way.
//!
//! It outlasts the program that it was made for as long as later ones have the same cluster.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use mesh_snapshot::object::{DeclaredEndpoint, Discovery, EndpointSet, OutlierDetection};
use mesh_snapshot::wire;
use rustls::pki_types::ServerName;
use tokio::time::Instant;

use super::counters::Counters;
use super::dns::{Lookup, Names};
use super::endpoint::Endpoint;
use super::limit::Usage;
use super::members::Members;
use super::outlier::{Offence, Outcome};
use super::spec::Spec;
use crate::tls::OutsideClient;
use crate::world::{Version, Watched, World};

/// What clusters are made with.
#[derive(Clone)]
pub struct Surroundings {
    pub world: World,
    /// The proxy's own, where secrets without a namespace are.
    pub namespace: String,
    pub lookup: Lookup,
}

pub(super) struct State {
    /// Of this process, and never used again.
    pub(super) id: u64,
    /// As it was when this was made. Its load balancing, limits and outlier detection are not to be read here.
    pub(super) spec: Spec,
    source: Source,
    members: ArcSwap<Members>,
    pub(super) usage: Arc<Usage>,
    pub(super) counters: Counters,
    pub(super) outside: Option<OutsideClient>,
    /// What the mesh's servers are asked for (SNI).
    pub(super) server_name: ServerName<'static>,
    started: Instant,
    /// Counts ejections: who keeps a list of usable endpoints compares.
    ejections: AtomicU64,
    /// Held while it is decided whether to eject, which is rare.
    deciding: Mutex<()>,
}

/// Where endpoints come from.
enum Source {
    World {
        world: World,
        set: EndpointSet,
        /// Once somebody wants it.
        cell: OnceLock<Arc<Watched<Vec<wire::Endpoint>>>>,
    },
    Declared(Vec<DeclaredEndpoint>),
    Names(Names),
    /// Wherever the client was going; names that it named itself are looked up.
    Original(Lookup),
}

impl State {
    pub(super) fn new(spec: &Spec, surroundings: &Surroundings) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let Surroundings { world, namespace, lookup } = surroundings;
        let source = source(spec, world, lookup);
        let members = match &source {
            // Known from the start, and for good.
            Source::Declared(declared) => {
                let before = Members::default();
                Members::of_declared(spec, declared, None, Version::default(), &before)
            }
            _ => Members::default(),
        };
        Arc::new(Self {
            id: NEXT.fetch_add(1, Ordering::Relaxed),
            source,
            members: ArcSwap::from_pointee(members),
            usage: Arc::default(),
            counters: Counters::default(),
            outside: OutsideClient::new(&spec.policy.tls, namespace, world),
            server_name: server_name(spec),
            started: Instant::now(),
            ejections: AtomicU64::new(0),
            deciding: Mutex::new(()),
            spec: spec.clone(),
        })
    }

    /// From now on somebody wants to know its endpoints. Not before: a proxy does not subscribe to all that it may call.
    pub(super) fn want(&self) {
        if let Source::World { world, set, cell } = &self.source {
            cell.get_or_init(|| world.endpoints(set));
        }
    }

    /// The address of a name that a client named.
    pub(super) async fn resolve(&self, name: &str) -> io::Result<IpAddr> {
        let Source::Original(lookup) = &self.source else {
            return Err(io::ErrorKind::Unsupported.into());
        };
        let addresses = lookup(name.to_owned()).await?;
        addresses.into_iter().next().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    /// Whether every pick goes where the client was going.
    pub(super) const fn is_original_destination(&self) -> bool {
        matches!(self.source, Source::Original(_))
    }

    pub(super) const fn names(&self) -> Option<&Names> {
        match &self.source {
            Source::Names(names) => Some(names),
            _ => None,
        }
    }

    /// Changes whenever the members may have: one atomic load.
    pub(super) fn version(&self) -> Version {
        match &self.source {
            Source::World { cell, .. } => cell.get().map_or(Version::default(), |it| it.version()),
            Source::Names(names) => names.resolved.version(),
            Source::Declared(_) | Source::Original(_) => Version::default(),
        }
    }

    /// Whether anybody had said which endpoints there are when these were gathered.
    pub(super) fn is_known(&self, members: &Members) -> bool {
        match &self.source {
            Source::World { .. } | Source::Names(_) => members.version != Version::default(),
            Source::Declared(_) | Source::Original(_) => true,
        }
    }

    pub(super) async fn known(&self) {
        match &self.source {
            Source::World { world, set, cell } => {
                drop(cell.get_or_init(|| world.endpoints(set)).known().await);
            }
            Source::Names(names) => drop(names.resolved.known().await),
            Source::Declared(_) | Source::Original(_) => {}
        }
    }

    /// The endpoints as they are known now. Whichever thread meets a change first works it out.
    pub(super) fn members(&self) -> Arc<Members> {
        let version = self.version();
        let members = self.members.load();
        if members.version == version {
            return Arc::clone(&members);
        }
        // Repeated while another thread gets there first, so that all know the same endpoints.
        self.members.rcu(|before| {
            if version <= before.version {
                Arc::clone(before)
            } else {
                self.gather(version, before)
            }
        });
        self.members.load_full()
    }

    fn gather(&self, version: Version, before: &Members) -> Arc<Members> {
        Arc::new(match &self.source {
            Source::World { set, cell, .. } => {
                let instances = cell.get().and_then(|cell| cell.get()).unwrap_or_default();
                Members::of_world(&self.spec, set.namespace(), &instances, version, before)
            }
            Source::Names(names) => {
                let resolved: Arc<Vec<Vec<IpAddr>>> = names.resolved.get().unwrap_or_default();
                let declared = &names.endpoints;
                Members::of_declared(&self.spec, declared, Some(&resolved), version, before)
            }
            Source::Declared(_) | Source::Original(_) => Members::default(),
        })
    }

    /// The time by which ejections are measured.
    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) fn ejections(&self) -> u64 {
        self.ejections.load(Ordering::Acquire)
    }

    /// Takes note of what came of `endpoint`, and ejects it when that was once too often.
    pub(super) fn note(&self, endpoint: &Endpoint, outcome: Outcome, policy: &OutlierDetection) {
        let now = self.now();
        let record = &endpoint.standing.record;
        if let Some(offence) = record.note(outcome, policy, now) {
            self.judge(endpoint, offence, policy, now);
            record.forgive(offence);
        }
    }

    fn judge(
        &self,
        endpoint: &Endpoint,
        offence: Offence,
        policy: &OutlierDetection,
        now: Duration,
    ) {
        let deciding = self.deciding.lock().unwrap_or_else(PoisonError::into_inner);
        let record = &endpoint.standing.record;
        if record.is_ejected(now) {
            return;
        }
        let members = self.members();
        let is_ejected = |other: &&Arc<Endpoint>| other.standing.record.is_ejected(now);
        let ejected = members.endpoints.iter().filter(is_ejected).count() as u64;
        // Source: Envoy, `max_ejection_percent`: of all endpoints, this one included.
        let share = u64::from(policy.ejected_max.0) * members.endpoints.len() as u64;
        if share < (ejected + 1) * 1_000_000 {
            Counters::add(&self.counters.ejection_overflow);
            return;
        }
        record.eject(policy, now);
        drop(deciding);
        Counters::add(&self.counters.ejections);
        self.ejections.fetch_add(1, Ordering::Release);
        tracing::info!(cluster = &*self.spec.name, endpoint = %endpoint.address, ?offence, "ejected");
    }
}

fn source(spec: &Spec, world: &World, lookup: &Lookup) -> Source {
    match &spec.discovery {
        Discovery::World { set, .. } => {
            Source::World { world: world.clone(), set: set.clone(), cell: OnceLock::new() }
        }
        Discovery::Declared { endpoints } => Source::Declared(endpoints.clone()),
        Discovery::Dns { endpoints, round_robin } => {
            let mut endpoints = endpoints.clone();
            if endpoints.is_empty() {
                endpoints.push(by_its_own_name(spec));
            }
            Source::Names(Names::new(endpoints, *round_robin, Arc::clone(lookup)))
        }
        Discovery::OriginalDestination => Source::Original(Arc::clone(lookup)),
    }
}

/// The host of the service is the name to resolve where no other is given.
fn by_its_own_name(spec: &Spec) -> DeclaredEndpoint {
    DeclaredEndpoint {
        address: spec.host.clone(),
        ports: std::collections::BTreeMap::new(),
        labels: spec.labels.clone(),
        weight: 1,
        locality: String::new(),
        service_account: String::new(),
    }
}

/// A name that cannot stand in a handshake, as that of a wildcard's host, is not said there.
fn server_name(spec: &Spec) -> ServerName<'static> {
    let unnamed = ServerName::IpAddress(std::net::Ipv4Addr::UNSPECIFIED.into());
    ServerName::try_from(spec.terms().sni().to_owned()).unwrap_or(unnamed)
}
