//! `unreachable-route`: routes stand after one that takes every request.
//!
//! Routes are tried in order and the first that matches decides, so those after it are dead; Istio does not even build
//! them. Source: Istio, `VirtualService.http`; `BuildHTTPRoutesForVirtualService`.

use super::apart;
use super::cover::takes_all;
use super::shadowed_route::place;
use super::witness::for_one;
use crate::api::istio::HttpMatch;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::Mesh;
use crate::resolve::route::{MergedHttp, VirtualService};

pub(super) static CHECK: Check =
    Check::lint("unreachable-route", Severity::Warning, include_str!("unreachable_route.md"))
        .alias(&["IST0130", "IST0131"]);

const ALL_REQUESTS: &str = "all requests go where the earlier route leads";

/// How many more dead routes are pointed at.
const SHOWN_MAX: usize = 3;

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    apart::virtual_services(mesh, out, |it, out| {
        if let Some(at) = catch_all(it) {
            let dead: Vec<_> = it.http.iter().skip(at + 1).map(place).collect();
            let any = HttpMatch::default();
            let first = it.http.get(at + 1).and_then(|dead| dead.spec.r#match.first());
            let host = it.resource.spec.hosts.first().map_or("*", String::as_str);
            let consequence = for_one(ALL_REQUESTS, first.unwrap_or(&any), host);
            out.extend(it.http.get(at).and_then(|all| report(place(all), dead, consequence)));
        }
        let all = it.resource.spec.tcp.iter().position(|route| route.r#match.is_empty());
        if let Some(at) = all {
            let place = |index: &usize| tcp_place(it.resource.id, *index);
            let dead = (at + 1..it.resource.spec.tcp.len()).map(|index| place(&index));
            let consequence = "all connections go where the earlier route leads".to_owned();
            out.extend(report(place(&at), dead.collect(), consequence));
        }
    });
}

/// The first route that takes every request.
pub(super) fn catch_all(it: &VirtualService<'_>) -> Option<usize> {
    let takes_all = |route: &MergedHttp<'_>| {
        route.spec.r#match.is_empty() || route.spec.r#match.iter().any(takes_all)
    };
    it.http.iter().position(takes_all)
}

fn tcp_place(document: DocumentId, index: usize) -> Place {
    Place::key(
        document,
        FieldPath::default().field("spec").field("tcp").index(index).field("route"),
    )
}

fn report(all: Place, dead: Vec<Place>, consequence: String) -> Option<Diagnostic> {
    let more = dead.len().checked_sub(1)?;
    let mut dead = dead.into_iter();
    let message = match more {
        0 => "this route can never be selected".to_owned(),
        1 => "this route and the one after it can never be selected".to_owned(),
        _ => format!("this route and the {more} after it can never be selected"),
    };
    let found = Diagnostic::new(&CHECK, dead.next()?, message)
        .label("never reached")
        .also(all, "this route takes every request")
        .consequence(consequence)
        .help("move the route that takes every request to the end, or give it a `match`");
    Some(dead.take(SHOWN_MAX).fold(found, |found, place| found.also(place, "nor is this one")))
}
