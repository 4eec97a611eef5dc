//! An ordered table: the first entry whose condition holds decides.

use mesh_snapshot::Key;
use mesh_snapshot::object::HttpRoute;

use super::condition::Condition;
use super::index::Index;
use crate::policy::Claims;
use crate::program::{Fault, Ledger, Site};
use crate::request::Request;
use crate::trace::{Part, Step, Trace};

/// The conditions of a table's routes, in order.
#[derive(Clone, Debug, Default)]
pub(super) struct Conditions {
    entries: Vec<Entry>,
    index: Option<Index>,
    tables: usize,
}

#[derive(Clone, Debug)]
struct Entry {
    /// Of which object, where several were put together.
    table: usize,
    /// The route, by its place.
    route: usize,
    /// Which of its matches; `None`: it has none.
    matching: Option<usize>,
    /// Or why no request can meet it.
    condition: Result<Condition, Part<'static>>,
}

/// The entry that decided.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Hit {
    pub(super) route: usize,
    pub(super) matching: Option<usize>,
    /// Bytes of the path that the match covers.
    pub(super) covered: usize,
}

impl Conditions {
    /// What is pushed from now on is of another object.
    pub(super) fn next_table(&mut self) {
        self.tables += 1;
    }

    /// Adds the entries of one more route.
    pub(super) fn push(
        &mut self,
        place: usize,
        route: &HttpRoute,
        site: &Site<'_>,
        ledger: &Ledger,
    ) -> Result<(), Fault> {
        if route.matches.is_empty() {
            self.push_always(place);
        }
        for (index, matching) in route.matches.iter().enumerate() {
            let condition = Condition::compile(matching, site, ledger)?;
            let (table, matching) = (self.tables, Some(index));
            self.entries.push(Entry { table, route: place, matching, condition });
        }
        Ok(())
    }

    /// Adds a route that takes every request.
    pub(super) fn push_always(&mut self, place: usize) {
        let condition = Ok(Condition::default());
        self.entries.push(Entry { table: self.tables, route: place, matching: None, condition });
    }

    /// To be called when all is there.
    pub(super) fn seal(&mut self) {
        if self.tables > 1 {
            self.catch_alls_last();
        }
        let possible = self.entries.iter().enumerate().filter_map(|(place, entry)| {
            let place = u32::try_from(place).ok()?;
            entry.condition.as_ref().ok().map(|condition| (place, condition))
        });
        // Searching a few from the front is faster than looking them up.
        self.index = (self.entries.len() > 4).then(|| Index::new(possible)).flatten();
    }

    /// Moves what takes every request to the end, so that a catch-all of one object does not hide the routes of the
    /// next. What stood behind it in its own object was dead before and stays so. Source: Istio, `SortVHostRoutes`.
    fn catch_alls_last(&mut self) {
        let mut closed = vec![false; self.tables + 1];
        self.entries.retain(|entry| match closed.get_mut(entry.table) {
            Some(closed) => !std::mem::replace(closed, *closed || entry.is_catch_all()),
            None => true,
        });
        self.entries.sort_by_key(Entry::is_catch_all);
    }

    /// The first entry that holds. `routes` tells the key and item of a route, for the trace.
    pub(super) fn find<'p, T: Trace>(
        &'p self,
        request: &Request<'_>,
        claims: &Claims,
        name: impl Fn(usize) -> Option<(&'p Key, &'p str)>,
        trace: &mut T,
    ) -> Option<Hit> {
        if !T::LISTENS
            && let Some(index) = &self.index
        {
            let candidates = index.candidates(request.path).iter();
            let entries = candidates.filter_map(|&place| self.entries.get(place as usize));
            return entries.flat_map(|entry| entry.check(request, claims)).next();
        }
        self.entries.iter().find_map(|entry| {
            let checked = entry.check(request, claims);
            if T::LISTENS
                && let Some((key, item)) = name(entry.route)
            {
                let miss = checked.err();
                trace.step(Step::Route { key, item, matching: entry.matching, miss });
            }
            checked.ok()
        })
    }
}

impl Entry {
    fn is_catch_all(&self) -> bool {
        self.condition.as_ref().is_ok_and(Condition::is_catch_all)
    }

    fn check<'a>(&'a self, request: &Request<'_>, claims: &Claims) -> Result<Hit, Part<'a>> {
        let condition = self.condition.as_ref().map_err(|part| *part)?;
        let covered = condition.check(request, claims)?;
        Ok(Hit { route: self.route, matching: self.matching, covered })
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderMap;
    use mesh_snapshot::object::{
        Bytes, Fault, HeaderMatch, HeaderOperations, HttpAction, HttpMatch, HttpRoute, StringMatch,
        ValueMatch, Workload,
    };
    use proptest::prelude::*;

    use super::{Conditions, Hit};
    use crate::policy::Claims;
    use crate::program::{Ledger, Site};
    use crate::request::tests::{get, headers};
    use crate::trace::Step;

    fn route(matches: Vec<HttpMatch>) -> HttpRoute {
        HttpRoute {
            name: String::new(),
            matches,
            action: HttpAction::Respond { status: 200, body: Bytes::default() },
            headers: HeaderOperations::default(),
            cors: None,
            fault: Fault::default(),
        }
    }

    fn conditions(routes: &[HttpRoute]) -> Conditions {
        let workload = Workload::default();
        let site = Site { workload: &workload, port: 80 };
        let mut conditions = Conditions::default();
        for (place, route) in routes.iter().enumerate() {
            conditions.push(place, route, &site, &Ledger::unlimited()).unwrap();
        }
        conditions.seal();
        conditions
    }

    /// What the rule says, word for word: the first route of which a match holds.
    fn naive(routes: &[HttpRoute], path: &str, has_header: bool) -> Option<(usize, Option<usize>)> {
        routes.iter().enumerate().find_map(|(place, route)| {
            if route.matches.is_empty() {
                return Some((place, None));
            }
            let holds = |matching: &HttpMatch| {
                let path = match &matching.path {
                    None => true,
                    Some(StringMatch::Exact(text)) if matching.ignore_path_case => {
                        path.eq_ignore_ascii_case(text)
                    }
                    Some(StringMatch::Exact(text)) => path == text,
                    Some(StringMatch::Prefix(text)) if matching.ignore_path_case => {
                        path.to_lowercase().starts_with(&text.to_lowercase())
                    }
                    Some(StringMatch::Prefix(text)) => path.starts_with(text.as_str()),
                    Some(StringMatch::PathPrefix(text)) => {
                        path == text || path.starts_with(&format!("{text}/"))
                    }
                    Some(StringMatch::Regex(text)) => {
                        regex_automata::meta::Regex::new(&format!("^(?:{text})$"))
                            .unwrap()
                            .is_match(path)
                    }
                };
                path && (matching.headers.is_empty() || has_header)
            };
            route.matches.iter().position(holds).map(|index| (place, Some(index)))
        })
    }

    fn any_match() -> impl Strategy<Value = HttpMatch> {
        let path = prop_oneof![
            1 => Just(None),
            4 => "/[ab/]{0,3}".prop_map(|text| Some(StringMatch::Exact(text))),
            4 => "/[ab/]{0,3}".prop_map(|text| Some(StringMatch::Prefix(text))),
            2 => "(/[ab]{1,2}){0,2}".prop_map(|text| Some(StringMatch::PathPrefix(text))),
            2 => "/[ab]{0,2}(\\.\\*|\\[ab\\]\\+|b\\?)[ab/]{0,1}".prop_map(|text| Some(StringMatch::Regex(text))),
        ];
        (path, any::<bool>(), prop::bool::weighted(0.3)).prop_map(
            |(path, ignore_path_case, header)| {
                let header = header.then(|| HeaderMatch {
                    name: "x-user".to_owned(),
                    value: ValueMatch::Present,
                    inverted: false,
                });
                let ignore_path_case = ignore_path_case
                    && !matches!(path, Some(StringMatch::PathPrefix(_) | StringMatch::Regex(_)));
                HttpMatch {
                    path,
                    ignore_path_case,
                    headers: header.into_iter().collect(),
                    ..HttpMatch::default()
                }
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn the_index_finds_what_a_search_finds(
            routes in prop::collection::vec(prop::collection::vec(any_match(), 0..3).prop_map(route), 0..14),
            paths in prop::collection::vec("/[abA/]{0,4}", 1..6),
            has_header: bool,
        ) {
            let table = conditions(&routes);
            let headers = if has_header { headers(&[("x-user", "a")]) } else { HeaderMap::new() };
            for path in &paths {
                let request = get(path, &headers);
                let found = table.find(&request, &Claims::default(), |_| None, &mut ());
                let by_place = found.map(|hit| (hit.route, hit.matching));
                prop_assert_eq!(by_place, naive(&routes, path, has_header), "{}", path);
                let traced = table.find(&request, &Claims::default(), |_| None, &mut |_: Step<'_>| ());
                prop_assert_eq!(found, traced);
            }
        }
    }

    #[test]
    fn an_odd_table_is_searched_from_the_front() {
        let nested = (1..2000).map(|length| {
            let path = Some(StringMatch::Prefix("/".repeat(length)));
            let header =
                HeaderMatch { name: "x".to_owned(), value: ValueMatch::Present, inverted: false };
            route(vec![HttpMatch { path, headers: vec![header], ..HttpMatch::default() }])
        });
        let mut routes: Vec<_> = nested.collect();
        routes.push(route(Vec::new()));
        let table = conditions(&routes);
        assert!(table.index.is_none());
        let none = HeaderMap::new();
        let hit = table.find(&get("//", &none), &Claims::default(), |_| None, &mut ());
        assert_eq!(hit, Some(Hit { route: 1999, matching: None, covered: 0 }));
    }

    #[test]
    fn catch_alls_go_last_and_what_they_hid_stays_hidden() {
        let prefix = |text: &str| HttpMatch {
            path: Some(StringMatch::Prefix(text.to_owned())),
            ..HttpMatch::default()
        };
        let all =
            HttpMatch { path: Some(StringMatch::Regex(".*".to_owned())), ..HttpMatch::default() };
        let tables = [
            vec![route(vec![prefix("/"), prefix("/hidden")]), route(vec![prefix("/hidden")])],
            vec![route(vec![all])],
            vec![route(vec![prefix("/a")]), route(Vec::new())],
        ];
        let workload = Workload::default();
        let site = Site { workload: &workload, port: 80 };
        let mut conditions = Conditions::default();
        let mut place = 0;
        for table in &tables {
            conditions.next_table();
            for route in table {
                conditions.push(place, route, &site, &Ledger::unlimited()).unwrap();
                place += 1;
            }
        }
        conditions.seal();
        let order = conditions.entries.iter().map(|entry| (entry.route, entry.matching));
        assert_eq!(
            order.collect::<Vec<_>>(),
            [(3, Some(0)), (0, Some(0)), (2, Some(0)), (4, None)]
        );
    }
}
