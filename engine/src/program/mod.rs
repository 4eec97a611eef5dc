//! A slice, compiled: built once off the traffic's path, then only read.

mod error;
mod ledger;
mod objects;
mod view;

mod access_log;
mod parts;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use http::HeaderMap;
use mesh_snapshot::object::{MeshDefaults, PathNormalization, Role, Workload};
use mesh_snapshot::{ReadObjects, Slice};

use self::objects::Objects;
use self::parts::Parts;
use self::view::Loader;
use crate::client_address;
use crate::cluster::{Cluster, ClusterId, Registry};
use crate::filter::Filters;
use crate::gateway::Gateway;
use crate::inbound::Inbound;
use crate::outbound::Outbound;
use crate::policy::Policy;
use crate::route::Retry;

pub use access_log::AccessLog;
pub use error::{BuildError, Fault};
pub(crate) use ledger::Ledger;
pub(crate) use objects::Named;
pub(crate) use view::{SeenHost, View};

/// The features (see [`mesh_snapshot::feature`]) that the engine serves. A proxy passes those of them that it serves, too.
pub const FEATURES: &[&str] = &[
    "consistent-hash",
    "cors",
    "egress-proxy",
    "external-authorization",
    "fault-injection",
    "header-filter",
    "host-bundles",
    "inbound-ports",
    "listener-ports",
    "local-rate-limit",
    "mirroring",
    "remote-jwks",
    "route-headers",
    "text-globs",
    "trusted-proxies",
];

/// What a program may take, and need.
#[derive(Clone, Copy, Debug)]
pub struct Limits<'a> {
    /// Bytes of memory that the finished program may hold.
    pub memory_bytes_max: usize,
    /// Names of features that whoever builds can serve: those of [`FEATURES`] at most. An object that needs another is
    /// refused.
    pub features: &'a [&'a str],
    /// Where the servers of a gateway listen that name no address. A `bind` of the same, or of all addresses of its family, is none.
    pub gateway_address: IpAddr,
}

/// As far as nobody says otherwise: [`Limits::gateway_address`].
pub const GATEWAY_ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// What a slice means for one workload. Immutable; shared between threads behind an `Arc`.
#[derive(Clone, Debug)]
pub struct Program {
    defaults: MeshDefaults,
    access_log: AccessLog,
    role: Role,
    clusters: Registry,
    inbound: Inbound,
    policy: Policy,
    filters: Filters,
    outbound: Option<Outbound>,
    gateway: Option<Gateway>,
    memory_bytes: usize,
}

/// Whose routes are compiled, and for which port.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Site<'a> {
    pub(crate) workload: &'a Workload,
    pub(crate) port: u16,
}

impl Program {
    /// Compiles the slice of `workload`. Everything is checked here: what the program holds can be served.
    ///
    /// # Errors
    ///
    /// When an object is missing or malformed, needs a feature that `limits` lacks, cannot be compiled, or when the
    /// program would take more memory than it may. [`BuildError::place`] says what to blame.
    pub fn build(
        workload: &Workload,
        slice: &Slice,
        store: &impl ReadObjects,
        limits: &Limits<'_>,
    ) -> Result<Self, BuildError> {
        let ledger = Ledger::new(limits.memory_bytes_max);
        let objects = Objects::new(store, limits.features, &ledger);
        let defaults: MeshDefaults = objects.load(&slice.mesh_defaults)?;
        let in_defaults = |fault| BuildError::at(&slice.mesh_defaults.key, "", fault);
        let default_retry = Arc::new(Retry::compile(&defaults.default_retry).map_err(in_defaults)?);
        let access_log = AccessLog::compile(&defaults.access_log).map_err(in_defaults)?;
        let mut parts = Parts {
            workload,
            default_retry: &default_retry,
            clusters: Registry::new(defaults.auto_mtls, defaults.connect_timeout.into()),
            loader: Loader::new(&objects),
            ledger: &ledger,
            gateway_address: limits.gateway_address,
        };
        let outbound = match &slice.egress {
            Some(egress) => Some(parts.outbound(&objects.load(egress)?, &egress.key)?),
            None => None,
        };
        let peers = objects.load_all(&slice.peer_authentications)?;
        let peers = peers.into_iter().map(|(_, peer)| peer).collect();
        let own = slice.inbound_ports.as_ref().map(|own| objects.load(own)).transpose()?;
        let services = objects.load_all(&slice.inbound)?;
        let inbound = Inbound::build(workload, &services, own.unwrap_or_default(), peers);
        let gateway = match workload.role {
            Role::Gateway => Some(parts.gateway(&objects, &slice.gateways, &inbound)?),
            Role::Sidecar => None,
        };
        let clusters = parts.clusters;
        let policy = Policy::build(
            &objects.load_all(&slice.request_authentications)?,
            &objects.load_all(&slice.authorization_policies)?,
            &ledger,
        )?;
        let filters = Filters::build(&objects.load_all(&slice.request_filters)?)?;
        Ok(Self {
            defaults,
            access_log,
            role: workload.role,
            clusters,
            inbound,
            policy,
            filters,
            outbound,
            gateway,
            memory_bytes: ledger.used(),
        })
    }

    #[must_use]
    pub const fn defaults(&self) -> &MeshDefaults {
        &self.defaults
    }

    #[must_use]
    pub const fn path_normalization(&self) -> PathNormalization {
        self.defaults.path_normalization
    }

    #[must_use]
    pub const fn access_log(&self) -> &AccessLog {
        &self.access_log
    }

    /// What arrives for the workload.
    #[must_use]
    pub const fn inbound(&self) -> &Inbound {
        &self.inbound
    }

    /// What the workload sends; absent for a gateway.
    #[must_use]
    pub const fn outbound(&self) -> Option<&Outbound> {
        self.outbound.as_ref()
    }

    /// What a gateway serves; absent for a sidecar.
    #[must_use]
    pub const fn gateway(&self) -> Option<&Gateway> {
        self.gateway.as_ref()
    }

    /// For what arrives: at a sidecar inbound requests and connections, at a gateway all.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// What authors have put into the path of requests.
    #[must_use]
    pub const fn filters(&self) -> &Filters {
        &self.filters
    }

    /// Every cluster, by [`ClusterId::index`].
    #[must_use]
    pub fn clusters(&self) -> &[Cluster] {
        self.clusters.all()
    }

    /// The cluster of an ID that this program gave out.
    #[must_use]
    pub fn cluster(&self, id: ClusterId) -> Option<&Cluster> {
        self.clusters.get(id)
    }

    /// By its name, as in [`Cluster::name`].
    #[must_use]
    pub fn cluster_by_name(&self, name: &str) -> Option<&Cluster> {
        self.clusters.find(name).and_then(|id| self.clusters.get(id))
    }

    /// How many proxies in front of a gateway are trusted to append to `X-Forwarded-For`.
    #[must_use]
    pub fn trusted_proxies(&self) -> u32 {
        self.filters.trusted_proxies().unwrap_or(self.defaults.trusted_proxies)
    }

    /// The original client of a request that came from `source`.
    #[must_use]
    pub fn remote_address(&self, source: IpAddr, headers: &HeaderMap) -> IpAddr {
        match self.role {
            Role::Sidecar => client_address::at_sidecar(source, headers),
            Role::Gateway => client_address::at_gateway(source, headers, self.trusted_proxies()),
        }
    }

    /// What the program takes, to about a factor of two. Caches that threads make for large expressions come on top:
    /// at most 256 KiB an expression and thread.
    #[must_use]
    pub const fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }
}

#[cfg(test)]
mod tests;
