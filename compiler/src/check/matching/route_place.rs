//! Where routes of a `VirtualService` and their matches stand, to point at.

use crate::diagnostic::{FieldPath, Place};
use crate::resolve::route::MergedHttp;

/// The smallest thing that stands for a route: its name, else its first key.
pub(in crate::check) fn place(route: &MergedHttp<'_>) -> Place {
    let at = FieldPath::default().field("spec").field("http").index(route.index);
    let written = route.resource.spec.http.get(route.index);
    let has = |has: fn(&crate::api::istio::HttpRoute) -> bool| written.is_some_and(has);
    let document = route.resource.id;
    if has(|it| !it.name.is_empty()) {
        Place::value(document, at.field("name"))
    } else if has(|it| !it.r#match.is_empty()) {
        Place::key(document, at.field("match"))
    } else if has(|it| !it.route.is_empty()) {
        Place::key(document, at.field("route"))
    } else if has(|it| it.redirect.is_some()) {
        Place::key(document, at.field("redirect"))
    } else {
        Place::value(document, at)
    }
}

/// What a route asks of requests.
pub(in crate::check) fn matches(route: &MergedHttp<'_>) -> Place {
    let at = FieldPath::default().field("spec").field("http").index(route.index);
    Place::value(route.resource.id, at.field("match"))
}

/// A match of a route; of one that was merged with its root's, the route.
pub(in crate::check) fn match_place(route: &MergedHttp<'_>, index: usize) -> Place {
    if route.root.is_some() {
        return place(route);
    }
    let at = FieldPath::default().field("spec").field("http").index(route.index);
    let at = at.field("match").index(index);
    let written = route.spec.r#match.get(index);
    let first = written.and_then(|it| {
        [("uri", it.uri.is_some()), ("headers", !it.headers.is_empty())]
            .into_iter()
            .find_map(|(name, is_set)| is_set.then_some(name))
    });
    match first {
        Some("uri") => Place::value(route.resource.id, at.field("uri")),
        Some(name) => Place::key(route.resource.id, at.field(name)),
        None => Place::value(route.resource.id, at),
    }
}
