//! Whether one test of a request takes every request that another one takes.
//!
//! It answers yes only where that is sure: an expression is compared with plain texts by running it, and with another
//! expression only by what both begin with.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::texts::{Texts, compiled, takes_absent};
use crate::api::istio::{HttpMatch, StringMatch};

/// Whether it is sure that `a` takes every text that `b` takes.
pub(super) fn takes(a: &Texts<'_>, b: &Texts<'_>) -> bool {
    match (a, b) {
        (Texts::Any, _) => true,
        // Expressions do not disregard case.
        (a, b) if b.folds() && !a.folds() => false,
        (Texts::Exact { text: a, folds }, Texts::Exact { text: b, .. }) => {
            if *folds {
                a.eq_ignore_ascii_case(b)
            } else {
                a == b
            }
        }
        (Texts::Prefix { text: a, folds: true }, b) => {
            !matches!(b, Texts::Regex { .. })
                && b.beginning().get(..a.len()).is_some_and(|head| head.eq_ignore_ascii_case(a))
        }
        (Texts::Prefix { text: a, folds: false }, b) => b.beginning().starts_with(a),
        (Texts::Regex { source: a, .. }, Texts::Regex { source: b, .. }) => a == b,
        (Texts::Regex { source, .. }, Texts::Exact { text, .. }) => {
            text.starts_with(a.beginning()) && compiled(source).is_some_and(|a| a.matches(text))
        }
        (Texts::Exact { .. } | Texts::Regex { .. }, _) => false,
    }
}

/// The paths that a match takes, as far as they are compared byte by byte.
#[derive(Debug)]
pub(in crate::check) enum Paths<'a> {
    All,
    One(&'a str),
    /// All of them begin so.
    Below(Cow<'a, str>),
    Unknown,
}

impl<'a> Paths<'a> {
    pub(in crate::check) fn of(it: &'a HttpMatch) -> Self {
        let Some(uri) = it.uri.as_ref().filter(|uri| !takes_every_path(uri)) else {
            return Self::All;
        };
        match (&uri.exact, Texts::of(uri, it.ignore_uri_case)) {
            (_, texts) if texts.folds() => Self::Unknown,
            (_, Texts::Any) => Self::All,
            (Some(path), _) => Self::One(path),
            (None, Texts::Prefix { text, .. }) => Self::Below(text.into()),
            (None, texts) => Self::Below(texts.beginning().to_owned().into()),
        }
    }
}

/// Whether a test of the path takes every path: each begins with `/`.
fn takes_every_path(uri: &StringMatch) -> bool {
    match Texts::of(uri, false) {
        Texts::Any | Texts::Prefix { text: "/", .. } => true,
        Texts::Regex { source, .. } => matches!(source, "/.*" | "^/.*" | ".+"),
        _ => false,
    }
}

/// Whether a match asks nothing of a request, wherever that comes.
pub(in crate::check) fn takes_all(it: &HttpMatch) -> bool {
    it.gateways.is_empty() && covers_request(it, &HttpMatch::default())
}

/// Whether `a` takes every request that `b` takes. `gateways` are those of the resource, at which a match without any of
/// its own applies.
pub(in crate::check) fn covers(a: &HttpMatch, b: &HttpMatch, gateways: &[String]) -> bool {
    covers_request(a, b) && covers_gateways(&a.gateways, &b.gateways, gateways)
}

/// The same of a place at which both apply.
pub(in crate::check) fn covers_request(a: &HttpMatch, b: &HttpMatch) -> bool {
    // The path comes last: to compare it with an expression takes longer than the rest.
    covers_text(a.scheme.as_ref(), b.scheme.as_ref())
        && covers_text(a.method.as_ref(), b.method.as_ref())
        && covers_text(a.authority.as_ref(), b.authority.as_ref())
        && covers_headers(&a.headers, &b.headers)
        && covers_names(&a.query_params, &b.query_params)
        && covers_absent(a, b)
        && (a.port == 0 || a.port == b.port)
        && a.source_labels.iter().all(|(name, value)| b.source_labels.get(name) == Some(value))
        && (a.source_namespace.is_empty() || a.source_namespace == b.source_namespace)
        && covers_path(a, b)
}

fn covers_path(a: &HttpMatch, b: &HttpMatch) -> bool {
    let Some(own) = a.uri.as_ref().filter(|uri| !takes_every_path(uri)) else { return true };
    let Some(other) = &b.uri else { return false };
    takes(&Texts::of(own, a.ignore_uri_case), &Texts::of(other, b.ignore_uri_case))
}

fn takes_texts(a: &StringMatch, b: &StringMatch) -> bool {
    takes(&Texts::of(a, false), &Texts::of(b, false))
}

fn covers_text(a: Option<&StringMatch>, b: Option<&StringMatch>) -> bool {
    match (a, b) {
        (None, _) => true,
        (Some(a), Some(b)) => takes_texts(a, b),
        (Some(a), None) => matches!(Texts::of(a, false), Texts::Any),
    }
}

/// A header as it is written, and what is asked of it. Names of headers disregard case. Source: RFC 9110 §5.1.
pub(super) fn header<'h>(
    headers: &'h BTreeMap<String, StringMatch>,
    name: &str,
) -> Option<(&'h str, &'h StringMatch)> {
    let folded = || headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name));
    let found = headers.get_key_value(name).or_else(folded);
    found.map(|(name, test)| (name.as_str(), test))
}

/// Of headers, which need not be there.
fn covers_headers(a: &BTreeMap<String, StringMatch>, b: &BTreeMap<String, StringMatch>) -> bool {
    a.iter().all(|(name, a)| header(b, name).is_some_and(|(_, b)| takes_texts(a, b)))
}

/// Of parameters, which need not be there.
fn covers_names(a: &BTreeMap<String, StringMatch>, b: &BTreeMap<String, StringMatch>) -> bool {
    a.iter().all(|(name, a)| b.get(name).is_some_and(|b| takes_texts(a, b)))
}

/// What `a` must not find, `b` must not find either.
fn covers_absent(a: &HttpMatch, b: &HttpMatch) -> bool {
    a.without_headers.iter().all(|(name, a)| {
        let excluded = header(&b.without_headers, name);
        // To ask only that it is not there lets one pass that is not, which such a test does not.
        excluded.is_some_and(|(_, b)| takes_texts(b, a) && (b.test().is_some() || !takes_absent(a)))
    })
}

/// Whether a match with the gateways `a` applies wherever one with `b` does, in a resource that is bound to `all`.
pub(in crate::check) fn covers_gateways(a: &[String], b: &[String], all: &[String]) -> bool {
    let mesh = [MESH.to_owned()];
    let all = if all.is_empty() { &mesh } else { all };
    let at = if b.is_empty() { all } else { b };
    a.is_empty() || at.iter().all(|name| a.contains(name))
}

/// Where a resource that names no gateway is.
const MESH: &str = "mesh";

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(json: &str) -> HttpMatch {
        serde_json::from_str(json).unwrap()
    }

    fn is_covered(a: &str, b: &str) -> bool {
        covers(&uri(a), &uri(b), &["mesh".to_owned()])
    }

    #[test]
    fn a_wider_test_takes_what_a_narrower_one_takes() {
        let pairs = [
            ("{}", r#"{"uri": {"exact": "/a"}}"#),
            (r#"{"uri": {"prefix": "/"}}"#, r#"{"headers": {"a": {"exact": "b"}}}"#),
            (
                r#"{"uri": {"prefix": "/a"}}"#,
                r#"{"uri": {"prefix": "/ab"}, "method": {"exact": "GET"}}"#,
            ),
            (r#"{"uri": {"regex": "/a.*"}}"#, r#"{"uri": {"exact": "/ab"}}"#),
            (r#"{"uri": {"prefix": "/a"}}"#, r#"{"uri": {"regex": "/a/[0-9]+"}}"#),
            (r#"{"uri": {"prefix": "/A"}, "ignoreUriCase": true}"#, r#"{"uri": {"exact": "/ab"}}"#),
            (r#"{"headers": {"a": {}}}"#, r#"{"headers": {"a": {"exact": "x"}, "b": {}}}"#),
            (r#"{"withoutHeaders": {"a": {"exact": "x"}}}"#, r#"{"withoutHeaders": {"a": {}}}"#),
            (r#"{"headers": {"X-A": {"exact": "x"}}}"#, r#"{"headers": {"x-a": {"exact": "x"}}}"#),
            (r#"{"gateways": ["mesh"]}"#, "{}"),
        ];
        for (a, b) in pairs {
            assert!(is_covered(a, b), "{a} takes {b}");
            assert!(is_covered(a, a) && is_covered(b, b), "each takes itself");
        }
    }

    #[test]
    fn what_is_not_sure_is_not_said() {
        let pairs = [
            (r#"{"uri": {"exact": "/a"}}"#, "{}"),
            (r#"{"uri": {"prefix": "/ab"}}"#, r#"{"uri": {"prefix": "/a"}}"#),
            (
                r#"{"uri": {"prefix": "/a"}}"#,
                r#"{"uri": {"prefix": "/ab"}, "ignoreUriCase": true}"#,
            ),
            (r#"{"uri": {"regex": "/a"}}"#, r#"{"uri": {"exact": "/ab"}}"#),
            (r#"{"headers": {"a": {}}}"#, "{}"),
            (r#"{"withoutHeaders": {"a": {}}}"#, r#"{"withoutHeaders": {"a": {"exact": "x"}}}"#),
            (r#"{"withoutHeaders": {"a": {"exact": ""}}}"#, r#"{"withoutHeaders": {"a": {}}}"#),
            (r#"{"withoutHeaders": {"a": {"regex": ".*"}}}"#, r#"{"withoutHeaders": {"a": {}}}"#),
            (r#"{"port": 80}"#, "{}"),
            (r#"{"gateways": ["public"]}"#, "{}"),
            (r#"{"sourceLabels": {"app": "a"}}"#, r#"{"sourceLabels": {"app": "b"}}"#),
        ];
        for (a, b) in pairs {
            assert!(!is_covered(a, b), "{a} does not take {b}");
        }
    }
}
