//! Which of several routes of the Gateway API comes first. Source: Gateway API, `HTTPRouteRule.matches`; Istio,
//! `sortHTTPRoutes`.

use std::cmp::Reverse;

use mesh_snapshot::object::{HttpRoute, StringMatch};

/// The least comes first: exact paths, then prefixes, then expressions; the longer; with a method; with more headers;
/// with more parameters.
pub(super) fn of(route: &HttpRoute) -> impl Ord + use<> {
    let test = route.matches.first();
    let path = test.and_then(|test| test.path.as_ref());
    let (rank, length) = match path {
        Some(StringMatch::Exact(path)) => (0, path.len()),
        // `/` is empty here, and no shorter than one that is written.
        Some(StringMatch::PathPrefix(path) | StringMatch::Prefix(path)) => (1, path.len().max(1)),
        Some(StringMatch::Regex(path)) => (2, path.len()),
        None => (3, 0),
    };
    let has_method = test.is_some_and(|test| test.method.is_some());
    let headers = test.map_or(0, |test| test.headers.len());
    let query = test.map_or(0, |test| test.query.len());
    (rank, Reverse(length), Reverse(has_method), Reverse(headers), Reverse(query))
}
