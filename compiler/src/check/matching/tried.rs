//! Tests of requests in the order in which they are tried: of a test those before it that may take all that it takes, without
//! a look at the others. Whether one does is for [`super::cover`] to say.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use super::cover::Paths;
use crate::api::istio::HttpMatch;

/// Up to so many are all looked at: that takes less than an index of them.
const FEW: usize = 16;

#[derive(Default)]
pub(in crate::check) struct Tried<'a> {
    paths: Vec<Paths<'a>>,
    /// Places by the one path that a test takes.
    exact: HashMap<&'a str, Vec<usize>>,
    /// Places by what all paths begin with that a test takes.
    prefixes: HashMap<Cow<'a, str>, Vec<usize>>,
    prefix_lengths: BTreeSet<usize>,
    /// Those that may take any path.
    others: Vec<usize>,
}

impl<'a> Tried<'a> {
    /// One that is absent takes every request.
    pub(in crate::check) fn of(tests: &[Option<&'a HttpMatch>]) -> Self {
        let mut tried = Self::default();
        if tests.len() <= FEW {
            return tried;
        }
        for (place, test) in tests.iter().enumerate() {
            let paths = test.map_or(Paths::All, Paths::of);
            match &paths {
                Paths::One(path) => tried.exact.entry(path).or_default().push(place),
                Paths::Below(prefix) => {
                    tried.prefix_lengths.insert(prefix.len());
                    tried.prefixes.entry(prefix.clone()).or_default().push(place);
                }
                Paths::All | Paths::Unknown => tried.others.push(place),
            }
            tried.paths.push(paths);
        }
        tried
    }

    /// The places before `place` of those that may take all that is taken there, ascending.
    pub(in crate::check) fn before(&self, place: usize) -> impl Iterator<Item = usize> + use<> {
        let paths = self.paths.get(place);
        let all = if paths.is_none() { 0..place } else { 0..0 };
        all.chain(paths.map(|paths| self.near(paths, place)).unwrap_or_default())
    }

    fn near(&self, paths: &Paths<'_>, place: usize) -> Vec<usize> {
        let mut lists: Vec<&[usize]> = vec![&self.others];
        if let Paths::One(path) = paths {
            lists.extend(self.exact.get(path).map(Vec::as_slice));
        }
        match paths {
            Paths::One(text) => lists.extend(self.above(text)),
            Paths::Below(text) => lists.extend(self.above(text)),
            Paths::All | Paths::Unknown => {}
        }
        let earlier = lists.into_iter().map(|all| {
            let end = all.partition_point(|other| *other < place);
            all.get(..end).unwrap_or_default()
        });
        let mut earlier = earlier.collect::<Vec<_>>().concat();
        earlier.sort_unstable();
        earlier
    }

    /// Those that take what begins with `text`.
    fn above(&self, text: &str) -> impl Iterator<Item = &[usize]> {
        let lengths = self.prefix_lengths.iter().take_while(|length| **length <= text.len());
        let prefixes = lengths.filter_map(|length| text.get(..*length));
        prefixes.filter_map(|prefix| self.prefixes.get(prefix)).map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::cover::covers_request;
    use super::*;

    fn test() -> impl Strategy<Value = HttpMatch> {
        let text = prop_oneof!["/[ab]{0,2}", Just(String::new()), Just("/.*".to_owned())];
        let kind = proptest::sample::select(&["exact", "prefix", "regex"][..]);
        (text, kind, any::<bool>(), any::<bool>()).prop_map(|(text, kind, folds, is_any)| {
            let json = if is_any {
                "{\"headers\": {\"a\": {\"exact\": \"b\"}}}".to_owned()
            } else {
                format!("{{\"uri\": {{\"{kind}\": \"{text}\"}}, \"ignoreUriCase\": {folds}}}")
            };
            serde_json::from_str(&json).unwrap()
        })
    }

    /// Whether of each test those that cover it are among those before it, in their order.
    fn are_found(tests: &[HttpMatch]) -> bool {
        let tried = Tried::of(&tests.iter().map(Some).collect::<Vec<_>>());
        tests.iter().enumerate().all(|(place, narrow)| {
            let near: Vec<_> = tried.before(place).collect();
            let mut wider = (0..place).filter(|it| covers_request(&tests[*it], narrow));
            near.is_sorted()
                && near.iter().all(|it| *it < place)
                && wider.all(|it| near.contains(&it))
        })
    }

    /// Expressions do not disregard case, whatever their match says: they begin as they are written.
    #[test]
    fn a_prefix_is_found_before_an_expression_that_ignores_case() {
        let read = |json: &str| serde_json::from_str::<HttpMatch>(json).unwrap();
        let mut tests = vec![read(r#"{"uri": {"exact": "/"}}"#); FEW];
        tests.push(read(r#"{"uri": {"prefix": "/a"}}"#));
        tests.push(read(r#"{"uri": {"regex": "/a"}, "ignoreUriCase": true}"#));
        assert!(covers_request(&tests[FEW], &tests[FEW + 1]) && are_found(&tests));
    }

    proptest! {
        #[test]
        fn whatever_covers_a_test_is_among_those_before_it(
            tests in proptest::collection::vec(test(), FEW + 1..60)
        ) {
            prop_assert!(are_found(&tests), "{tests:?}");
        }
    }
}
