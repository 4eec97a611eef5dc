//! A slice, compiled: built once off the traffic's path, then only read.

mod error;
mod ledger;
mod objects;
mod view;

use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderMap;
use mesh_snapshot::object::{
    self, Egress, Gateway as GatewayObject, MeshDefaults, PathNormalization, Role, Workload,
};
use mesh_snapshot::{ReadObjects, Reference, Slice};

use self::objects::Objects;
use self::view::Loader;
use crate::client_address;
use crate::cluster::{Cluster, ClusterId, Registry};
use crate::format::{DEFAULT_TEXT, Format};
use crate::gateway::{self, Gateway};
use crate::inbound::Inbound;
use crate::outbound::{self, Outbound};
use crate::policy::Policy;
use crate::route::Retry;

pub use error::{BuildError, Fault};
pub(crate) use ledger::Ledger;
pub(crate) use objects::Named;
pub(crate) use view::{SeenHost, View};

/// The features (see [`mesh_snapshot::feature`]) that the engine serves. A proxy passes those of them that it serves, too.
pub const FEATURES: &[&str] = &[
    "consistent-hash",
    "cors",
    "external-authorization",
    "fault-injection",
    "mirroring",
    "remote-jwks",
];

/// What a program may take, and need.
#[derive(Clone, Copy, Debug)]
pub struct Limits<'a> {
    /// Bytes of memory that the finished program may hold.
    pub memory_bytes_max: usize,
    /// Names of features that whoever builds can serve: those of [`FEATURES`] at most. An object that needs another is
    /// refused.
    pub features: &'a [&'a str],
}

/// What a slice means for one workload. Immutable; shared between threads behind an `Arc`.
#[derive(Clone, Debug)]
pub struct Program {
    defaults: MeshDefaults,
    access_log: AccessLog,
    role: Role,
    clusters: Registry,
    inbound: Inbound,
    policy: Policy,
    outbound: Option<Outbound>,
    gateway: Option<Gateway>,
    memory_bytes: usize,
}

/// Where and how requests are logged, ready to be written.
#[derive(Clone, Debug)]
pub enum AccessLog {
    Off,
    Text {
        file: Box<str>,
        format: Format,
    },
    /// Names and values of one object's fields.
    Json {
        file: Box<str>,
        fields: Box<[(Box<str>, Format)]>,
    },
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
        };
        let outbound = match &slice.egress {
            Some(egress) => Some(parts.outbound(&objects.load(egress)?, &egress.key)?),
            None => None,
        };
        let peers = objects.load_all(&slice.peer_authentications)?;
        let peers = peers.into_iter().map(|(_, peer)| peer).collect();
        let inbound = Inbound::build(workload, &objects.load_all(&slice.inbound)?, peers);
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
        Ok(Self {
            defaults,
            access_log,
            role: workload.role,
            clusters,
            inbound,
            policy,
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

    /// The original client of a request that came from `source`.
    #[must_use]
    pub fn remote_address(&self, source: IpAddr, headers: &HeaderMap) -> IpAddr {
        match self.role {
            Role::Sidecar => client_address::at_sidecar(source, headers),
            Role::Gateway => {
                client_address::at_gateway(source, headers, self.defaults.trusted_proxies)
            }
        }
    }

    /// What the program takes, to about a factor of two. Caches that threads make for large expressions come on top:
    /// at most 256 KiB an expression and thread.
    #[must_use]
    pub const fn memory_bytes(&self) -> usize {
        self.memory_bytes
    }
}

/// What the parts of a program that route are built from.
struct Parts<'a, 'o, R> {
    workload: &'a Workload,
    default_retry: &'a Arc<Retry>,
    clusters: Registry,
    loader: Loader<'o, R>,
    ledger: &'a Ledger,
}

impl<R: ReadObjects> Parts<'_, '_, R> {
    fn outbound(
        &mut self,
        egress: &Egress,
        key: &mesh_snapshot::Key,
    ) -> Result<Outbound, BuildError> {
        let view = self.loader.egress(egress, self.workload)?;
        self.add_clusters(view.values(), key)?;
        let mut builder = outbound::Builder {
            workload: self.workload,
            clusters: &self.clusters,
            default_retry: self.default_retry,
            ledger: self.ledger,
        };
        builder.build(&view, egress.outbound, &egress.preload)
    }

    fn gateway(
        &mut self,
        objects: &Objects<'_, R>,
        references: &[Reference],
        inbound: &Inbound,
    ) -> Result<Gateway, BuildError> {
        let gateways = objects.load_all::<GatewayObject>(references)?;
        let mut tables = gateway::Tables::new();
        for (key, gateway) in &gateways {
            for set in &gateway.hosts {
                let hosts = self.loader.host_set(set)?;
                self.add_clusters(&hosts, key)?;
            }
            for server in &gateway.servers {
                let hosts = server.virtual_hosts.iter().map(|host| &host.routes);
                for reference in server.stream_routes.iter().chain(hosts) {
                    tables.insert(reference.key.clone(), self.loader.table(reference)?);
                }
            }
        }
        let mut builder = gateway::Builder {
            workload: self.workload,
            inbound,
            clusters: &self.clusters,
            default_retry: self.default_retry,
            tables: &tables,
            ledger: self.ledger,
        };
        builder.build(&gateways)
    }

    fn add_clusters<'h>(
        &mut self,
        hosts: impl IntoIterator<Item = &'h SeenHost>,
        key: &mesh_snapshot::Key,
    ) -> Result<(), BuildError> {
        let upstreams = hosts.into_iter().filter_map(|host| host.upstream.as_ref());
        for (_, upstream) in upstreams {
            let added = self.clusters.add(upstream, self.ledger);
            added.map_err(|fault| BuildError::at(key, "", fault))?;
        }
        Ok(())
    }
}

impl AccessLog {
    fn compile(log: &object::AccessLog) -> Result<Self, Fault> {
        let format = |text: &str| {
            Format::parse(text).map_err(|error| Fault::Format { text: text.to_owned(), error })
        };
        Ok(match log {
            object::AccessLog::Off => Self::Off,
            object::AccessLog::Text { file, format: text } => {
                let text = if text.is_empty() { DEFAULT_TEXT } else { text };
                Self::Text { file: file.as_str().into(), format: format(text)? }
            }
            object::AccessLog::Json { file, fields } => {
                let defaults = || crate::format::DEFAULT_JSON.iter().copied();
                let own = fields.iter().map(|(name, text)| (&**name, &**text));
                let fields = own.chain(fields.is_empty().then(defaults).into_iter().flatten());
                let field = |(name, text): (&str, &str)| Ok((name.into(), format(text)?));
                let fields = fields.map(field).collect::<Result<_, Fault>>()?;
                Self::Json { file: file.as_str().into(), fields }
            }
        })
    }
}

#[cfg(test)]
mod tests;
