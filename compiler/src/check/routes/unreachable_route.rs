//! `unreachable-route`: routes stand after one that takes every request.
//!
//! Or after several that do so together. Routes are tried in order and the first that matches decides, so those after it are dead;
//! Istio does not even build them. Source: Istio, `VirtualService.http`; `BuildHTTPRoutesForVirtualService`.

use std::collections::BTreeSet;

use super::match_never_holds::{Known, never_holds};
use crate::api::istio::HttpMatch;
use crate::check::kept::apart;
use crate::check::matching::cover::takes_all;
use crate::check::matching::http_places::HttpPlaces;
use crate::check::matching::route_place::{matches, place};
use crate::check::matching::together::Together;
use crate::check::matching::witness::for_one;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::Mesh;
use crate::resolve::route::{MergedHttp, VirtualService};

pub(super) static CHECK: Check =
    Check::lint("unreachable-route", Severity::Warning, include_str!("unreachable_route.md"))
        .alias(&["IST0130", "IST0131"]);

/// What follows where so many routes take all requests.
fn all_requests(count: usize) -> &'static str {
    match count {
        1 => "all requests go where the earlier route leads",
        _ => "all requests go where the earlier routes lead",
    }
}

/// How many more dead routes are pointed at, and how many that take all.
const SHOWN_MAX: usize = 3;

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let known = Known::default();
    apart::virtual_services(mesh, out, |it, out| {
        if let Some(all) = all_taken(mesh, it) {
            let dead: Vec<_> = it.http.iter().skip(all.last() + 1).map(place).collect();
            let any = HttpMatch::default();
            // Of those that any request has.
            let first = it.http.get(all.last() + 1).and_then(|dead| {
                let mut tests = dead.spec.r#match.iter();
                tests.find(|test| !never_holds(mesh, it, dead, test, &known))
            });
            let host = it.resource.spec.hosts.first().map_or("*", String::as_str);
            let consequence = for_one(all_requests(all.routes.len()), first.unwrap_or(&any), host);
            let by = || all.routes.iter().filter_map(|at| it.http.get(*at));
            let found = report(by().map(place).collect(), all.takes, dead, consequence);
            // A match that could not be read takes fewer requests than it seems.
            let supposed = |found: Diagnostic| by().map(matches).fold(found, Diagnostic::supposing);
            out.extend(found.map(supposed));
        }
        let all = it.resource.spec.tcp.iter().position(|route| route.r#match.is_empty());
        if let Some(at) = all {
            let place = |index: &usize| tcp_place(it.resource.id, *index);
            let dead = (at + 1..it.resource.spec.tcp.len()).map(|index| place(&index));
            let consequence = "all connections go where the earlier route leads".to_owned();
            out.extend(report(
                vec![place(&at)],
                "this route takes every request",
                dead.collect(),
                consequence,
            ));
        }
    });
}

/// Routes that take every request.
pub(super) struct AllTaken {
    /// By their places, ascending; one at least.
    routes: Vec<usize>,
    /// What is to be said of each.
    takes: &'static str,
}

impl AllTaken {
    /// The route after which nothing is left.
    pub(super) fn last(&self) -> usize {
        self.routes.last().copied().unwrap_or_default()
    }
}

/// The first routes that take every request, all of them together.
pub(super) fn all_taken(mesh: &Mesh<'_>, it: &VirtualService<'_>) -> Option<AllTaken> {
    let takes_all = |route: &MergedHttp<'_>| {
        route.spec.r#match.is_empty() || route.spec.r#match.iter().any(takes_all)
    };
    let one = it.http.iter().position(takes_all);
    let alone = |at| AllTaken { routes: vec![at], takes: "this route takes every request" };
    together(mesh, it, one.unwrap_or(it.http.len())).or_else(|| one.map(alone))
}

/// The same among the first `count` routes.
fn together(mesh: &Mesh<'_>, it: &VirtualService<'_>, count: usize) -> Option<AllTaken> {
    let tests = it.http.iter().take(count).enumerate();
    let tests = tests.flat_map(|(at, route)| route.spec.r#match.iter().map(move |it| (at, it)));
    let tests: Vec<_> = tests.collect();
    // One that stands alone asks for something that not all requests have, unless there is no other port.
    if tests.is_empty() {
        return None;
    }
    let places = HttpPlaces::of(mesh, it);
    let mut together = Together::of(tests.iter().map(|(_, test)| *test));
    let mut routes = BTreeSet::new();
    for at in places.iter() {
        let is_here = |index: &usize| {
            let of = tests.get(*index).and_then(|(route, test)| Some((it.http.get(*route)?, test)));
            of.is_some_and(|(route, test)| at.has(route, test))
        };
        let here = (0..tests.len()).filter(is_here);
        let takers = together.takers_of_all(here, at.ports())?;
        routes.extend(takers.iter().filter_map(|index| Some(tests.get(*index)?.0)));
    }
    let takes = match routes.len() {
        0 => return None,
        1 => "this route takes every request that comes to the ports of its hosts",
        _ => {
            "this route takes a part of the requests, and those that are shown with it take the others"
        }
    };
    Some(AllTaken { routes: routes.into_iter().collect(), takes })
}

fn tcp_place(document: DocumentId, index: usize) -> Place {
    Place::key(
        document,
        FieldPath::default().field("spec").field("tcp").index(index).field("route"),
    )
}

fn report(
    by: Vec<Place>,
    takes: &str,
    dead: Vec<Place>,
    consequence: String,
) -> Option<Diagnostic> {
    let more = dead.len().checked_sub(1)?;
    let mut dead = dead.into_iter();
    let message = match more {
        0 => "this route can never be selected".to_owned(),
        1 => "this route and the one after it can never be selected".to_owned(),
        _ => format!("this route and the {more} after it can never be selected"),
    };
    let found = Diagnostic::new(&CHECK, dead.next()?, message)
        .label("never reached")
        .consequence(consequence)
        .help("move what takes every request to the end, or let it match less");
    let found = by.into_iter().take(SHOWN_MAX).fold(found, |found, at| found.also(at, takes));
    Some(dead.take(SHOWN_MAX).fold(found, |found, place| found.also(place, "nor is this one")))
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    /// How many findings there are of routes with these matches, and one behind them; the host has these ports.
    fn found(ports: &str, matches: &[&str]) -> usize {
        let folder = Folder::new();
        let routes = matches.iter().map(|it| {
            format!("  - match: [{it}]\n    route: [{{destination: {{host: shop, port: {{number: 80}}}}}}]\n")
        });
        let routes: String = routes.collect();
        folder.write("a.yaml", format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: shop, namespace: shop}}\nspec: {{ports: [{ports}]}}\n---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: shop, namespace: shop}}\nspec:\n  hosts: [shop]\n  http:\n{routes}  - match: [{{uri: {{prefix: /x}}}}]\n    redirect: {{uri: /y}}\n"
        ));
        findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
    }

    const HTTP: &str = "{name: http, port: 80}";
    const TWO: &str = "{name: http, port: 80}, {name: http-b, port: 81}";

    #[test]
    fn routes_take_all_together() {
        let (a, not_a) = ("{headers: {y: {exact: a}}}", "{withoutHeaders: {y: {exact: a}}}");
        assert_eq!(found(HTTP, &[a, not_a]), 1);
        assert_eq!(found(HTTP, &[a]), 0);
        assert_eq!(found(HTTP, &[a, "{withoutHeaders: {y: {exact: b}}}"]), 0);
        assert_eq!(found(HTTP, &["{port: 80}"]), 1);
        assert_eq!(found(&format!("{HTTP}, {{name: tcp, port: 82}}"), &["{port: 80}"]), 1);
        assert_eq!(found(TWO, &["{port: 80}"]), 0);
        assert_eq!(found(TWO, &["{port: 80}", "{port: 81}"]), 1);
        assert_eq!(found(TWO, &["{port: 80}", "{port: 81, uri: {prefix: /a}}"]), 0);
    }
}
