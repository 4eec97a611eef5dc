//! `shadowed-route`: earlier routes take every request that a later one matches, or that one of its matches does.
//!
//! Matches are compared by what they take, one with one: what several earlier ones take together is not put together.
//! What stands after a route that takes everything is `unreachable-route`'s. Source: Istio, `VirtualService.http`.

use super::cover::covers;
use super::unreachable_route::catch_all;
use crate::api::istio::HttpMatch;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;
use crate::resolve::route::{MergedHttp, VirtualService};

pub(super) static CHECK: Check =
    Check::lint("shadowed-route", Severity::Warning, include_str!("shadowed_route.md"))
        .alias(&["IST0130", "IST0131"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for (_, it) in mesh.virtual_services.iter() {
        check(it, out);
    }
}

fn check(it: &VirtualService<'_>, out: &mut Vec<Diagnostic>) {
    let live = catch_all(it).map_or(it.http.len(), |at| at + 1);
    let routes = it.http.get(..live).unwrap_or_default();
    let mut earlier: Vec<(&MergedHttp<'_>, usize, &HttpMatch)> = Vec::new();
    for route in routes {
        let own: Vec<_> = route.spec.r#match.iter().enumerate().collect();
        let mut shadows = Vec::new();
        for (index, test) in &own {
            let is_wider =
                |(.., wider): &&(_, _, &HttpMatch)| covers(wider, test, &it.resource.spec.gateways);
            if let Some((by, at, _)) = earlier.iter().find(is_wider) {
                shadows.push((*index, match_place(by, *at)));
            }
            earlier.push((route, *index, test));
        }
        if shadows.len() == own.len() && !own.is_empty() {
            out.push(dead_route(route, shadows));
        } else {
            out.extend(shadows.into_iter().map(|(index, by)| dead_match(route, index, by)));
        }
    }
}

fn dead_route(route: &MergedHttp<'_>, shadows: Vec<(usize, Place)>) -> Diagnostic {
    let name = if route.spec.name.is_empty() {
        "this route".to_owned()
    } else {
        format!("route `{}`", route.spec.name)
    };
    let found = Diagnostic::new(&CHECK, place(route), format!("{name} can never be selected"))
        .label("never selected")
        .consequence("all requests that it matches go where the earlier route leads")
        .help("move the more specific route first");
    let mut met = Vec::new();
    shadows.into_iter().fold(found, |found, (_, by)| {
        if met.contains(&by) {
            return found;
        }
        met.push(by.clone());
        found.also(by, "this takes every request that it matches")
    })
}

fn dead_match(route: &MergedHttp<'_>, index: usize, by: Place) -> Diagnostic {
    let message = "this match adds nothing: an earlier one takes all of its requests";
    let mut found = Diagnostic::new(&CHECK, match_place(route, index), message)
        .label("adds nothing")
        .also(by, "this takes every request that it matches")
        .consequence("requests go where the earlier match leads")
        .help("remove it, or move the more specific one first");
    // The route is in use all the same.
    found.severity = Severity::Info;
    found
}

/// The smallest thing that stands for a route: its name, else its first key.
pub(super) fn place(route: &MergedHttp<'_>) -> Place {
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

/// A match of a route; of one that was merged with its root's, the route.
fn match_place(route: &MergedHttp<'_>, index: usize) -> Place {
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
