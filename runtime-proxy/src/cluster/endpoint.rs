//! One address and port of an upstream.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use mesh_snapshot::object::Labels;

use super::outlier::Record;
use crate::tls::Expected;

/// Where an endpoint is reached.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Address {
    Socket(SocketAddr),
    Unix(PathBuf),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

/// Where a client was going, for clusters that lead there.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Original {
    pub address: SocketAddr,
    /// To be connected from, of the same family; none: the system's choice.
    pub source: Option<IpAddr>,
}

impl From<SocketAddr> for Original {
    fn from(address: SocketAddr) -> Self {
        Self { address, source: None }
    }
}

/// How connections to an endpoint are secured.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Security {
    Plain,
    /// The mesh's mutual TLS. The endpoint has to be one of these.
    Mesh(Arc<Expected>),
    /// TLS to a server outside the mesh, as the cluster's policy says.
    Outside,
}

/// An endpoint as it is known now. What changes with every news of it is here, what outlasts that in its [`Standing`].
#[derive(Debug)]
pub struct Endpoint {
    pub address: Address,
    /// As of [`Original`].
    pub source: Option<IpAddr>,
    pub security: Security,
    /// Not zero.
    pub weight: u32,
    /// Not to be used unless too few others are left.
    pub is_unhealthy: bool,
    pub about: About,
    pub(super) standing: Arc<Standing>,
}

/// What telemetry tells of an endpoint, and subsets select by.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct About {
    pub labels: Labels,
    /// `region/zone/subzone`.
    pub locality: String,
    pub workload: String,
    pub namespace: String,
    pub cluster: String,
    /// The SPIFFE ID that the world says it has; empty: none.
    pub identity: String,
}

/// How an endpoint does: kept as long as its address and its security stay. Shared by the threads of a process.
#[derive(Debug)]
pub(super) struct Standing {
    /// Of this process, and never used again.
    pub(super) id: u64,
    /// Requests, or connections of a TCP cluster, under way.
    active: AtomicU32,
    pub(super) record: Record,
}

impl Standing {
    pub(super) fn new() -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        Arc::new(Self { id, active: AtomicU32::new(0), record: Record::default() })
    }

    pub(super) fn active(&self) -> u32 {
        self.active.load(Ordering::Relaxed)
    }

    /// One more is under way.
    pub(super) fn enter(&self) {
        self.active.fetch_add(1, Ordering::Relaxed);
    }

    /// One has ended.
    pub(super) fn leave(&self) {
        self.active.fetch_sub(1, Ordering::Relaxed);
    }
}
