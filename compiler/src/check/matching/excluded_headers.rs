//! Headers that a match asks for and must not find.

use super::cover::{header, takes};
use super::texts::Texts;
use crate::api::istio::{HttpMatch, StringMatch};

/// A header of `withoutHeaders` that every request has which the rest of the match lets be.
pub(in crate::check) struct Excluded<'m> {
    pub name: &'m str,
    /// The name under which `headers` asks for it; absent: every request has it.
    pub asked: Option<&'m str>,
}

pub(in crate::check) fn excluded(test: &HttpMatch) -> impl Iterator<Item = Excluded<'_>> {
    test.without_headers.iter().filter_map(|(name, not)| {
        let not = Texts::of(not, false);
        let asked = header(&test.headers, name);
        let is_all_of = |asked: &StringMatch| takes(&not, &Texts::of(asked, false));
        if let Some((asked, _)) = asked.filter(|(_, asked)| is_all_of(asked)) {
            return Some(Excluded { name, asked: Some(asked) });
        }
        let is_always = ALWAYS.iter().any(|it| it.eq_ignore_ascii_case(name));
        let is_excluded = is_always && matches!(not, Texts::Any);
        is_excluded.then_some(Excluded { name, asked: None })
    })
}

/// Source: RFC 9113 §8.3.1.
const ALWAYS: &[&str] = &[":method", ":path", ":scheme", ":authority"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_excluded_is_all_that_is_asked_for() {
        let found = |json: &str| {
            let test: HttpMatch = serde_json::from_str(json).unwrap();
            excluded(&test).map(|it| it.name.to_owned()).collect::<Vec<_>>()
        };
        for test in [
            r#"{"headers": {"x": {"exact": "a"}}, "withoutHeaders": {"X": {"exact": "a"}}}"#,
            r#"{"headers": {"x": {}}, "withoutHeaders": {"X": {}}}"#,
            r#"{"headers": {"x": {"exact": "ab"}}, "withoutHeaders": {"X": {"prefix": "a"}}}"#,
            r#"{"withoutHeaders": {":method": {}}}"#,
            r#"{"withoutHeaders": {":path": {"regex": ".*"}}}"#,
        ] {
            assert_eq!(found(test).len(), 1, "{test}");
        }
        for test in [
            r#"{"headers": {"x": {}}, "withoutHeaders": {"X": {"exact": "a"}}}"#,
            r#"{"headers": {"x": {"exact": "a"}}, "withoutHeaders": {"y": {}}}"#,
            r#"{"withoutHeaders": {":method": {"exact": "GET"}}}"#,
            r#"{"withoutHeaders": {"x": {}}}"#,
        ] {
            assert!(found(test).is_empty(), "{test}");
        }
    }
}
