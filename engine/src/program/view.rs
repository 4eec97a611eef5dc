//! The hosts that a workload sees: what its egress, or its gateways, lead to.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock};

use mesh_snapshot::object::{
    ClientPolicy, Egress, Host, HostSet, HostSets, PlaintextEndpoints, RouteTable, Service,
    Workload,
};
use mesh_snapshot::{Digest, Key, Kind, ReadObjects, Reference};

use super::BuildError;
use super::objects::{Kinded, Named, Objects};
use crate::cluster::ServiceView;

/// One host, its objects at hand.
#[derive(Clone, Debug)]
pub(crate) struct SeenHost {
    pub(crate) name: String,
    pub(crate) upstream: Option<(Arc<Key>, ServiceView)>,
    pub(crate) routes: Option<Named<RouteTable>>,
    /// Of its service; see [`Host::shown_ports`].
    pub(crate) shown_ports: Option<Vec<u16>>,
    /// See [`Host::routed_ports`].
    pub(crate) routed_ports: Option<Vec<u16>>,
    /// The ports of a host that has routes and no service there; see [`Host::ports`].
    pub(crate) ports: Vec<u16>,
}

impl SeenHost {
    /// What to blame for it; it has a service, or routes.
    pub(crate) fn key(&self) -> &Key {
        static NOBODY: LazyLock<Key> = LazyLock::new(|| Key::new(Kind::HostSet, "", ""));
        let service = self.upstream.as_ref().map(|(key, _)| key);
        service.or(self.routes.as_ref().map(|(key, _)| key)).map_or(&*NOBODY, |key| key)
    }
}

/// Hosts by name.
pub(crate) type View = BTreeMap<String, SeenHost>;

/// Loads host sets, and each object in them once.
pub(super) struct Loader<'a, R> {
    objects: &'a Objects<'a, R>,
    services: Loaded<Service>,
    policies: Loaded<ClientPolicy>,
    tables: Loaded<RouteTable>,
}

type Loaded<T> = HashMap<Digest, Arc<T>>;

impl<'a, R: ReadObjects> Loader<'a, R> {
    pub(super) fn new(objects: &'a Objects<'a, R>) -> Self {
        let (services, policies) = (HashMap::new(), HashMap::new());
        Self { objects, services, policies, tables: HashMap::new() }
    }

    /// What a sidecar sees: of several entries for a host, that of the last overlay that selects the workload.
    pub(super) fn egress(
        &mut self,
        egress: &Egress,
        workload: &Workload,
    ) -> Result<View, BuildError> {
        let mut view = View::new();
        let overlays = egress.overlays.iter().filter(|overlay| workload.has(&overlay.labels));
        for sets in egress.hosts.iter().chain(overlays.map(|overlay| &overlay.hosts)) {
            for set in self.host_sets(sets)? {
                for host in self.host_set(&set)? {
                    view.insert(host.name.clone(), host);
                }
            }
        }
        Ok(view)
    }

    /// The sets of a bundle; what is one by itself is that.
    fn host_sets(&self, reference: &Reference) -> Result<Vec<Reference>, BuildError> {
        match reference.key.kind {
            Kind::HostSets => Ok(self.objects.load::<HostSets>(reference)?.sets),
            _ => Ok(vec![reference.clone()]),
        }
    }

    /// The hosts of one set.
    pub(super) fn host_set(&mut self, reference: &Reference) -> Result<Vec<SeenHost>, BuildError> {
        let set: HostSet = self.objects.load(reference)?;
        let plaintext: Arc<[PlaintextEndpoints]> = set.plaintext.into();
        set.hosts.into_iter().map(|(name, host)| self.host(name, host, &plaintext)).collect()
    }

    fn host(
        &mut self,
        name: String,
        host: Host,
        plaintext: &Arc<[PlaintextEndpoints]>,
    ) -> Result<SeenHost, BuildError> {
        let Host { service, policy, routes, ports, shown_ports, routed_ports } = host;
        let policy = match &policy {
            Some(reference) => load(self.objects, &mut self.policies, reference)?,
            None => Arc::default(),
        };
        let upstream = match &service {
            Some(reference) => {
                let service = load(self.objects, &mut self.services, reference)?;
                let plaintext = Arc::clone(plaintext);
                Some((Arc::new(reference.key.clone()), ServiceView { service, policy, plaintext }))
            }
            None => None,
        };
        let routes = match &routes {
            Some(reference) => Some(self.table(reference)?),
            None => None,
        };
        Ok(SeenHost { name, upstream, routes, shown_ports, routed_ports, ports })
    }

    pub(super) fn table(&mut self, reference: &Reference) -> Result<Named<RouteTable>, BuildError> {
        let table = load(self.objects, &mut self.tables, reference)?;
        Ok((Arc::new(reference.key.clone()), table))
    }
}

fn load<T: Kinded>(
    objects: &Objects<'_, impl ReadObjects>,
    loaded: &mut Loaded<T>,
    reference: &Reference,
) -> Result<Arc<T>, BuildError> {
    if let Some(object) = loaded.get(&reference.digest) {
        return Ok(Arc::clone(object));
    }
    let object = Arc::new(objects.load(reference)?);
    loaded.insert(reference.digest, Arc::clone(&object));
    Ok(object)
}
