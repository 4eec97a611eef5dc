use mesh_snapshot::object::{
    FilterPlace, FilterStep, HeaderEdit, Microseconds, PartsPerMillion, RateLimit, RequestFilter,
    RequestFilters, RouteAction, RouteHeaders, RouteLevel, RouteSelector, RouteSetting,
    TokenBucket, Traffic,
};

use super::{Entry, Level, Moment, OnRoute, Side, Step};
use crate::fixture::{Mesh, workload};
use crate::{BuildError, Program};

const WEB: Entry = Entry { traffic: Traffic::Inbound, port: 8080 };

fn limit(tokens_max: u32) -> RateLimit {
    let fill_interval = Microseconds::from_secs(60);
    RateLimit {
        bucket: TokenBucket { tokens_max, tokens_per_fill: 1, fill_interval },
        enabled: PartsPerMillion::ALL,
        enforced: PartsPerMillion::ALL,
        status: 429,
        response: Vec::new(),
        request: Vec::new(),
        resource_exhausted: false,
    }
}

fn filter(name: &str, place: FilterPlace, step: FilterStep) -> RequestFilter {
    let traffic = [Traffic::Inbound, Traffic::Outbound].into();
    RequestFilter { name: name.to_owned(), traffic, port: None, place, step }
}

fn of(filters: Vec<RequestFilter>) -> RequestFilters {
    RequestFilters { filters, ..RequestFilters::default() }
}

fn setting(virtual_host: &str, level: RouteLevel, tokens_max: u32) -> RouteSetting {
    let routes = RouteSelector {
        traffic: [Traffic::Inbound].into(),
        port: None,
        virtual_host: virtual_host.to_owned(),
        level,
        route: String::new(),
        action: Some(RouteAction::Forward),
    };
    RouteSetting { filter: "limit".to_owned(), routes, limit: limit(tokens_max) }
}

fn program(objects: Vec<RequestFilters>) -> Result<Program, BuildError> {
    let mut mesh = Mesh::new();
    for (index, object) in objects.into_iter().enumerate() {
        mesh.request_filters(&format!("f{index}"), object);
    }
    mesh.build(&workload())
}

fn names(program: &Program, place: FilterPlace, entry: Entry) -> Vec<&str> {
    program.filters().steps(place, entry).map(|filter| &*filter.name).collect()
}

/// Source: Istio, `patchHTTPFilters`: what is put first later stands before what was put first earlier.
#[test]
fn steps_stand_where_each_was_put_in_its_turn() {
    let step = || FilterStep::RateLimit(None);
    let put = |name: &str| {
        of(vec![
            filter(&format!("{name}1"), FilterPlace::First, step()),
            filter(&format!("{name}2"), FilterPlace::Last, step()),
        ])
    };
    let late = RequestFilters { priority: 1, ..put("late") };
    let early = RequestFilters { priority: -1, ..put("early") };
    let program = program(vec![late, put("a"), put("b"), early]).unwrap();
    assert_eq!(names(&program, FilterPlace::First, WEB), ["late1", "b1", "a1", "early1"]);
    assert_eq!(names(&program, FilterPlace::Last, WEB), ["early2", "a2", "b2", "late2"]);
}

#[test]
fn a_step_is_for_the_requests_that_it_names() {
    let mut at = filter("here", FilterPlace::First, FilterStep::RateLimit(None));
    at.port = Some(8080);
    let program = program(vec![of(vec![at])]).unwrap();
    assert_eq!(names(&program, FilterPlace::First, WEB), ["here"]);
    for entry in [Entry { port: 8081, ..WEB }, Entry { traffic: Traffic::Gateway, ..WEB }] {
        assert!(names(&program, FilterPlace::First, entry).is_empty());
    }
    assert!(names(&program, FilterPlace::Last, WEB).is_empty());
}

#[test]
fn the_narrowest_limit_counts_and_of_two_the_last() {
    let step = FilterStep::RateLimit(Some(limit(1)));
    let mut object = of(vec![filter("limit", FilterPlace::Last, step)]);
    object.settings = vec![
        setting("inbound|http|80", RouteLevel::Route, 2),
        setting("inbound|http|80", RouteLevel::Route, 3),
        setting("inbound|http|80", RouteLevel::VirtualHost, 4),
        setting("", RouteLevel::Port, 5),
    ];
    let program = program(vec![object]).unwrap();
    let filters = program.filters();
    let step = filters.steps(FilterPlace::Last, WEB).next().unwrap();
    let counts = |on: Option<OnRoute<'_>>, traffic| {
        let (id, level) = filters.limit(step, traffic, on.as_ref()).unwrap();
        (filters.get(id).unwrap().bucket.tokens_max, level)
    };
    let on = |host| Some(OnRoute::inbound(8080, host));
    let (inbound, outbound) = (Traffic::Inbound, Traffic::Outbound);
    assert_eq!(counts(on("inbound|http|80"), inbound), (3, Level::Routes(RouteLevel::Route)));
    assert_eq!(counts(on("inbound|http|81"), inbound), (5, Level::Routes(RouteLevel::Port)));
    assert_eq!(counts(on("inbound|http|80"), outbound), (1, Level::Entry));
    assert_eq!(counts(None, inbound), (1, Level::Entry));
}

#[test]
fn a_filter_without_a_limit_limits_only_where_a_route_has_one() {
    let mut object = of(vec![filter("limit", FilterPlace::First, FilterStep::RateLimit(None))]);
    object.settings = vec![setting("inbound|http|80", RouteLevel::Route, 2)];
    let program = program(vec![object]).unwrap();
    let filters = program.filters();
    let step = filters.steps(FilterPlace::First, WEB).next().unwrap();
    let has = |host| filters.limit(step, WEB.traffic, Some(&OnRoute::inbound(8080, host)));
    assert!(has("inbound|http|80").is_some());
    assert!(has("inbound|http|81").is_none());
}

#[test]
fn what_cannot_be_served_is_named() {
    let empty = RateLimit { bucket: TokenBucket { tokens_max: 0, ..limit(1).bucket }, ..limit(1) };
    let mild = RateLimit { status: 200, ..limit(1) };
    let edits = vec![HeaderEdit::Remove { name: "a b".to_owned() }];
    let edits = FilterStep::HeaderEdits { request: edits, response: Vec::new(), reroute: false };
    for (step, reason) in [
        (FilterStep::RateLimit(Some(empty)), "a bucket of tokens that holds none"),
        (FilterStep::RateLimit(Some(mild)), "200 is no status"),
        (edits, "`a b` cannot be the name of a header"),
    ] {
        let error = program(vec![of(vec![filter("x", FilterPlace::First, step)])]).unwrap_err();
        let told = error.to_string();
        assert!(told.starts_with("RequestFilters shop/f0, `filters[0]`: "), "{told}");
        assert!(told.contains(reason), "{told}");
    }
}

#[test]
fn edits_are_kept_in_order() {
    let edit = |name: &str| HeaderEdit::Set { name: name.to_owned(), value: "%PROTOCOL%".into() };
    let response = vec![edit("x-b"), HeaderEdit::Remove { name: "x-a".into() }, edit("x-a")];
    let step = FilterStep::HeaderEdits { request: Vec::new(), response, reroute: false };
    let program = program(vec![of(vec![filter("x", FilterPlace::First, step)])]).unwrap();
    let step = program.filters().steps(FilterPlace::First, WEB).next().unwrap();
    let Step::Edits { response, .. } = &step.step else { panic!() };
    let names: Vec<_> = response.iter().map(|edit| edit.name.as_str()).collect();
    assert_eq!(names, ["x-b", "x-a", "x-a"]);
    assert!(program.filters().looks_back(WEB));
    assert!(!program.filters().looks_back(Entry { traffic: Traffic::Gateway, ..WEB }));
}

/// Source: Envoy, `HeaderParser::evaluateHeaders`, and the merging of lists by Istio.
#[test]
fn headers_of_routes_are_edited_level_by_level_and_what_is_removed_first() {
    let headers = |level, name: &str| RouteHeaders {
        routes: RouteSelector { action: None, ..setting("inbound|http|80", level, 1).routes },
        request: vec![
            HeaderEdit::Add { name: format!("{name}-add"), value: "a".into() },
            HeaderEdit::Remove { name: format!("{name}-gone") },
        ],
        response: Vec::new(),
    };
    let mut object = of(Vec::new());
    object.route_headers = vec![
        headers(RouteLevel::Port, "port"),
        headers(RouteLevel::VirtualHost, "host"),
        headers(RouteLevel::Route, "a"),
        headers(RouteLevel::Route, "b"),
    ];
    let program = program(vec![object]).unwrap();
    let edits = program.filters().route_headers();
    let names = |host, moment| {
        let on = OnRoute::inbound(8080, host);
        let mut names = Vec::new();
        edits.each((Traffic::Inbound, &on), Side::Request, moment, |_, _, list| {
            names.extend(list.iter().map(|it| it.name.to_string()));
        });
        names
    };
    assert_eq!(names("inbound|http|80", Moment::Before), ["a-gone", "b-gone"]);
    assert_eq!(
        names("inbound|http|80", Moment::After),
        ["a-add", "b-add", "host-gone", "host-add", "port-gone", "port-add"]
    );
    assert!(names("inbound|http|81", Moment::After).is_empty());
    let on = OnRoute::inbound(8080, "inbound|http|80");
    for (traffic, side) in [(Traffic::Inbound, Side::Response), (Traffic::Outbound, Side::Request)]
    {
        edits.each((traffic, &on), side, Moment::After, |_, _, list| assert!(list.is_empty()));
    }
}

#[test]
fn the_last_word_on_trusted_proxies_counts() {
    let trusting = |proxies, priority| RequestFilters {
        priority,
        trusted_proxies: proxies,
        ..RequestFilters::default()
    };
    let of = |objects| program(objects).unwrap().trusted_proxies();
    assert_eq!(of(vec![trusting(Some(2), 1), trusting(Some(3), 0), trusting(None, 2)]), 2);
    assert_eq!(of(vec![trusting(None, 0)]), 0);
}
