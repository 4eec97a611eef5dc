//! What a route of a `VirtualService` matches. Source: Istio, `TranslateRouteMatch`.

use mesh_snapshot::object::{
    ClaimMatch, HeaderMatch, HttpMatch, QueryMatch, StringMatch, ValueMatch,
};

use crate::api::istio::{self, TextTest};

/// By which a header stands for a claim of the request's token.
const CLAIMS: &str = "@request.auth.claims";

/// A match that applies; one that names gateways says nothing of who sends, as in Istio (`sourceMatchHTTP`).
pub(super) fn lower(test: &istio::HttpMatch) -> HttpMatch {
    let names_gateways = !test.gateways.is_empty();
    let mut lowered = HttpMatch {
        name: test.name.clone(),
        path: test.uri.as_ref().and_then(text),
        ignore_path_case: test.ignore_uri_case,
        scheme: test.scheme.as_ref().and_then(text),
        method: test.method.as_ref().and_then(text),
        authority: test.authority.as_ref().and_then(text),
        headers: Vec::new(),
        query: test
            .query_params
            .iter()
            .map(|(name, test)| QueryMatch { name: name.clone(), value: value(test) })
            .collect(),
        claims: Vec::new(),
        port: port(test.port),
        source_labels: test.source_labels.clone(),
        source_namespace: test.source_namespace.clone(),
    };
    if names_gateways {
        lowered.source_labels.clear();
        lowered.source_namespace.clear();
    }
    let headers = test.headers.iter().map(|it| (it, false));
    let without = test.without_headers.iter().map(|it| (it, true));
    for ((name, test), inverted) in headers.chain(without) {
        if let Some(path) = claim(name) {
            lowered.claims.push(ClaimMatch { path, value: value(test), inverted });
        } else {
            let name = name.to_ascii_lowercase();
            lowered.headers.push(HeaderMatch { name, value: value(test), inverted });
        }
    }
    lowered
}

/// Zero: any.
pub(super) fn port(number: u32) -> Option<u16> {
    u16::try_from(number).ok().filter(|number| *number != 0)
}

/// `None` where nothing is asked.
pub(super) fn text(asked: &istio::StringMatch) -> Option<StringMatch> {
    Some(match asked.test()? {
        TextTest::Exact(text) => StringMatch::Exact(text.to_owned()),
        TextTest::Prefix(text) => StringMatch::Prefix(text.to_owned()),
        TextTest::Regex(source) => StringMatch::Regex(source.to_owned()),
    })
}

/// Where nothing is asked, or `*`, it is enough to be there. Source: Istio, `isCatchAllHeaderMatch`.
fn value(test: &istio::StringMatch) -> ValueMatch {
    match text(test) {
        None => ValueMatch::Present,
        Some(StringMatch::Regex(any)) if any == "*" => ValueMatch::Present,
        Some(asked) => ValueMatch::Is(asked),
    }
}

/// The path of a claim: `@request.auth.claims.realm.roles` or `@request.auth.claims[realm][roles]`.
/// Source: Istio, `jwt.ToRoutingClaim`.
fn claim(name: &str) -> Option<Vec<String>> {
    let head = name.get(..CLAIMS.len())?;
    let rest = name.get(CLAIMS.len()..)?;
    if !head.eq_ignore_ascii_case(CLAIMS) {
        return None;
    }
    let names: Vec<&str> = match rest.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inside) => inside.split("][").collect(),
        None => rest.strip_prefix('.')?.split('.').collect(),
    };
    Some(names.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_goes_by_dots_or_brackets() {
        let path = |name| claim(name).unwrap();
        assert_eq!(path("@request.auth.claims.realm.roles"), ["realm", "roles"]);
        assert_eq!(path("@request.auth.claims[a.b][c]"), ["a.b", "c"]);
        assert!(claim("x-claims").is_none() && claim("@request.auth.claimsx").is_none());
    }

    #[test]
    fn an_empty_test_of_a_header_asks_that_it_is_there() {
        let test = |exact: Option<&str>, regex: Option<&str>| istio::StringMatch {
            exact: exact.map(Into::into),
            prefix: None,
            regex: regex.map(Into::into),
        };
        assert_eq!(value(&test(None, None)), ValueMatch::Present);
        assert_eq!(value(&test(None, Some("*"))), ValueMatch::Present);
        let empty = ValueMatch::Is(StringMatch::Exact(String::new()));
        assert_eq!(value(&test(Some(""), None)), empty);
    }
}
