//! What a route does to headers.

use std::collections::BTreeMap;

use mesh_snapshot::object::HeaderOperations;

use crate::api::istio;

/// Those of a route, and behind them those of its only destination: both are done at once, so that what the destination
/// adds stands beside what the route sets. Source: Istio, `processDestination`.
pub(super) fn of_route(route: &istio::HttpRoute) -> HeaderOperations {
    let mut all = operations(route.headers.as_ref());
    if let [only] = route.route.as_slice() {
        let own = operations(only.headers.as_ref());
        all.request_set.extend(own.request_set);
        all.request_add.extend(own.request_add);
        all.request_remove.extend(own.request_remove);
        all.response_set.extend(own.response_set);
        all.response_add.extend(own.response_add);
        all.response_remove.extend(own.response_remove);
    }
    all
}

/// Those of one destination of several.
pub(super) fn of_destination(
    of: &istio::HttpRouteDestination,
    destinations: usize,
) -> HeaderOperations {
    if destinations == 1 { HeaderOperations::default() } else { operations(of.headers.as_ref()) }
}

fn operations(headers: Option<&istio::Headers>) -> HeaderOperations {
    let request = headers.and_then(|it| it.request.as_ref());
    let response = headers.and_then(|it| it.response.as_ref());
    let pairs = |of: Option<&BTreeMap<String, String>>| -> Vec<(String, String)> {
        of.into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    let names = |of: Option<&Vec<String>>| of.cloned().unwrap_or_default();
    HeaderOperations {
        request_set: pairs(request.map(|it| &it.set)),
        request_add: pairs(request.map(|it| &it.add)),
        request_remove: names(request.map(|it| &it.remove)),
        response_set: pairs(response.map(|it| &it.set)),
        response_add: pairs(response.map(|it| &it.add)),
        response_remove: names(response.map(|it| &it.remove)),
    }
}
