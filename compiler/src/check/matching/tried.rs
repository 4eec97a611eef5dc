//! Tests of requests in the order in which they are tried: of a test those before it that may take all that it takes, without
//! a look at the others. Whether one does is for [`super::cover`] to say.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};

use super::cover::Paths;
use crate::api::istio::{HttpMatch, StringMatch, TextTest};

/// Up to so many are all looked at: that takes less than an index of them.
const FEW: usize = 16;

#[derive(Default)]
pub(in crate::check) struct Tried<'a> {
    paths: Vec<Paths<'a>>,
    asked: Vec<Vec<Asked<'a>>>,
    /// By the one path that a test takes.
    exact: HashMap<&'a str, Places<'a>>,
    /// By what all paths begin with that a test takes.
    prefixes: HashMap<Cow<'a, str>, Places<'a>>,
    prefix_lengths: BTreeSet<usize>,
    /// Those that may take any path.
    others: Places<'a>,
}

/// Tests by one thing that they ask for of headers or parameters: whoever is covered asks for it, too.
#[derive(Default)]
struct Places<'a> {
    /// Of those that ask for nothing.
    free: Vec<usize>,
    asking: HashMap<Asked<'a>, Vec<usize>>,
}

/// A header, by its name in lower case, or a parameter; and the one value that it must have, where it must have one.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Asked<'a> {
    Header(Cow<'a, str>, Option<&'a str>),
    Parameter(&'a str, Option<&'a str>),
}

impl<'a> Asked<'a> {
    /// All that a test asks for, each by its value if there is one, and without.
    fn all(test: &'a HttpMatch) -> Vec<Self> {
        let headers = test.headers.iter().flat_map(|(name, it)| {
            let name = folded(name);
            let exact = only(it).map(|it| Self::Header(name.clone(), Some(it)));
            exact.into_iter().chain([Self::Header(name, None)])
        });
        let parameters = test.query_params.iter().flat_map(|(name, it)| {
            let exact = only(it).map(|it| Self::Parameter(name, Some(it)));
            exact.into_iter().chain([Self::Parameter(name, None)])
        });
        headers.chain(parameters).collect()
    }
}

/// The one text that a test takes.
fn only(it: &StringMatch) -> Option<&str> {
    match it.test() {
        Some(TextTest::Exact(text)) => Some(text),
        _ => None,
    }
}

fn folded(name: &str) -> Cow<'_, str> {
    if name.bytes().any(|it| it.is_ascii_uppercase()) {
        name.to_ascii_lowercase().into()
    } else {
        name.into()
    }
}

impl<'a> Places<'a> {
    /// `asked`: all that the test asks for.
    fn add(&mut self, place: usize, asked: &[Asked<'a>]) {
        match asked.first() {
            Some(first) => self.asking.entry(first.clone()).or_default().push(place),
            None => self.free.push(place),
        }
    }

    /// Of those before `place` that may cover a test which asks for this.
    fn before(&self, place: usize, asked: &[Asked<'a>], found: &mut Vec<usize>) {
        let asking = asked.iter().filter_map(|it| self.asking.get(it));
        for all in asking.chain([&self.free]) {
            let end = all.partition_point(|other| *other < place);
            found.extend(all.get(..end).unwrap_or_default());
        }
    }
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
            let asked = test.map(Asked::all).unwrap_or_default();
            let places = match &paths {
                Paths::One(path) => tried.exact.entry(path).or_default(),
                Paths::Below(prefix) => {
                    tried.prefix_lengths.insert(prefix.len());
                    tried.prefixes.entry(prefix.clone()).or_default()
                }
                Paths::All | Paths::Unknown => &mut tried.others,
            };
            places.add(place, &asked);
            tried.paths.push(paths);
            tried.asked.push(asked);
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
        let mut lists: Vec<&Places<'_>> = vec![&self.others];
        if let Paths::One(path) = paths {
            lists.extend(self.exact.get(path));
        }
        match paths {
            Paths::One(text) => lists.extend(self.above(text)),
            Paths::Below(text) => lists.extend(self.above(text)),
            Paths::All | Paths::Unknown => {}
        }
        let asked = self.asked.get(place).map_or(&[][..], Vec::as_slice);
        let mut earlier = Vec::new();
        for places in lists {
            places.before(place, asked, &mut earlier);
        }
        earlier.sort_unstable();
        earlier
    }

    /// Those that take what begins with `text`.
    fn above(&self, text: &str) -> impl Iterator<Item = &Places<'a>> {
        let lengths = self.prefix_lengths.iter().take_while(|length| **length <= text.len());
        let prefixes = lengths.filter_map(|length| text.get(..*length));
        prefixes.filter_map(|prefix| self.prefixes.get(prefix))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::cover::covers_request;
    use super::*;

    fn value() -> impl Strategy<Value = String> {
        let kind = proptest::sample::select(&["exact", "prefix", "regex"][..]);
        (kind, "[ab]{0,2}").prop_map(|(kind, text)| format!("{{\"{kind}\": \"{text}\"}}"))
    }

    /// What is asked of some of two names, in one case or the other.
    fn asked(names: &'static [&'static str]) -> impl Strategy<Value = String> {
        let name = proptest::sample::select(names);
        proptest::collection::btree_map(name, value(), 0..3).prop_map(|all| {
            let all: Vec<_> = all.iter().map(|(name, it)| format!("\"{name}\": {it}")).collect();
            format!("{{{}}}", all.join(", "))
        })
    }

    fn test() -> impl Strategy<Value = HttpMatch> {
        let text = prop_oneof!["/[ab]{0,2}", Just(String::new()), Just("/.*".to_owned())];
        let kind = proptest::sample::select(&["exact", "prefix", "regex"][..]);
        let asked = (asked(&["a", "A", "b"]), asked(&["p", "q"]));
        (text, kind, any::<bool>(), any::<bool>(), asked).prop_map(
            |(text, kind, folds, is_any, (headers, parameters))| {
                let path = if is_any {
                    String::new()
                } else {
                    format!(", \"uri\": {{\"{kind}\": \"{text}\"}}, \"ignoreUriCase\": {folds}")
                };
                let json =
                    format!("{{\"headers\": {headers}, \"queryParams\": {parameters}{path}}}");
                serde_json::from_str(&json).unwrap()
            },
        )
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
