//! `shadowed-route`: earlier routes take every request that a later one matches, or that one of its matches does.
//!
//! Matches are compared by what they take, one with one, and then with what several earlier ones take together; of the routes of
//! several resources one with one alone. What stands after routes that take everything is `unreachable-route`'s. At a gateway the routes of all resources for a
//! host are tried one after another, so there the earlier ones may be another resource's. Source: Istio,
//! `VirtualService.http`.

use std::collections::{BTreeMap, BTreeSet};

use super::match_never_holds::{Known, never_holds};
use super::unreachable_route::all_taken;
use crate::api::istio::HttpMatch;
use crate::check::kept::apart;
use crate::check::matching::cover::covers;
use crate::check::matching::http_places::HttpPlaces;
use crate::check::matching::merged_routes::{self, Merged, MergedRoutes};
use crate::check::matching::route_place::{self, match_place, place};
use crate::check::matching::together::Together;
use crate::check::matching::tried::Tried;
use crate::check::matching::witness::for_one;
use crate::check::overlap::why_first;
use crate::diagnostic::{Check, Diagnostic, Place, Severity};
use crate::parse::DocumentId;
use crate::resolve::Mesh;
use crate::resolve::route::{MergedHttp, VirtualService};

pub(super) static CHECK: Check =
    Check::lint("shadowed-route", Severity::Warning, include_str!("shadowed_route.md"))
        .alias(&["IST0130", "IST0131"]);

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    let known = Known::default();
    apart::virtual_services(mesh, out, |it, out| check(mesh, it, &known, out));
    let mut met = BTreeSet::new();
    for merged in merged_routes::all(mesh) {
        check_merged(mesh, &merged, &known, &mut met, out);
    }
}

/// Of how many earlier matches it is looked whether together they take what a later one does.
const EARLIER_MAX: usize = 64;

fn check<'m>(
    mesh: &'m Mesh<'_>,
    it: &'m VirtualService<'_>,
    known: &Known<'m>,
    out: &mut Vec<Diagnostic>,
) {
    let live = all_taken(mesh, it).map_or(it.http.len(), |all| all.last() + 1);
    let routes = it.http.get(..live).unwrap_or_default();
    let tests: Vec<_> = routes.iter().flat_map(matches).collect();
    if tests.len() < 2 {
        return;
    }
    let tried = Tried::of(&tests.iter().map(|(.., test)| Some(*test)).collect::<Vec<_>>());
    let places = HttpPlaces::of(mesh, it);
    let mut together = Together::of(tests.iter().map(|(.., test)| *test));
    let mut takers = |place: usize| {
        let (route, _, test) = tests.get(place)?;
        let earlier: Vec<_> = tried.before(place).take(EARLIER_MAX).collect();
        let mut all = BTreeSet::new();
        for at in places.iter().filter(|at| at.has(route, test)) {
            let is_here = |it: &usize| tests.get(*it).is_some_and(|(by, _, it)| at.has(by, it));
            let here = earlier.iter().copied().filter(is_here);
            all.extend(together.takers(place, here, at.ports())?);
        }
        Some(all).filter(|all| !all.is_empty())
    };
    let mut at = 0..tests.len();
    for route in routes {
        let own = route.spec.r#match.len();
        let (mut shadows, mut alive) = (Vec::new(), Vec::new());
        for (place, (_, index, test)) in at.by_ref().take(own).zip(matches(route)) {
            let mut earlier = tried.before(place).filter_map(|place| tests.get(place));
            let by = earlier.find(|(.., by)| covers(by, test, &it.resource.spec.gateways));
            let by = match by {
                Some((by, at, _)) => Some(vec![Taker::of(by, *at)]),
                None => takers(place).map(|all| {
                    let all = all.into_iter().filter_map(|place| tests.get(place));
                    all.map(|(by, at, _)| Taker::of(by, *at)).collect()
                }),
            };
            match by {
                Some(by) => shadows.push((index, by)),
                None => alive.push(test),
            }
        }
        // What never holds is no fault of those before it, and keeps no route alive.
        let is_dead = |test: &'m HttpMatch| never_holds(mesh, it, route, test, known);
        shadows.retain(|(index, _)| {
            let test = route.spec.r#match.get(*index);
            test.is_none_or(|test| !is_dead(test))
        });
        if shadows.is_empty() {
            continue;
        }
        if alive.into_iter().all(is_dead) {
            out.push(dead_route(it, route, shadows));
        } else {
            out.extend(shadows.into_iter().map(|(index, by)| dead_match(it, route, index, by)));
        }
    }
}

/// A match that takes requests of a later one.
struct Taker {
    at: Place,
    /// Where it stands with its route's others. One that could not be read takes fewer requests than it seems.
    matches: Place,
}

impl Taker {
    fn of(route: &MergedHttp<'_>, index: usize) -> Self {
        Self { at: match_place(route, index), matches: route_place::matches(route) }
    }
}

/// The matches of a route, with their places in it.
fn matches<'m, 'a>(
    route: &'m MergedHttp<'a>,
) -> impl Iterator<Item = (&'m MergedHttp<'a>, usize, &'m HttpMatch)> {
    route.spec.r#match.iter().enumerate().map(move |(index, test)| (route, index, test))
}

/// A route by the resource that it is of, where it stands, and its place there.
type RouteAt = (DocumentId, DocumentId, usize);

/// What another resource takes at a gateway. Each route is told once, of the first host at which it is so.
fn check_merged<'m>(
    mesh: &'m Mesh<'_>,
    merged: &MergedRoutes<'m, '_>,
    known: &Known<'m>,
    met: &mut BTreeSet<RouteAt>,
    out: &mut Vec<Diagnostic>,
) {
    let mut by_route: BTreeMap<RouteAt, Vec<(&Merged<'m, '_>, Option<&Merged<'m, '_>>)>> =
        BTreeMap::new();
    let tests: Vec<_> = merged.tried.iter().map(|it| it.test.map(|(_, test)| test)).collect();
    let tried = Tried::of(&tests);
    for (position, it) in merged.tried.iter().enumerate() {
        let near = tried.before(position);
        let mut earlier = near.filter_map(|place| merged.tried.get(place));
        let at = (it.of.resource.id, it.route.resource.id, it.route.index);
        by_route.entry(at).or_default().push((it, earlier.find(|wider| wider.covers(it))));
    }
    for (at, mut tests) in by_route {
        if tests.iter().any(|(_, by)| by.is_some()) {
            let is_dead = |it: &Merged<'m, '_>| {
                let test = it.test.map(|(_, test)| test);
                test.is_some_and(|test| never_holds(mesh, it.of, it.route, test, known))
            };
            tests.retain(|(it, _)| !is_dead(it));
        }
        let is_others = |(it, by): &(&Merged<'_, '_>, Option<&Merged<'_, '_>>)| {
            by.is_some_and(|by| by.of.resource.id != it.of.resource.id)
        };
        // What its own resource takes was told of it already.
        if !tests.iter().any(is_others) || !met.insert(at) {
            continue;
        }
        let is_dead = tests.iter().all(|(_, by)| by.is_some());
        let foreign = tests.iter().filter(|test| is_others(test));
        let foreign = foreign.filter_map(|(it, by)| Some((*it, (*by)?)));
        if is_dead {
            out.extend(taken_route(merged, &foreign.collect::<Vec<_>>()));
        } else {
            out.extend(foreign.map(|(it, by)| taken_match(merged, it, by)));
        }
    }
}

fn taken_route(
    merged: &MergedRoutes<'_, '_>,
    taken: &[(&Merged<'_, '_>, &Merged<'_, '_>)],
) -> Option<Diagnostic> {
    let (it, _) = taken.first()?;
    let (name, at) = (called(it.route), place(it.route));
    let message = format!("{name} can never be selected {}", whereabouts(merged));
    let mut found = Diagnostic::new(&CHECK, at, message).label("never selected");
    let mut met = Vec::new();
    for (it, by) in taken {
        let at = by.place();
        if !met.contains(&at) {
            met.push(at.clone());
            found = found.also(at, takes_it(by, it));
        }
    }
    let consequence = "all requests that it matches go where the other resource's route leads";
    Some(found.consequence(of_merged(consequence, merged, it)).help(OWN_RESOURCE))
}

fn taken_match(
    merged: &MergedRoutes<'_, '_>,
    it: &Merged<'_, '_>,
    by: &Merged<'_, '_>,
) -> Diagnostic {
    let message = format!(
        "this match adds nothing {}: another resource takes all of its requests",
        whereabouts(merged)
    );
    let mut found = Diagnostic::new(&CHECK, it.place(), message)
        .label("adds nothing")
        .also(by.place(), takes_it(by, it))
        .consequence(of_merged("requests go where the other resource's route leads", merged, it))
        .help(OWN_RESOURCE);
    // The route is in use all the same.
    found.severity = Severity::Info;
    found
}

fn of_merged(consequence: &str, merged: &MergedRoutes<'_, '_>, it: &Merged<'_, '_>) -> String {
    let any = HttpMatch::default();
    for_one(consequence, it.test.map_or(&any, |(_, test)| test), &merged.host)
}

/// The order within a resource is its author's; that between resources is not.
const OWN_RESOURCE: &str =
    "put the host's routes into one VirtualService, the more specific one first";

fn whereabouts(merged: &MergedRoutes<'_, '_>) -> String {
    format!("for `{}` at the Gateway `{}`", merged.host, merged.gateway)
}

/// Why `by`, of another resource, is tried before `it`.
fn takes_it(by: &Merged<'_, '_>, it: &Merged<'_, '_>) -> String {
    let reason = if by.of.age < it.of.age {
        why_first(&by.of.age, &it.of.age)
    } else {
        "what takes every request is tried last"
    };
    format!("this is tried before it and takes every request that it matches: {reason}")
}

fn called(route: &MergedHttp<'_>) -> String {
    match route.spec.name.as_str() {
        "" => "this route".to_owned(),
        name => format!("route `{name}`"),
    }
}

fn dead_route(
    it: &VirtualService<'_>,
    route: &MergedHttp<'_>,
    shadows: Vec<(usize, Vec<Taker>)>,
) -> Diagnostic {
    let name = called(route);
    let first = shadows.first().map_or(0, |(index, _)| *index);
    let consequence = match shadows.iter().map(|(_, by)| by.len()).max() {
        Some(0 | 1) | None => "all requests that it matches go where the earlier route leads",
        Some(_) => "all requests that it matches go where the earlier routes lead",
    };
    let found = Diagnostic::new(&CHECK, place(route), format!("{name} can never be selected"))
        .label("never selected")
        .consequence(of_route(consequence, it, route, first))
        .help("move the more specific route first");
    let mut met = Vec::new();
    shadows.into_iter().fold(found, |mut found, (_, by)| {
        let takes = takes(by.len());
        for Taker { at, matches } in by {
            if met.len() < SHOWN_MAX && !met.contains(&at) {
                met.push(at.clone());
                found = found.also(at, takes).supposing(matches);
            }
        }
        found
    })
}

/// How many earlier matches are pointed at.
const SHOWN_MAX: usize = 8;

/// What is said of each of so many earlier matches.
fn takes(count: usize) -> &'static str {
    match count {
        1 => "this takes every request that it matches",
        _ => {
            "this takes a part of the requests that it matches, and those that are shown with it take the others"
        }
    }
}

/// What follows for a request that a match takes.
fn of_route(
    consequence: &str,
    it: &VirtualService<'_>,
    route: &MergedHttp<'_>,
    index: usize,
) -> String {
    let host = it.resource.spec.hosts.first().map_or("*", String::as_str);
    let test = route.spec.r#match.get(index);
    test.map_or_else(|| consequence.to_owned(), |test| for_one(consequence, test, host))
}

fn dead_match(
    it: &VirtualService<'_>,
    route: &MergedHttp<'_>,
    index: usize,
    by: Vec<Taker>,
) -> Diagnostic {
    let (message, takes) = match by.len() {
        1 => ("this match adds nothing: an earlier one takes all of its requests", takes(1)),
        count => ("this match adds nothing: earlier ones take all of its requests", takes(count)),
    };
    let found = Diagnostic::new(&CHECK, match_place(route, index), message)
        .label("adds nothing")
        .consequence(of_route("requests go where the earlier match leads", it, route, index))
        .help("remove it, or move the more specific one first");
    let by = by.into_iter().take(SHOWN_MAX);
    let mut found = by.fold(found, |found, by| found.also(by.at, takes).supposing(by.matches));
    // The route is in use all the same.
    found.severity = Severity::Info;
    found
}

#[cfg(test)]
mod tests {
    use super::CHECK;
    use crate::testing::{Folder, findings};

    /// How many findings there are of routes with these matches at these gateways.
    fn found(gateways: &str, matches: &[&str]) -> usize {
        let folder = Folder::new();
        let routes = matches
            .iter()
            .map(|it| format!("  - match: [{it}]\n    route: [{{destination: {{host: shop}}}}]\n"));
        let routes: String = routes.collect();
        folder.write("a.yaml", format!(
            "apiVersion: v1\nkind: Service\nmetadata: {{name: shop, namespace: shop}}\nspec: {{ports: [{{name: http, port: 80}}]}}\n---\napiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {{name: shop, namespace: shop}}\nspec:\n  hosts: [shop]\n  gateways: [{gateways}]\n  http:\n{routes}"
        ));
        findings(folder.path()).iter().filter(|it| it.check == &CHECK).count()
    }

    #[test]
    fn matches_are_compared_by_what_they_take() {
        let version = "{uri: {regex: '/api/v[0-9]+/.*'}}";
        assert_eq!(found("mesh", &[version, "{uri: {prefix: /api/v1/}}"]), 1);
        assert_eq!(found("mesh", &[version, "{uri: {prefix: /api/v1}}"]), 0);
        assert_eq!(found("mesh", &[version, "{uri: {regex: '/api/v[1-3]/x'}}"]), 1);
        let (a, b) = ("{uri: {prefix: /a/}}", "{uri: {prefix: /b/}}");
        assert_eq!(found("mesh", &[a, b, "{uri: {regex: '/(a|b)/.*'}}"]), 1);
        assert_eq!(found("mesh", &[a, "{uri: {regex: '/(a|b)/.*'}}"]), 0);
    }

    #[test]
    fn at_each_gateway_others_may_be_tried() {
        let here = "{uri: {prefix: /a}, headers: {y: {exact: a}}, gateways: [mesh]}";
        let not = "{uri: {prefix: /a}, withoutHeaders: {y: {exact: a}}}";
        assert_eq!(found("mesh", &[here, not, "{uri: {prefix: /a/b}}"]), 1);
        assert_eq!(found("mesh, g", &[here, not, "{uri: {prefix: /a/b}}"]), 0);
        assert_eq!(found("mesh, g", &[here, not, "{uri: {prefix: /a/b}, gateways: [mesh]}"]), 1);
    }
}
