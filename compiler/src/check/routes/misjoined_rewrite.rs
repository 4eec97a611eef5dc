//! `misjoined-rewrite`: a rewrite leaves two slashes in a path, or none where one was or where every path has one.
//!
//! The text of a rewrite takes the place of the prefix that was matched, and what follows stays. Source: Istio,
//! `HTTPRewrite.uri`; Envoy, `prefix_rewrite`.

use std::borrow::Cow;

use crate::api::istio::{HttpMatch, HttpRoute, StringMatch, VirtualService};
use crate::check::matching::cover::{covers_gateways, covers_request};
use crate::check::matching::together::Together;
use crate::check::matching::tried::Tried;
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("misjoined-rewrite", Severity::Warning, include_str!("misjoined_rewrite.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for resource in &mesh.source.virtual_services {
        for it in misjoined(&resource.spec) {
            let at = FieldPath::default().field("spec").field("http").index(it.route);
            let rewrite = at.clone().field("rewrite").field("uri");
            let message = format!("`{}` becomes `{}`", it.request, it.result);
            let found = Diagnostic::new(&CHECK, Place::value(resource.id, rewrite), message)
                .consequence("the upstream is asked for a path that it hardly knows");
            let found = match it.prefix {
                Some(place) => {
                    let prefix = at.field("match").index(place).field("uri").field("prefix");
                    found
                        .label("put in the place of the prefix")
                        .also(Place::value(resource.id, prefix), "this much is taken away")
                }
                None => found.label("put in the place of `/`: the route is for every path"),
            };
            out.push(found.help(if it.result.starts_with('/') {
                "let both end with a slash, or neither"
            } else {
                "let the text begin with a slash, as every path does"
            }));
        }
    }
}

/// A path that is rewritten badly.
#[derive(Clone)]
struct Misjoined {
    route: usize,
    request: String,
    result: String,
    /// The match whose prefix is taken away; absent: none is written.
    prefix: Option<usize>,
}

/// The first of each route. Of one that is not whole nothing is said where no prefix is written.
fn misjoined(spec: &VirtualService) -> Vec<Misjoined> {
    // A delegate's routes have the matches of the route that leads to them, too.
    let is_whole = !spec.hosts.is_empty();
    let any = [HttpMatch::default()];
    // All matches in their order, each behind the one request of it that is rewritten badly.
    let mut tests: Vec<(Cow<'_, HttpMatch>, Option<Misjoined>)> = Vec::new();
    for (place, route) in spec.http.iter().enumerate() {
        let own = if route.r#match.is_empty() { &any } else { route.r#match.as_slice() };
        for (index, test) in own.iter().enumerate() {
            if test.uri.is_some() || is_whole {
                let joined = joined(route, test, (place, index));
                tests.extend(joined.map(|it| (Cow::Owned(only(test, &it.request)), Some(it))));
            }
            tests.push((Cow::Borrowed(test), None));
        }
    }
    if tests.iter().all(|(_, joined)| joined.is_none()) {
        return Vec::new();
    }
    let tried = Tried::of(&tests.iter().map(|(test, _)| Some(&**test)).collect::<Vec<_>>());
    let mut together = Together::of(tests.iter().map(|(test, _)| &**test));
    let mut all: Vec<Misjoined> = Vec::new();
    for (place, (request, joined)) in tests.iter().enumerate() {
        let Some(joined) = joined else { continue };
        if all.last().is_some_and(|last| last.route == joined.route) {
            continue;
        }
        let is_earlier = |(by, joined): &(Cow<'_, HttpMatch>, Option<_>)| {
            joined.is_none() && covers_gateways(&by.gateways, &request.gateways, &spec.gateways)
        };
        let earlier = || tried.before(place).filter(|it| tests.get(*it).is_some_and(is_earlier));
        // What goes on behind a slash may be taken before, which leaves the bare path.
        let is_taken = |it: usize| tests.get(it).is_some_and(|(by, _)| covers_request(by, request));
        let is_taken = earlier().any(is_taken)
            || together.takers(place, earlier().take(EARLIER_MAX), None).is_some();
        if !is_taken {
            all.push(joined.clone());
        }
    }
    all
}

/// Of how many earlier matches it is looked whether together they take a request.
const EARLIER_MAX: usize = 64;

/// What becomes of a path below the prefix of a match, where its slash is lost or doubled.
fn joined(route: &HttpRoute, test: &HttpMatch, (at, index): (usize, usize)) -> Option<Misjoined> {
    let rewrite = route.rewrite.as_ref().map(|it| it.uri.as_str()).filter(|it| !it.is_empty())?;
    let prefix = prefix(test).filter(|prefix| !prefix.is_empty())?;
    let prefix_place = test.uri.is_some().then_some(index);
    if prefix.starts_with('/') && !rewrite.starts_with('/') {
        let (request, result) = (prefix.to_owned(), rewrite.to_owned());
        return Some(Misjoined { route: at, request, result, prefix: prefix_place });
    }
    let (slash, open) = match (prefix.ends_with('/'), rewrite.ends_with('/')) {
        (true, false) => ("", rewrite),
        (false, true) => ("/", prefix),
        _ => return None,
    };
    // A segment that is to go on, as of `/img_` and `/search?q=`, needs no slash.
    if !open.ends_with(char::is_alphanumeric) {
        return None;
    }
    let (request, result) = (format!("{prefix}{slash}a"), format!("{rewrite}{slash}a"));
    Some(Misjoined { route: at, request, result, prefix: prefix_place })
}

/// The requests of a match that have this path.
fn only(test: &HttpMatch, path: &str) -> HttpMatch {
    let uri = StringMatch { exact: Some(path.to_owned()), ..StringMatch::default() };
    HttpMatch { uri: Some(uri), ignore_uri_case: false, ..test.clone() }
}

/// What paths begin with that a match takes; without a word about them it is Istio's prefix `/`.
fn prefix(test: &HttpMatch) -> Option<&str> {
    test.uri.as_ref().map_or(Some("/"), |uri| uri.prefix.as_deref())
}

#[cfg(test)]
mod tests {
    use super::misjoined;
    use crate::api::istio::{HttpMatch, HttpRewrite, HttpRoute, StringMatch, VirtualService};

    fn route(prefixes: &[&str], rewrite: &str) -> HttpRoute {
        let test = |prefix: &&str| HttpMatch {
            uri: Some(StringMatch { prefix: Some((*prefix).to_owned()), ..StringMatch::default() }),
            ..HttpMatch::default()
        };
        HttpRoute {
            r#match: prefixes.iter().map(test).collect(),
            rewrite: Some(HttpRewrite { uri: rewrite.to_owned(), ..HttpRewrite::default() }),
            ..HttpRoute::default()
        }
    }

    fn all(http: Vec<HttpRoute>) -> Vec<(usize, String)> {
        let hosts = vec!["web".to_owned()];
        let spec = VirtualService { hosts, http, ..VirtualService::default() };
        misjoined(&spec).into_iter().map(|it| (it.route, it.result)).collect()
    }

    fn becomes(prefixes: &[&str], rewrite: &str) -> Option<String> {
        all(vec![route(prefixes, rewrite)]).pop().map(|(_, result)| result)
    }

    /// Its matches ask for this method.
    fn with_method(mut route: HttpRoute, test: &StringMatch) -> HttpRoute {
        for it in &mut route.r#match {
            it.method = Some(test.clone());
        }
        route
    }

    #[test]
    fn a_slash_is_neither_doubled_nor_lost() {
        assert_eq!(becomes(&["/api"], "/").as_deref(), Some("//a"));
        assert_eq!(becomes(&["/api/"], "/v1").as_deref(), Some("/v1a"));
        assert_eq!(becomes(&["/api"], "/v1"), None);
        assert_eq!(becomes(&["/api/"], "/"), None);
        assert_eq!(becomes(&["/api/", "/api"], "/"), None);
        assert_eq!(becomes(&["/"], "/v1").as_deref(), Some("/v1a"));
        assert_eq!(becomes(&["/"], "/v1/"), None);
    }

    #[test]
    fn a_path_begins_with_a_slash() {
        assert_eq!(becomes(&["/api"], "v1").as_deref(), Some("v1"));
        assert_eq!(becomes(&["/api/"], "v1/").as_deref(), Some("v1/"));
        assert_eq!(becomes(&[], "v1").as_deref(), Some("v1"));
    }

    #[test]
    fn a_segment_that_goes_on_needs_no_slash() {
        assert_eq!(becomes(&["/img_"], "/images/"), None);
        assert_eq!(becomes(&["/images/"], "/img-"), None);
        assert_eq!(becomes(&["/find/"], "/search?q="), None);
        assert_eq!(becomes(&["/my_img"], "/images/").as_deref(), Some("/images//a"));
    }

    #[test]
    fn an_earlier_route_takes_what_goes_on_behind_a_slash() {
        let (slash, bare) = (route(&["/api/"], "/"), route(&["/api"], "/"));
        let told = [(1, "//a".to_owned())];
        assert!(all(vec![slash.clone(), bare.clone()]).is_empty());
        assert_eq!(all(vec![bare.clone(), slash.clone()]), [(0, "//a".to_owned())]);
        assert_eq!(all(vec![route(&["/other/"], "/"), bare.clone()]), told);
        assert_eq!(all(vec![route(&["/api/x/"], "/"), bare.clone()]), told);
        // A part of the requests comes through.
        let get = StringMatch { exact: Some("GET".to_owned()), ..StringMatch::default() };
        let gets = with_method(slash, &get);
        assert_eq!(all(vec![gets.clone(), bare.clone()]), told);
        assert!(all(vec![gets, with_method(bare, &get)]).is_empty());
    }

    #[test]
    fn earlier_routes_take_all_of_it_together() {
        let with = |name: &str, value: &str, is_inverted: bool| {
            let mut route = route(&["/api/"], "/");
            for it in &mut route.r#match {
                let value = StringMatch { exact: Some(value.to_owned()), ..StringMatch::default() };
                let tests = if is_inverted { &mut it.without_headers } else { &mut it.headers };
                tests.insert(name.to_owned(), value);
            }
            route
        };
        let bare = route(&["/api"], "/");
        assert!(all(vec![with("x", "a", false), with("x", "a", true), bare.clone()]).is_empty());
        let told = [(2, "//a".to_owned())];
        assert_eq!(all(vec![with("x", "a", false), with("x", "b", true), bare]), told);
    }

    #[test]
    fn a_route_without_a_path_takes_the_prefix_of_all() {
        assert_eq!(becomes(&[], "/v1").as_deref(), Some("/v1a"));
        assert_eq!(becomes(&[], "/"), None);
        let mut route = route(&[], "/v1");
        route.r#match = vec![HttpMatch { port: 80, ..HttpMatch::default() }];
        let delegate = VirtualService { http: vec![route], ..VirtualService::default() };
        assert!(misjoined(&delegate).is_empty(), "a delegate has its root's path");
        let whole = VirtualService { hosts: vec!["web".to_owned()], ..delegate };
        assert!(misjoined(&whole).iter().all(|it| it.prefix.is_none()));
        assert_eq!(misjoined(&whole).len(), 1);
    }
}
