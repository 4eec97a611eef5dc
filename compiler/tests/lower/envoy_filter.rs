//! What `EnvoyFilter`s put into the path of requests.

use mesh_engine::filter::{Entry, Level, Moment, OnRoute, Side, Step};
use mesh_snapshot::object::{FilterPlace, RouteLevel, Traffic};

use crate::support::{Program, Repository, workload};

const TYPE: &str = "type.googleapis.com/envoy.extensions.filters.http";

/// In `place`, namespace and name, with this beside its patches.
fn filter(place: &str, spec: &str, patches: &[String]) -> String {
    let (namespace, name) = place.split_once('/').unwrap();
    let patches = patches.concat();
    format!(
        "
apiVersion: networking.istio.io/v1alpha3
kind: EnvoyFilter
metadata: {{name: {name}, namespace: {namespace}}}
spec:
  {spec}
  configPatches:{patches}
---
"
    )
}

fn limit(tokens: u32) -> String {
    format!(
        "{{'@type': {TYPE}.local_ratelimit.v3.LocalRateLimit, stat_prefix: limit, \
         token_bucket: {{max_tokens: {tokens}, tokens_per_fill: 1, fill_interval: 60s}}, \
         filter_enabled: {{default_value: {{numerator: 100}}}}, \
         filter_enforced: {{default_value: {{numerator: 100}}}}}}"
    )
}

/// First of all, for what arrives.
fn step(name: &str, config: &str) -> String {
    format!(
        "
  - applyTo: HTTP_FILTER
    match: {{context: SIDECAR_INBOUND}}
    patch: {{operation: INSERT_FIRST, value: {{name: {name}, typed_config: {config}}}}}"
    )
}

fn of_route(filter: &str, config: &str) -> String {
    format!(
        "
  - applyTo: HTTP_ROUTE
    match: {{context: SIDECAR_INBOUND, routeConfiguration: {{vhost: {{name: inbound|http|80}}}}}}
    patch: {{operation: MERGE, value: {{typed_per_filter_config: {{{filter}: {config}}}}}}}"
    )
}

const ENTRY: Entry = Entry { traffic: Traffic::Inbound, port: 8080 };

/// The buckets of the steps of what arrives for a workload on its one route, and what they are for.
fn limits(program: &Program<'_>) -> Vec<(u32, Level)> {
    let filters = program.program.filters();
    let on = OnRoute::inbound(8080, "inbound|http|80");
    let steps = filters.steps(FilterPlace::First, ENTRY);
    let found = steps.filter_map(|step| {
        let (id, level) = filters.limit(step, ENTRY.traffic, Some(&on))?;
        Some((filters.get(id).unwrap().bucket.tokens_max, level))
    });
    found.collect()
}

fn mesh(more: &str) -> Repository {
    Repository::of(&(workload("shop", "api") + &workload("shop", "web") + more))
}

#[test]
fn steps_come_by_priority_then_from_the_root_and_then_by_name() {
    let put =
        |place: &str, spec: &str, tokens| filter(place, spec, &[step("limit", &limit(tokens))]);
    let text = put("shop/b", "", 4)
        + &put("shop/a", "", 3)
        + &put("shop/early", "priority: -1", 1)
        + &put("istio-system/z", "", 2)
        + &put("shop/late", "priority: 7", 5)
        + &put("other/stranger", "", 6);
    let bundle = mesh(&text).bundle();
    // What was put first last stands first.
    let tokens: Vec<_> =
        limits(&Program::of(&bundle, "shop/api")).into_iter().map(|it| it.0).collect();
    assert_eq!(tokens, [5, 4, 3, 2, 1]);
}

#[test]
fn a_selector_selects_and_a_line_is_known() {
    let spec = "workloadSelector: {labels: {app: api}}";
    let text = filter("shop/limit", spec, &[step("limit", &limit(9))]);
    let bundle = mesh(&text).bundle();
    let api = Program::of(&bundle, "shop/api");
    assert_eq!(limits(&api), [(9, Level::Entry)]);
    assert!(Program::of(&bundle, "shop/web").program.filters().is_empty());
    let limit = &api.program.filters().limits()[0];
    let place = bundle.source_map.get(&limit.key, &limit.item).unwrap().to_string();
    let line = 1 + mesh(&text).text().lines().position(|it| it.contains("applyTo")).unwrap();
    assert_eq!(place, format!("policy.yaml:{line}"));
    assert!(bundle.snapshot.manifest().features.contains("local-rate-limit"));
}

#[test]
fn a_route_may_set_a_limit_that_another_filter_puts_there() {
    let bare = format!("{{'@type': {TYPE}.local_ratelimit.v3.LocalRateLimit, stat_prefix: limit}}");
    let text = filter("istio-system/limit", "", &[step("limit", &bare)])
        + &filter("shop/api", "", &[of_route("limit", &limit(3))]);
    let bundle = mesh(&text).bundle();
    let found = limits(&Program::of(&bundle, "shop/api"));
    assert_eq!(found, [(3, Level::Routes(RouteLevel::Route))]);
}

fn told(text: &str) -> Vec<String> {
    let findings = mesh(text).compile().findings;
    let of_check = findings.into_iter().filter(|it| it.check.name == "unserved-patch");
    of_check.map(|it| it.message).collect()
}

#[test]
fn a_setting_for_a_filter_that_nobody_puts_there_is_told() {
    let text = filter("other/limit", "", &[step("limit", &limit(1))])
        + &filter("shop/api", "", &[step("limits", &limit(2)), of_route("limit", &limit(3))]);
    let limit = "the local rate limit of 1 request per 60s, at most 3 at once is not applied";
    assert_eq!(
        told(&text),
        [format!("{limit}: no EnvoyFilter puts a rate limit of the name `limit` there")]
    );
}

#[test]
fn what_is_for_waypoints_is_for_nobody() {
    let spec = "targetRefs: [{group: '', kind: Service, name: api}]";
    let text = filter("shop/limit", spec, &[step("limit", &limit(9))]);
    assert!(told(&text)[0].ends_with("it is for waypoints, and there are none"));
    assert!(Program::of(&mesh(&text).bundle(), "shop/api").program.filters().is_empty());
}

#[test]
fn scripts_that_edit_headers_become_edits() {
    let script = "function envoy_on_request(h) h:headers():replace('x-a', '100%') end \
                  function envoy_on_response(h) h:headers():remove('x-b') end";
    let lua = format!("{{'@type': {TYPE}.lua.v3.Lua, inline_code: \"{script}\"}}");
    let text = filter("shop/edits", "", &[step("edits", &lua)]);
    assert_eq!(told(&text), Vec::<String>::new());
    let bundle = mesh(&text).bundle();
    let api = Program::of(&bundle, "shop/api");
    let step = api.program.filters().steps(FilterPlace::First, ENTRY).next().unwrap();
    let Step::Edits { request, response, reroute } = &step.step else { panic!() };
    assert_eq!((request[0].name.as_str(), response[0].name.as_str()), ("x-a", "x-b"));
    assert!(*reroute && !request[0].is_computed());
}

#[test]
fn headers_of_routes_are_edited() {
    let patch = "
  - applyTo: ROUTE_CONFIGURATION
    match: {context: SIDECAR_INBOUND}
    patch: {operation: MERGE, value: {response_headers_to_remove: [x-powered-by]}}";
    let text = filter("shop/headers", "", &[patch.to_owned()]);
    assert_eq!(told(&text), Vec::<String>::new());
    let bundle = mesh(&text).bundle();
    let api = Program::of(&bundle, "shop/api");
    let on = OnRoute::inbound(8080, "inbound|http|80");
    let mut found = Vec::new();
    let edits = api.program.filters().route_headers();
    edits.each((Traffic::Inbound, &on), Side::Response, Moment::After, |key, item, edits| {
        found.extend(edits.iter().map(|edit| format!("{key} {item} {}", edit.name)));
    });
    assert_eq!(found, ["RequestFilters shop/headers routeHeaders[0] x-powered-by"]);
}
