//! A request that a match takes, which whoever reads a finding can send.

use mesh_engine::pattern::Pattern;

use super::texts::compiled;
use crate::api::istio::{HttpMatch, StringMatch, TextTest};

/// What may follow the beginning of a text that an expression takes.
const ENDS: [&str; 8] = ["", "a", "1", "/", "/a", "/1", "a.b", "aaaaaaaa"];

/// `` `GET http://shop/products/17` with `x-user: a` `` of a match that somebody called `host` meets. None where no text is known that
/// one of its expressions takes.
pub(in crate::check) fn witness(test: &HttpMatch, host: &str) -> Option<String> {
    let of = |test: &Option<StringMatch>, otherwise: &str| {
        test.as_ref().map_or_else(|| Some(otherwise.to_owned()), text)
    };
    let path = test.uri.as_ref().map_or_else(
        || Some("/".to_owned()),
        |uri| {
            // The prefix `` and the expression `.*` take texts that are no paths.
            text(uri).map(|path| if path.is_empty() { "/".to_owned() } else { path })
        },
    );
    let host = host.strip_prefix("*.").map_or_else(|| host.to_owned(), |rest| format!("a.{rest}"));
    let host = if host == "*" { "a.example.com".to_owned() } else { host };
    let (method, scheme) = (of(&test.method, "GET")?, of(&test.scheme, "http")?);
    let authority = of(&test.authority, &host)?;
    let port = if test.port == 0 { String::new() } else { format!(":{}", test.port) };
    let mut query = String::new();
    for (name, value) in &test.query_params {
        let mark = if query.is_empty() { '?' } else { '&' };
        query = format!("{query}{mark}{name}={}", text(value)?);
    }
    let mut said = format!("`{method} {scheme}://{authority}{port}{}{query}`", path?);
    for (index, (name, value)) in test.headers.iter().enumerate() {
        let word = if index == 0 { " with" } else { "," };
        said = format!("{said}{word} `{name}: {}`", text(value)?);
    }
    if !test.source_namespace.is_empty() {
        said = format!("{said} from namespace `{}`", test.source_namespace);
    }
    for (name, value) in &test.source_labels {
        said = format!("{said} from a workload with `{name}: {value}`");
    }
    Some(said)
}

/// What follows from a finding for one request.
pub(in crate::check) fn for_one(consequence: &str, test: &HttpMatch, host: &str) -> String {
    witness(test, host).map_or_else(
        || consequence.to_owned(),
        |request| format!("{consequence}: {request}, for one"),
    )
}

fn text(test: &StringMatch) -> Option<String> {
    match test.test() {
        Some(TextTest::Exact(whole) | TextTest::Prefix(whole)) => Some(whole.to_owned()),
        Some(TextTest::Regex(expression)) => {
            let begin = Pattern::prefix_of(expression).ok()?;
            let table = compiled(expression)?;
            let texts = ENDS.iter().map(|end| format!("{begin}{end}"));
            let mut texts = texts.filter(|it| !it.is_empty());
            texts.find(|it| table.matches(it))
        }
        // It asks only that the text is there.
        None => Some("a".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::witness;

    #[test]
    fn a_match_has_a_request() {
        for (test, host, request) in [
            ("{}", "*", Some("`GET http://a.example.com/`")),
            (
                r#"{"uri": {"prefix": "/a"}, "method": {"exact": "PUT"}, "port": 80}"#,
                "*.example.com",
                Some("`PUT http://a.example.com:80/a`"),
            ),
            (
                r#"{"uri": {"regex": "/v[0-9]/.+"}, "headers": {"b": {}, "c": {"exact": "d"}}}"#,
                "a",
                None,
            ),
            (
                r#"{"uri": {"regex": "/v/.+"}, "headers": {"b": {}, "c": {"exact": "d"}}, "queryParams": {"q": {"exact": "1"}}}"#,
                "a",
                Some("`GET http://a/v/a?q=1` with `b: a`, `c: d`"),
            ),
        ] {
            let test = serde_json::from_str(test).unwrap();
            assert_eq!(witness(&test, host).as_deref(), request);
        }
    }
}
