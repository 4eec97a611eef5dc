//! `Service`: what can be called.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use mesh_snapshot::object::{Discovery, EndpointSet, Object, Service};
use mesh_snapshot::{Applies, Key, Kind, Reference};
use rayon::prelude::*;

use super::{Lowering, Perspective};
use crate::diagnostic::Place;
use crate::resolve::SeenService;
use crate::resolve::service::ServiceId;

impl Lowering<'_, '_> {
    /// Lists each service for the workloads that back it: those learn their ports and protocols from it.
    pub(super) fn inbound_services(&self) {
        let services = &self.mesh.services;
        let namespaces: Vec<_> = services.namespaces().collect();
        namespaces.into_par_iter().for_each(|namespace| {
            for host in services.hosts_of(namespace) {
                let Some((id, object)) = services.defined_in(namespace, host) else { continue };
                if services.get(id).alias.is_some() {
                    continue;
                }
                let Some(applies) = backing(&object.discovery) else { continue };
                let reference = self.plain_service(&object, id);
                self.store.list(namespace, reference, applies, 0);
            }
        });
    }

    /// A service, as it is seen from somewhere.
    pub(super) fn seen_service(
        &self,
        seen: &SeenService,
        perspective: &Perspective<'_, '_>,
    ) -> Reference {
        let object = &seen.object;
        if self.is_plain(seen) {
            return self.plain_service(object, seen.id);
        }
        let key = perspective.key(Kind::Service, &object.namespace, &object.host);
        self.add_service(key, object, seen.id)
    }

    fn plain_service(&self, object: &Arc<Service>, id: ServiceId) -> Reference {
        let key = Key::new(Kind::Service, &*object.namespace, &*object.host);
        if let Some(known) = self.services.get(&key) {
            return known;
        }
        let reference = self.add_service(key.clone(), object, id);
        self.services.insert(key, reference.clone());
        reference
    }

    /// Whether it looks as its namespace defines it; an alias, as everybody sees it.
    fn is_plain(&self, seen: &SeenService) -> bool {
        let (services, object) = (&self.mesh.services, &seen.object);
        if seen.concrete.is_some() {
            let common = Perspective::common(self.mesh).view.service(&object.host);
            return common.is_none_or(|common| common.object == *object);
        }
        let defined = services.defined_in(&object.namespace, &object.host);
        defined.is_some_and(|(_, defined)| Arc::ptr_eq(&defined, object) || defined == *object)
    }

    fn add_service(&self, key: Key, object: &Arc<Service>, id: ServiceId) -> Reference {
        let place: Place = self.mesh.services.get(id).origin.place();
        self.store.add(key, &Object::Service((**object).clone()), &[(String::new(), place)])
    }
}

/// The workloads that back a service: those that it selects, or whose addresses its author lists. Source: Istio,
/// `ServiceEntry`: a listed endpoint is an instance of the proxies of the entry's namespace that have its address.
fn backing(discovery: &Discovery) -> Option<Applies> {
    let (Discovery::Declared { endpoints } | Discovery::Dns { endpoints, .. }) = discovery else {
        let Discovery::World { set: EndpointSet::Selected { labels, .. }, .. } = discovery else {
            return None;
        };
        return Some(Applies::Selected(vec![labels.clone()]));
    };
    let addresses: BTreeSet<IpAddr> =
        endpoints.iter().filter_map(|it| it.address.parse().ok()).collect();
    (!addresses.is_empty()).then_some(Applies::Addressed(addresses))
}
