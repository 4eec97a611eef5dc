//! Several `ServiceEntry`s of one namespace that define one host. Source: Istio, `appendSidecarServices`.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_snapshot::object::{Discovery, Service as Object, ServicePort};

use super::{Origin, Service, ServiceId, Services};

/// What the first of `visible`, which are of one host and one namespace, becomes with the ports of the others; and
/// those that it takes nothing from. A Service of Kubernetes comes before any entry and takes nothing.
pub(in crate::resolve) fn merge(
    services: &Services<'_>,
    visible: &[ServiceId],
) -> Option<(ServiceId, Arc<Object>)> {
    let is_kubernetes = |id: &&ServiceId| services.get(**id).origin.is_kubernetes();
    let first = *visible.iter().find(is_kubernetes).or(visible.first())?;
    let winner = services.get(first);
    if winner.origin.is_kubernetes() {
        return Some((first, Arc::clone(&winner.object)));
    }
    let numbered = |port: &ServicePort| (port.number, port.clone());
    let own = &winner.object.ports;
    let mut ports: BTreeMap<_, _> = own.iter().map(numbered).collect();
    for other in visible.iter().filter(|id| **id != first).map(|id| services.get(*id)) {
        if can_merge(winner, other) {
            for port in &other.object.ports {
                ports.entry(port.number).or_insert_with(|| port.clone());
            }
        }
    }
    let mut object = Arc::clone(&winner.object);
    if own.len() < ports.len() {
        Arc::make_mut(&mut object).ports = ports.into_values().collect();
    }
    Some((first, object))
}

/// Whether the ports of `other` lead where those of `winner` lead. Source: Istio, `canMergeServices`.
#[must_use]
pub fn can_merge(winner: &Service<'_>, other: &Service<'_>) -> bool {
    let (Origin::Entry(a, _), Origin::Entry(b, _)) = (winner.origin, other.origin) else {
        return false;
    };
    let export_to = |entry: &super::istio::ServiceEntry| {
        let mut export_to = entry.export_to.clone();
        export_to.sort_unstable();
        export_to
    };
    a.spec.resolution == b.spec.resolution
        && a.metadata.labels == b.metadata.labels
        && a.spec.workload_selector == b.spec.workload_selector
        && export_to(&a.spec) == export_to(&b.spec)
        && same_endpoints(&winner.object.discovery, &other.object.discovery)
}

/// Endpoints belong to a service as a whole, so entries with others cannot share one.
fn same_endpoints(a: &Discovery, b: &Discovery) -> bool {
    a == b
}
