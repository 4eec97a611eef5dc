//! What can be called: the hosts of Services and `ServiceEntry`s.
//!
//! Several resources may define one host; which of them counts for whom is [`super::View`]'s to say.

mod definitions;
mod entry;
mod kubernetes;
mod machine;
mod merge;
mod protocol;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, OnceLock};

use mesh_snapshot::object::{self, Discovery, EndpointSet, Protocol};

use super::host::{Host, HostIndex, is_wildcard};
use super::platform_labels::finding;
use super::selectors::Selectors;
use super::{Age, Settings, Viewer, Visibility, Workload};
use crate::api::{Mesh, Resource, Words, istio, kubernetes as k8s};
use crate::diagnostic::{FieldPath, Part, Place};
use crate::parse::DocumentId;

pub(super) use definitions::Definitions;
pub(crate) use kubernetes::export_to;
pub use machine::{Instances, Machine, Machines};
pub use merge::can_merge;
pub(super) use merge::merge;
pub(crate) use protocol::parse as protocol;

/// A host of one resource, by its place in [`Services::all`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ServiceId(pub(super) u32);

/// A host, as one resource defines it.
#[derive(Clone, Debug)]
pub struct Service<'a> {
    pub host: Host,
    pub namespace: &'a str,
    pub origin: Origin<'a>,
    pub visibility: Visibility<'a>,
    pub age: Age<'a>,
    /// As clients see it. An alias has no endpoints of its own: see [`Service::alias`].
    pub object: Arc<object::Service>,
    /// The host that it stands for (`ExternalName`).
    pub alias: Option<Host>,
}

impl Service<'_> {
    /// The labels of the workloads that serve it; absent where it selects none.
    #[must_use]
    pub fn selects(&self) -> Option<&object::Labels> {
        match &self.object.discovery {
            Discovery::World { set: EndpointSet::Selected { labels, .. }, .. } => Some(labels),
            _ => None,
        }
    }

    /// Whether requests are read at a port of it, or at any.
    #[must_use]
    pub fn reads_http(&self, port: Option<u16>) -> bool {
        let mut ports =
            self.object.ports.iter().filter(|it| port.is_none_or(|port| port == it.number));
        ports.any(|it| it.protocol.is_http() || it.protocol == Protocol::Detect)
    }
}

/// The resource that defines a host.
#[derive(Clone, Copy, Debug)]
pub enum Origin<'a> {
    Kubernetes(&'a Resource<k8s::Service>),
    /// With the place of the host among the entry's.
    Entry(&'a Resource<istio::ServiceEntry>, usize),
}

impl<'a> Origin<'a> {
    #[must_use]
    pub const fn is_kubernetes(&self) -> bool {
        matches!(self, Self::Kubernetes(_))
    }

    /// Whose selector it has: that of a Service is Kubernetes'.
    #[must_use]
    pub const fn viewer(&self) -> Viewer {
        if self.is_kubernetes() { Viewer::Kubernetes } else { Viewer::Istio }
    }

    #[must_use]
    pub const fn document(&self) -> DocumentId {
        match self {
            Self::Kubernetes(service) => service.id,
            Self::Entry(entry, _) => entry.id,
        }
    }

    /// By which its instances are selected.
    #[must_use]
    pub fn selector(&self) -> Option<&'a object::Labels> {
        let labels = match self {
            Self::Kubernetes(service) => Some(&service.spec.selector),
            Self::Entry(entry, _) => entry.spec.workload_selector.as_ref().map(|it| &it.labels),
        };
        labels.filter(|labels| !labels.is_empty())
    }

    /// `Service` or `ServiceEntry`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Kubernetes(_) => "Service",
            Self::Entry(..) => "ServiceEntry",
        }
    }

    /// Of the resource.
    #[must_use]
    pub fn name(&self) -> &'a str {
        match self {
            Self::Kubernetes(service) => service.name(),
            Self::Entry(entry, _) => entry.name(),
        }
    }

    /// Where the host is defined.
    #[must_use]
    pub fn place(&self) -> Place {
        match self {
            Self::Kubernetes(service) => Place::resource(service.id),
            Self::Entry(entry, index) => Place::Field {
                document: entry.id,
                path: FieldPath::default().field("spec").field("hosts").index(*index),
                part: Part::Value,
            },
        }
    }
}

/// Every host of the registry.
#[derive(Clone, Debug, Default)]
pub struct Services<'a> {
    /// The oldest first.
    all: Vec<Service<'a>>,
    by_host: HashMap<Host, Definitions<'a>>,
    by_namespace: BTreeMap<&'a str, Vec<ServiceId>>,
    /// Namespace and name → the Services of Kubernetes.
    by_name: HashMap<(&'a str, &'a str), ServiceId>,
    /// The same of `ServiceEntry`s.
    by_entry: HashMap<(&'a str, &'a str), Vec<ServiceId>>,
    /// Those that select workloads of their namespace.
    selectors: Selectors<'a>,
    /// All hosts by their ends.
    pub ends: HostIndex,
    wildcards: Vec<Host>,
    /// What one who misspelt a host may have meant; once somebody has asked.
    outside: OnceLock<Words>,
    /// The same by namespace, of the names of Services.
    names_in: OnceLock<BTreeMap<String, Words>>,
}

impl<'a> Services<'a> {
    pub(super) fn of(
        mesh: &'a Mesh,
        settings: &Settings<'a>,
        instances: Instances<'_, 'a>,
    ) -> Self {
        let mut all: Vec<Service<'a>> = Vec::new();
        let services = mesh.services.iter();
        all.extend(services.map(|it| kubernetes::service(it, settings, instances)));
        let entries = mesh.service_entries.iter();
        all.extend(entries.flat_map(|it| entry::services(it, settings, instances)));
        all.sort_by_key(|service| service.age);
        let mut services = Self { all, ..Self::default() };
        for (service, id) in services.all.iter().zip((0..).map(ServiceId)) {
            services.by_host.entry(Arc::clone(&service.host)).or_default().push(id, service);
            services.by_namespace.entry(service.namespace).or_default().push(id);
            services.ends.insert(&service.host);
            let name = (service.namespace, service.origin.name());
            if service.origin.is_kubernetes() {
                services.by_name.entry(name).or_insert(id);
            } else {
                services.by_entry.entry(name).or_default().push(id);
            }
        }
        let all = services.all.iter().enumerate();
        let finding: Vec<_> = all
            .filter_map(|(number, service)| {
                Some((number, service.namespace, finding(service.selects()?)))
            })
            .collect();
        let selecting = finding.iter().map(|(number, namespace, labels)| {
            (Some(*namespace), *number, std::slice::from_ref(&**labels))
        });
        services.selectors = Selectors::new(selecting);
        services.wildcards =
            services.by_host.keys().filter(|host| is_wildcard(host)).cloned().collect();
        services.wildcards.sort_unstable();
        services
    }

    /// A service of this registry.
    ///
    /// # Panics
    /// With an id of another registry.
    #[must_use]
    pub fn get(&self, id: ServiceId) -> &Service<'a> {
        #[expect(clippy::indexing_slicing, reason = "only this registry hands out its ids")]
        &self.all[id.0 as usize]
    }

    pub fn iter(&self) -> impl Iterator<Item = (ServiceId, &Service<'a>)> {
        (0..).map(ServiceId).zip(&self.all)
    }

    /// All definitions of exactly this host, the oldest first, whoever sees them.
    #[must_use]
    pub fn of_host(&self, host: &str) -> &[ServiceId] {
        self.definitions(host).map_or(&[], Definitions::all)
    }

    pub(super) fn definitions(&self, host: &str) -> Option<&Definitions<'a>> {
        self.by_host.get(host)
    }

    /// Those of one namespace, the oldest first.
    #[must_use]
    pub fn of_namespace(&self, namespace: &str) -> &[ServiceId] {
        self.by_namespace.get(namespace).map_or(&[], Vec::as_slice)
    }

    /// The hosts that a namespace defines, each once, sorted.
    #[must_use]
    pub fn hosts_of(&self, namespace: &str) -> BTreeSet<&Host> {
        self.of_namespace(namespace).iter().map(|id| &self.get(*id).host).collect()
    }

    /// A host as its namespace defines it, whoever sees it.
    #[must_use]
    pub fn defined_in(
        &self,
        namespace: &str,
        host: &str,
    ) -> Option<(ServiceId, Arc<object::Service>)> {
        let own: Vec<_> = self.definitions(host)?.of_namespace(namespace).collect();
        merge(self, &own)
    }

    pub fn namespaces(&self) -> impl Iterator<Item = &'a str> {
        self.by_namespace.keys().copied()
    }

    /// Every host once, in no order: sort what comes of it.
    pub fn hosts(&self) -> impl Iterator<Item = &Host> {
        self.by_host.keys()
    }

    /// All hosts of `ServiceEntry`s but wildcards, sorted.
    #[must_use]
    pub fn outside(&self) -> &Words {
        self.outside.get_or_init(|| {
            let outside = self.iter().filter(|(_, it)| !it.origin.is_kubernetes());
            let all: BTreeSet<&str> = outside.map(|(_, it)| &*it.host).collect();
            Words::of(all.into_iter().filter(|host| !is_wildcard(host)))
        })
    }

    /// The names of the Services of a namespace, the oldest first.
    #[must_use]
    pub fn names_in(&self, namespace: &str) -> &Words {
        static NONE: Words = Words::none();
        let all = self.names_in.get_or_init(|| {
            let of = |(namespace, ids): (&&'a str, &Vec<ServiceId>)| {
                let own = ids.iter().map(|id| self.get(*id).origin);
                let own = own.filter(Origin::is_kubernetes).map(|it| it.name());
                ((*namespace).to_owned(), Words::of(own))
            };
            self.by_namespace.iter().map(of).collect()
        });
        all.get(namespace).unwrap_or(&NONE)
    }

    /// A service of Kubernetes by name.
    #[must_use]
    pub fn kubernetes(&self, namespace: &str, name: &str) -> Option<(ServiceId, &Service<'a>)> {
        let id = *self.by_name.get(&(namespace, name))?;
        Some((id, self.get(id)))
    }

    /// The hosts of a `ServiceEntry`.
    pub fn of_entry(&self, namespace: &str, name: &str) -> impl Iterator<Item = ServiceId> + use<> {
        let found = self.by_entry.get(&(namespace, name)).cloned();
        found.unwrap_or_default().into_iter()
    }

    /// Those that a workload of their namespace serves, or one of its pods, the oldest first.
    #[must_use]
    pub fn served_by(&self, workload: &Workload<'_>) -> Vec<&Service<'a>> {
        let labels = workload.found_by();
        let candidates = self.selectors.candidates(Some(workload.namespace()), &labels);
        let services = candidates.into_iter().filter_map(|number| self.all.get(number));
        let selects = |it: &&Service<'_>| {
            it.selects().is_some_and(|own| workload.may_have(own, it.origin.viewer()))
        };
        services.filter(selects).collect()
    }
}
