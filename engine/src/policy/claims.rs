//! What a request's token says, and what is done to the request because of it.

use std::borrow::Cow;

use http::HeaderMap;
use http::header::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

/// The claims of a verified token; empty for a request without one.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    pub(super) payload: Map<String, Value>,
    /// Tokens that the upstream does not get.
    pub(super) strip: Vec<TokenPlace>,
    /// Headers that the upstream gets.
    pub(super) set: Vec<(HeaderName, HeaderValue)>,
}

/// Where a token stood.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum TokenPlace {
    Header(HeaderName),
    /// Of the query.
    Parameter(Box<str>),
}

impl Claims {
    /// The claims of a token that somebody else has verified.
    #[must_use]
    pub fn of_verified(payload: Map<String, Value>) -> Self {
        Self { payload, ..Self::default() }
    }

    /// Whether there was a token.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.payload.is_empty()
    }

    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.payload.get("iss").and_then(Value::as_str)
    }

    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.payload.get("sub").and_then(Value::as_str)
    }

    /// Carries out in the headers what the token brings with it: it goes itself, unless it is to be forwarded, and what was asked
    /// for of it comes.
    pub fn write_headers(&self, headers: &mut HeaderMap) {
        for place in &self.strip {
            if let TokenPlace::Header(name) = place {
                headers.remove(name);
            }
        }
        for (name, value) in &self.set {
            headers.insert(name.clone(), value.clone());
        }
    }

    /// A query without the token; `None` where the token was all of it.
    #[must_use]
    pub fn rest_of_query<'q>(&self, query: &'q str) -> Option<Cow<'q, str>> {
        let mut rest = Cow::Borrowed(query);
        for place in &self.strip {
            if let TokenPlace::Parameter(name) = place {
                let mut left = String::new();
                write_query_without(&rest, name, &mut left);
                rest = Cow::Owned(left);
            }
        }
        // An empty one that came so stays.
        (matches!(rest, Cow::Borrowed(_)) || !rest.is_empty()).then_some(rest)
    }

    /// The texts of a claim, by its path: one, or the elements of a list. What is no text is none.
    pub(crate) fn texts<S: AsRef<str>>(&self, path: &[S]) -> impl Iterator<Item = &str> {
        let value = lookup(&self.payload, path);
        let (one, list) = match value {
            Some(Value::String(text)) => (Some(text.as_str()), None),
            Some(Value::Array(all)) => (None, Some(all)),
            _ => (None, None),
        };
        one.into_iter().chain(list.into_iter().flatten().filter_map(Value::as_str))
    }
}

#[cfg(test)]
impl Claims {
    /// Claims that are lists of texts.
    pub(crate) fn of(claims: &[(&str, &[&str])]) -> Self {
        let claims =
            claims.iter().map(|(name, texts)| ((*name).to_owned(), Value::from(texts.to_vec())));
        Self { payload: claims.collect(), ..Self::default() }
    }

    pub(crate) fn of_token(issuer: &str, subject: &str) -> Self {
        let claims = [("iss", issuer), ("sub", subject)];
        let claims = claims.map(|(name, text)| (name.to_owned(), Value::from(text)));
        Self { payload: claims.into_iter().collect(), ..Self::default() }
    }
}

/// The claim at a path.
pub(super) fn lookup<'a, S: AsRef<str>>(
    payload: &'a Map<String, Value>,
    path: &[S],
) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(payload.get(first.as_ref())?, |value, name| value.get(name.as_ref()))
}

/// Appends `query` without the parameters of one name; empty when nothing is left. The others stay as they are.
fn write_query_without(query: &str, name: &str, out: &mut String) {
    let start = out.len();
    for pair in query.split('&') {
        if pair.split_once('=').map_or(pair, |(found, _)| found) == name {
            continue;
        }
        if out.len() > start {
            out.push('&');
        }
        out.push_str(pair);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use http::HeaderMap;
    use http::header::{HeaderName, HeaderValue};

    use super::{Claims, TokenPlace, write_query_without};

    fn claims(payload: &serde_json::Value) -> Claims {
        Claims::of_verified(payload.as_object().unwrap().clone())
    }

    #[test]
    fn the_token_goes_and_what_was_asked_for_of_it_comes() {
        let name = HeaderName::from_static;
        let claims = Claims {
            strip: vec![
                TokenPlace::Header(name("authorization")),
                TokenPlace::Parameter("token".into()),
            ],
            set: vec![(name("x-user"), HeaderValue::from_static("me"))],
            ..Claims::default()
        };
        let text = HeaderValue::from_static("Bearer x");
        let mut headers = HeaderMap::from_iter([(name("authorization"), text)]);
        claims.write_headers(&mut headers);
        assert_eq!(headers.len(), 1);
        assert_eq!(headers["x-user"], "me");
        assert_eq!(claims.rest_of_query("a=1&token=x&b").as_deref(), Some("a=1&b"));
        assert_eq!(claims.rest_of_query("token=x"), None);
        assert_eq!(Claims::default().rest_of_query("").as_deref(), Some(""));
    }

    #[test]
    fn a_claim_is_a_text_or_a_list_of_texts() {
        let claims = claims(&json!({
            "iss": "i", "role": "admin", "groups": ["a", 3, "b"], "level": 3, "nested": {"key": "deep"}
        }));
        let texts = |path: &[&str]| claims.texts(path).map(str::to_owned).collect::<Vec<_>>();
        assert_eq!(texts(&["role"]), ["admin"]);
        assert_eq!(texts(&["groups"]), ["a", "b"]);
        assert_eq!(texts(&["nested", "key"]), ["deep"]);
        for path in [&["level"][..], &["nested"], &["role", "x"], &["none"], &[]] {
            assert!(texts(path).is_empty(), "{path:?}");
        }
        assert_eq!((claims.issuer(), claims.subject()), (Some("i"), None));
    }

    #[test]
    fn a_parameter_goes_and_the_rest_stays() {
        for (query, expected) in [
            ("token=x", ""),
            ("a=1&token=x&b", "a=1&b"),
            ("token&tokens=1&token=", "tokens=1"),
            ("a=%20&b==", "a=%20&b=="),
        ] {
            let mut out = String::new();
            write_query_without(query, "token", &mut out);
            assert_eq!(out, expected, "{query}");
        }
    }
}
