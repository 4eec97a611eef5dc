//! `misjoined-rewrite`: a rewrite leaves two slashes in a path, or none where one was.
//!
//! The text of a rewrite takes the place of the prefix that was matched, and what follows stays. Source: Istio,
//! `HTTPRewrite.uri`; Envoy, `prefix_rewrite`.

use crate::api::istio::{HttpMatch, HttpRoute};
use crate::diagnostic::{Check, Diagnostic, FieldPath, Place, Severity};
use crate::resolve::Mesh;

pub(super) static CHECK: Check =
    Check::lint("misjoined-rewrite", Severity::Warning, include_str!("misjoined_rewrite.md"));

pub(super) fn run(mesh: &Mesh<'_>, out: &mut Vec<Diagnostic>) {
    for resource in &mesh.source.virtual_services {
        // A delegate's routes have the matches of the route that leads to them, too.
        let is_whole = !resource.spec.hosts.is_empty();
        for (index, route) in resource.spec.http.iter().enumerate() {
            let Some(it) = misjoined(route, is_whole) else { continue };
            let at = FieldPath::default().field("spec").field("http").index(index);
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
            out.push(found.help("let both end with a slash, or neither"));
        }
    }
}

/// A path that is rewritten badly.
struct Misjoined {
    request: String,
    result: String,
    /// The match whose prefix is taken away; absent: none is written.
    prefix: Option<usize>,
}

/// Of a route that is not whole nothing is said where no prefix is written.
fn misjoined(route: &HttpRoute, is_whole: bool) -> Option<Misjoined> {
    let rewrite = route.rewrite.as_ref().map(|it| it.uri.as_str()).filter(|it| !it.is_empty())?;
    let any = [HttpMatch::default()];
    let tests = if route.r#match.is_empty() { &any } else { route.r#match.as_slice() };
    tests.iter().enumerate().find_map(|(index, test)| {
        let prefix = prefix(test).filter(|prefix| !prefix.is_empty())?;
        let is_written = test.uri.is_some();
        if prefix.ends_with('/') == rewrite.ends_with('/') || !(is_written || is_whole) {
            return None;
        }
        // What goes on behind a slash may be taken before, which leaves the bare path.
        let longer = format!("{prefix}/");
        let is_taken = |it: &HttpMatch| self::prefix(it) == Some(&longer);
        if tests.iter().take(index).any(is_taken) {
            return None;
        }
        let slash = if prefix.ends_with('/') { "" } else { "/" };
        let (request, result) = (format!("{prefix}{slash}a"), format!("{rewrite}{slash}a"));
        Some(Misjoined { request, result, prefix: is_written.then_some(index) })
    })
}

/// What paths begin with that a match takes; without a word about them it is Istio's prefix `/`.
fn prefix(test: &HttpMatch) -> Option<&str> {
    test.uri.as_ref().map_or(Some("/"), |uri| uri.prefix.as_deref())
}

#[cfg(test)]
mod tests {
    use super::misjoined;
    use crate::api::istio::{HttpMatch, HttpRewrite, HttpRoute, StringMatch};

    fn becomes(prefixes: &[&str], rewrite: &str) -> Option<String> {
        let test = |prefix: &&str| HttpMatch {
            uri: Some(StringMatch { prefix: Some((*prefix).to_owned()), ..StringMatch::default() }),
            ..HttpMatch::default()
        };
        let route = HttpRoute {
            r#match: prefixes.iter().map(test).collect(),
            rewrite: Some(HttpRewrite { uri: rewrite.to_owned(), ..HttpRewrite::default() }),
            ..HttpRoute::default()
        };
        misjoined(&route, true).map(|it| it.result)
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
    fn a_route_without_a_path_takes_the_prefix_of_all() {
        assert_eq!(becomes(&[], "/v1").as_deref(), Some("/v1a"));
        assert_eq!(becomes(&[], "/"), None);
        let rewrite = Some(HttpRewrite { uri: "/v1".to_owned(), ..HttpRewrite::default() });
        let test = HttpMatch { port: 80, ..HttpMatch::default() };
        let route = HttpRoute { rewrite, r#match: vec![test], ..HttpRoute::default() };
        assert!(misjoined(&route, true).is_some_and(|it| it.prefix.is_none()));
        assert!(misjoined(&route, false).is_none(), "a delegate has its root's path");
    }
}
