//! Where routes lead: which of the destinations that are written a request may take.

use crate::diagnostic::FieldPath;
use crate::resolve::route::{Backend, DestinationAt, GatewayName, HttpRoute, VirtualService};

/// Whether the destination's route may be used at a gateway, or on the mesh.
pub(super) fn is_for(it: &VirtualService<'_>, at: &DestinationAt, gateway: &GatewayName) -> bool {
    at.route().0 != "http" || it.http_at(at).is_none_or(|http| http.is_for(gateway))
}

/// Whether a weight of nothing lets nobody be led there.
pub(super) fn is_idle(it: &VirtualService<'_>, at: &DestinationAt) -> bool {
    let (Some(http), Some(place)) = (it.http_at(at), at.weighted()) else { return false };
    http.spec.route.len() > 1 && http.spec.route.get(place).is_some_and(|of| of.weight == 0)
}

/// Where a route of the Gateway API leads, with its place, and whether only copies go there. What no request takes is left out, and what
/// is answered with 500, which others tell.
pub(super) fn led<'r>(
    route: &'r HttpRoute<'_>,
) -> impl Iterator<Item = (&'r Backend, FieldPath, bool)> {
    let rules = FieldPath::default().field("spec").field("rules");
    let all = route.rules.iter().enumerate().flat_map(move |(index, rule)| {
        let at = rules.clone().index(index);
        let written = route.resource.spec.rules.get(index);
        let is_idle = move |place: usize| {
            let weight = written.and_then(|it| it.backend_refs.get(place)?.weight);
            rule.backends.len() > 1 && weight == Some(0)
        };
        let list = at.clone().field("backendRefs");
        let backends = rule.backends.iter().enumerate();
        let backends = backends.filter(move |(place, _)| !is_idle(*place));
        let backends = backends.map(move |(place, it)| (it, list.clone().index(place), false));
        let mirrors = rule.mirrors.iter().map(move |(place, it)| {
            let filter = at.clone().field("filters").index(*place).field("requestMirror");
            (it, filter.field("backendRef"), true)
        });
        backends.chain(mirrors)
    });
    all.filter(|(it, ..)| it.fault.is_none() && !it.lacks_grant)
}
