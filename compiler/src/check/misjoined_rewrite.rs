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
        for (index, route) in resource.spec.http.iter().enumerate() {
            let Some((place, request, result)) = misjoined(route) else { continue };
            let at = FieldPath::default().field("spec").field("http").index(index);
            let rewrite = at.clone().field("rewrite").field("uri");
            let prefix = at.field("match").index(place).field("uri").field("prefix");
            let message = format!("`{request}` becomes `{result}`");
            let found = Diagnostic::new(&CHECK, Place::value(resource.id, rewrite), message)
                .label("put in the place of the prefix")
                .also(Place::value(resource.id, prefix), "this much is taken away")
                .consequence("the upstream is asked for a path that it hardly knows");
            out.push(found.help("let both end with a slash, or neither"));
        }
    }
}

/// The match, a path that it takes, and what becomes of that.
fn misjoined(route: &HttpRoute) -> Option<(usize, String, String)> {
    let rewrite = route.rewrite.as_ref().map(|it| it.uri.as_str()).filter(|it| !it.is_empty())?;
    route.r#match.iter().enumerate().find_map(|(index, test)| {
        let prefix = prefix(test).filter(|prefix| !prefix.is_empty())?;
        if prefix.ends_with('/') == rewrite.ends_with('/') {
            return None;
        }
        // What goes on behind a slash may be taken before, which leaves the bare path.
        let longer = format!("{prefix}/");
        let is_taken = |it: &HttpMatch| self::prefix(it) == Some(&longer);
        if route.r#match.iter().take(index).any(is_taken) {
            return None;
        }
        let slash = if prefix.ends_with('/') { "" } else { "/" };
        Some((index, format!("{prefix}{slash}a"), format!("{rewrite}{slash}a")))
    })
}

fn prefix(test: &HttpMatch) -> Option<&str> {
    test.uri.as_ref()?.prefix.as_deref()
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
        misjoined(&route).map(|(_, _, result)| result)
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
}
