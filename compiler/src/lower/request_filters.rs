//! `RequestFilters`: steps that `EnvoyFilter`s put into the path of requests.

use mesh_snapshot::object::{Object, RequestFilters};
use mesh_snapshot::{Key, Kind};

use super::{Lowering, Written};
use crate::diagnostic::Place;
use crate::resolve::envoy::{Patch, Resolved, Served};

impl Lowering<'_, '_> {
    /// Their rank is their age; which comes first of the root namespace's and another's, the slice says.
    pub(super) fn request_filters(&self) {
        let filters = &self.mesh.envoy_filters;
        for (rank, filter) in filters.iter().enumerate() {
            let Ok(scope) = &filter.scope else { continue };
            if filter.patches.iter().all(|patch| patch.served.is_none()) {
                continue;
            }
            let Written { object, places } = written(filter);
            let resource = filter.resource;
            let key = Key::new(Kind::RequestFilters, &*resource.namespace, resource.name());
            let reference = self.store.add(key, &Object::RequestFilters(object), &places);
            let section = scope.namespace.unwrap_or_default();
            self.store.list(section, reference, scope.applies.clone(), rank);
        }
    }
}

fn written(filter: &Resolved<'_>) -> Written<RequestFilters> {
    let resource = filter.resource;
    let object = RequestFilters { priority: resource.spec.priority, ..RequestFilters::default() };
    let mut written = Written::at(object, Place::resource(resource.id));
    let root = resource.at();
    let spec = root.field("spec");
    let patches = spec.field("configPatches");
    for Patch { index, served, .. } in &filter.patches {
        let place = patches.index(*index).value();
        let Written { object, places } = &mut written;
        match served {
            None => {}
            Some(Served::TrustedProxies(proxies)) => {
                places.push(("trustedProxies".to_owned(), place));
                object.trusted_proxies = Some(*proxies);
            }
            Some(Served::RouteHeaders(headers)) => {
                places.push((format!("routeHeaders[{}]", object.route_headers.len()), place));
                object.route_headers.push(headers.clone());
            }
            Some(Served::Step(step)) => {
                places.push((format!("filters[{}]", object.filters.len()), place));
                object.filters.push(step.clone());
            }
            Some(Served::Settings(settings)) => {
                for setting in settings {
                    places.push((format!("settings[{}]", object.settings.len()), place.clone()));
                    object.settings.push(setting.clone());
                }
            }
        }
    }
    written
}
