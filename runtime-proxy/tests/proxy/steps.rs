//! Steps that authors have put into the path of requests: limits of rates, and edits of headers.

use http::{HeaderMap, Request, Response, StatusCode};
use mesh_proxy::http::{Body, Version};
use mesh_snapshot::object::{
    AccessLog, Action, AuthorizationPolicy, FilterPlace, FilterStep, HeaderEdit, HeaderMatch,
    HeaderOperations, HttpMatch, HttpRoute, Microseconds, PartsPerMillion, Protocol, RateLimit,
    RequestFilter, RequestFilters, RouteHeaders, RouteLevel, RouteSelector, RouteSetting, Rule,
    StringMatch, TokenBucket, Traffic, ValueMatch,
};

use crate::edge::{asking, plain, shop, to_shop};
use crate::pki::Authority;
use crate::support::{
    Mesh, Proxy, Reserved, backend, endpoint, forward, opened, route, service, to, until,
};
use crate::wire::{Client, get, server, text};

/// So many, and no more as long as a test lasts.
fn limit(tokens_max: u32) -> RateLimit {
    let fill_interval = Microseconds::from_secs(100_000);
    RateLimit {
        bucket: TokenBucket { tokens_max, tokens_per_fill: 1, fill_interval },
        enabled: PartsPerMillion::ALL,
        enforced: PartsPerMillion::ALL,
        status: 429,
        response: vec![set("x-local-rate-limit", "%REQ(X-WHO)%")],
        request: vec![set("x-beyond", "yes")],
        resource_exhausted: false,
    }
}

fn set(name: &str, value: &str) -> HeaderEdit {
    HeaderEdit::Set { name: name.to_owned(), value: value.to_owned() }
}

fn step(traffic: Traffic, place: FilterPlace, step: FilterStep) -> RequestFilter {
    RequestFilter { name: "step".to_owned(), traffic: [traffic].into(), port: None, place, step }
}

fn limiting(traffic: Traffic, place: FilterPlace, limit: RateLimit) -> RequestFilters {
    of(vec![step(traffic, place, FilterStep::RateLimit(Some(limit)))])
}

fn of(filters: Vec<RequestFilter>) -> RequestFilters {
    RequestFilters { filters, ..RequestFilters::default() }
}

fn setting(traffic: Traffic, virtual_host: &str, limit: RateLimit) -> RouteSetting {
    let routes = RouteSelector {
        traffic: [traffic].into(),
        port: None,
        virtual_host: virtual_host.to_owned(),
        level: RouteLevel::Route,
        route: String::new(),
        action: None,
    };
    RouteSetting { filter: "step".to_owned(), routes, limit }
}

/// A mesh in which `reviews` is a service, and whoever asks for `/admin` is denied.
fn mesh(filters: RequestFilters) -> Mesh {
    let mut mesh = Mesh::new();
    mesh.service(service("reviews", 9080, Protocol::Http), Vec::new());
    mesh.request_filters(filters);
    let format = "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %REQ(X-A)%\n".to_owned();
    mesh.defaults.access_log = AccessLog::Text { file: "/dev/stdout".to_owned(), format };
    mesh
}

/// A sidecar before an application that answers with the headers it got.
async fn reviews(mesh: Mesh) -> Proxy {
    let application = server(Version::Http1, async |request: Request<Body>| {
        let mut response = Response::new(Body::empty());
        for (name, value) in request.headers() {
            response
                .headers_mut()
                .append(format!("got-{name}").parse::<http::HeaderName>().unwrap(), value.clone());
        }
        response.headers_mut().insert("server", "app".parse().unwrap());
        Ok(response)
    })
    .await;
    let mut proxy = Proxy::sidecar("reviews", &[(9080, application)], &Authority::root());
    proxy.put(&mesh.snapshot()).unwrap();
    proxy
}

async fn statuses(client: &Client, requests: u32) -> Vec<u16> {
    let mut statuses = Vec::new();
    for _ in 0..requests {
        statuses.push(client.send(get("/")).await.unwrap().status().as_u16());
    }
    statuses
}

#[tokio::test(flavor = "local")]
async fn what_is_beyond_the_limit_is_refused_as_envoy_does() {
    let place = FilterPlace::Last;
    let mut proxy = reviews(mesh(limiting(Traffic::Inbound, place, limit(3)))).await;
    // Connections are spread over threads.
    let mut all = Vec::new();
    for _ in 0..4 {
        let client = Client::to(proxy.inbound(), Version::Http1).await;
        all.extend(statuses(&client, 3).await);
    }
    assert_eq!(all, [[200; 3].as_slice(), &[429; 9]].concat());
    let client = Client::to(proxy.inbound(), Version::Http1).await;
    let mut request = get("/");
    request.headers_mut().insert("x-who", "me".parse().unwrap());
    let response = client.send(request).await.unwrap();
    assert_eq!(response.headers()["x-local-rate-limit"], "me");
    assert_eq!(response.headers()["content-type"], "text/plain");
    assert_eq!(text(response).await, "local_rate_limited");
    until("it has been logged", || proxy.logged().contains("429 RL local_rate_limited -\n")).await;
    // What was counted stays counted under a policy that leaves the limit as it is, and no other.
    let mut again = mesh(limiting(Traffic::Inbound, place, limit(3)));
    again.service(service("other", 80, Protocol::Http), Vec::new());
    proxy.put(&again.snapshot()).unwrap();
    assert_eq!(statuses(&client, 1).await, [429]);
    proxy.put(&mesh(limiting(Traffic::Inbound, place, limit(1))).snapshot()).unwrap();
    assert_eq!(statuses(&client, 2).await, [200, 429]);
}

#[tokio::test(flavor = "local")]
async fn a_limit_may_be_for_a_part_or_only_watched() {
    let nobody = RateLimit { enabled: PartsPerMillion(0), ..limit(1) };
    let proxy = reviews(mesh(limiting(Traffic::Inbound, FilterPlace::Last, nobody))).await;
    let client = Client::to(proxy.inbound(), Version::Http1).await;
    assert_eq!(statuses(&client, 3).await, [200; 3]);
    let watched = RateLimit { enforced: PartsPerMillion(0), ..limit(1) };
    let proxy = reviews(mesh(limiting(Traffic::Inbound, FilterPlace::Last, watched))).await;
    let client = Client::to(proxy.inbound(), Version::Http1).await;
    let beyond = async || {
        let response = client.send(get("/")).await.unwrap();
        (response.status(), response.headers().contains_key("got-x-beyond"))
    };
    assert_eq!(beyond().await, (StatusCode::OK, false));
    assert_eq!(beyond().await, (StatusCode::OK, true));
}

#[tokio::test(flavor = "local")]
async fn grpc_clients_hear_of_a_limit_in_their_terms() {
    for (resource_exhausted, status) in [(false, "14"), (true, "8")] {
        let limit = RateLimit { resource_exhausted, ..limit(1) };
        let proxy = reviews(mesh(limiting(Traffic::Inbound, FilterPlace::First, limit))).await;
        let client = Client::to(proxy.inbound(), Version::Http2).await;
        let call = || {
            let mut request = get("/shop.Reviews/List");
            request.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
            request
        };
        client.send(call()).await.unwrap();
        let response = client.send(call()).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["grpc-status"], status);
        assert_eq!(response.headers()["grpc-message"], "local_rate_limited");
    }
}

/// Nobody may do anything.
fn closed() -> AuthorizationPolicy {
    AuthorizationPolicy {
        namespace: "shop".to_owned(),
        name: "guard".to_owned(),
        action: Action::Deny,
        dry_run: false,
        rules: vec![Rule { from: Vec::new(), to: Vec::new(), when: Vec::new() }],
    }
}

#[tokio::test(flavor = "local")]
async fn who_is_denied_takes_a_token_of_a_limit_that_stands_first() {
    for (place, second) in [(FilterPlace::First, 429), (FilterPlace::Last, 403)] {
        let mut mesh = mesh(limiting(Traffic::Inbound, place, limit(1)));
        mesh.authorization(closed());
        let proxy = reviews(mesh).await;
        let client = Client::to(proxy.inbound(), Version::Http1).await;
        assert_eq!(statuses(&client, 2).await, [403, second], "{place:?}");
    }
}

#[tokio::test(flavor = "local")]
async fn a_route_has_a_limit_of_its_own() {
    let none = step(Traffic::Inbound, FilterPlace::First, FilterStep::RateLimit(None));
    let mut filters = of(vec![none]);
    filters.settings = vec![setting(Traffic::Inbound, "inbound|http|9080", limit(1))];
    let proxy = reviews(mesh(filters.clone())).await;
    let client = Client::to(proxy.inbound(), Version::Http1).await;
    assert_eq!(statuses(&client, 2).await, [200, 429]);
    filters.settings = vec![setting(Traffic::Inbound, "inbound|http|80", limit(1))];
    let proxy = reviews(mesh(filters)).await;
    let client = Client::to(proxy.inbound(), Version::Http1).await;
    assert_eq!(statuses(&client, 2).await, [200, 200]);
}

fn edits(request: Vec<HeaderEdit>, response: Vec<HeaderEdit>, reroute: bool) -> FilterStep {
    FilterStep::HeaderEdits { request, response, reroute }
}

fn values<'h>(headers: &'h HeaderMap, name: &str) -> Vec<&'h str> {
    headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

#[tokio::test(flavor = "local")]
async fn headers_are_edited_one_after_the_other_and_back() {
    let inner = edits(
        vec![add("x-a", "2"), remove("x-gone")],
        vec![remove("server"), set("x-order", "inner"), set("x-asked", "%REQ(x-a)%")],
        false,
    );
    let outer = edits(
        vec![remove("x-a"), set("x-a", "1")],
        vec![add("x-order", "outer %RESPONSE_CODE%")],
        false,
    );
    let filters = of(vec![
        step(Traffic::Inbound, FilterPlace::Last, inner),
        step(Traffic::Inbound, FilterPlace::First, outer),
    ]);
    let proxy = reviews(mesh(filters.clone())).await;
    let client = Client::to(proxy.inbound(), Version::Http1).await;
    let mut request = get("/");
    for (name, value) in [("x-a", "0"), ("x-gone", "x")] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let response = client.send(request).await.unwrap();
    let headers = response.headers();
    assert_eq!(values(headers, "got-x-a"), ["1", "2"]);
    assert!(!headers.contains_key("got-x-gone") && !headers.contains_key("server"));
    assert_eq!(values(headers, "x-order"), ["inner", "outer 200"]);
    // Of several values, the first is told.
    assert_eq!(headers["x-asked"], "1");
    until("it has been logged", || proxy.logged().contains("200 - via_upstream 1\n")).await;
    // Answers of the proxy's own are answers.
    let mut mesh = mesh(filters);
    mesh.authorization(closed());
    let proxy = reviews(mesh).await;
    let client = Client::to(proxy.inbound(), Version::Http1).await;
    let response = client.send(get("/")).await.unwrap();
    assert_eq!(response.status(), 403);
    assert_eq!(values(response.headers(), "x-order"), ["inner", "outer 403"]);
    assert_eq!(text(response).await, "RBAC: access denied");
}

/// To `b` with a header, to `a` without.
fn by_header() -> Vec<HttpRoute> {
    let value = ValueMatch::Is(StringMatch::Exact("b".to_owned()));
    let header = HeaderMatch { name: "x-to".to_owned(), value, inverted: false };
    let marked = HttpMatch { headers: vec![header], ..HttpMatch::default() };
    let to_b = HttpRoute { matches: vec![marked], ..route(forward(vec![backend(to("b"), 1)])) };
    vec![to_b, route(forward(vec![backend(to("a"), 1)]))]
}

async fn web(filters: RequestFilters) -> (Proxy, Client) {
    let mut mesh = mesh(filters);
    mesh.service(service("a", 80, Protocol::Http), by_header());
    mesh.service(service("b", 80, Protocol::Http), Vec::new());
    let mut proxy = Proxy::sidecar("web", &[], &Authority::root());
    proxy.put(&mesh.snapshot()).unwrap();
    for name in ["a", "b"] {
        let at =
            server(Version::Http1, move |_| async move { Ok(Response::new(Body::from(name))) })
                .await;
        proxy.learn(name, vec![endpoint(name, 80, at)]);
    }
    let client = Client::to(proxy.outbound(), Version::Http1).await;
    (proxy, client)
}

#[tokio::test(flavor = "local")]
async fn a_request_is_routed_by_new_headers_where_the_step_says_so() {
    for place in [FilterPlace::First, FilterPlace::Last] {
        for (reroute, reached) in [(true, "b"), (false, "a")] {
            let edits = edits(vec![set("x-to", "b")], Vec::new(), reroute);
            let (_proxy, client) = web(of(vec![step(Traffic::Outbound, place, edits)])).await;
            let response = client.send(asking("a", "/")).await.unwrap();
            assert_eq!(text(response).await, reached, "{place:?}");
        }
    }
}

#[tokio::test(flavor = "local")]
async fn limits_of_what_is_sent_are_by_host() {
    let none = step(Traffic::Outbound, FilterPlace::First, FilterStep::RateLimit(None));
    let mut filters = of(vec![none]);
    let host = "a.shop.svc.cluster.local:80";
    filters.settings = vec![setting(Traffic::Outbound, host, limit(1))];
    let (_proxy, client) = web(filters).await;
    let ask = async |host: &str, to: &str| {
        let mut request = asking(host, "/");
        request.headers_mut().insert("x-to", to.parse().unwrap());
        client.send(request).await.unwrap().status().as_u16()
    };
    assert_eq!([ask("a", "a").await, ask("a", "a").await], [200, 429]);
    // Another route, another bucket.
    assert_eq!([ask("a", "b").await, ask("a", "b").await], [200, 429]);
    assert_eq!([ask("b", "").await, ask("b", "").await], [200, 200]);
}

#[tokio::test(flavor = "local")]
async fn a_gateway_limits_what_comes_from_outside() {
    let own = FilterStep::RateLimit(Some(limit(2)));
    let mut filters = of(vec![step(Traffic::Gateway, FilterPlace::Last, own)]);
    filters.settings = vec![setting(Traffic::Gateway, "small.test:80", limit(1))];
    let mut mesh = mesh(filters);
    let application = shop(&mut mesh).await;
    let hosts = ["shop.test", "small.test"].map(|host| mesh.virtual_host(host, vec![to_shop()]));
    mesh.gateway("edge", vec![plain("*", mesh_snapshot::object::ServerTls::Off, hosts.into())]);
    let port = Reserved::new();
    let mut edge = Proxy::gateway(&[(80, &port)], &Authority::root());
    edge.put(&mesh.snapshot()).unwrap();
    edge.learn("shop", vec![endpoint("shop", 8080, application)]);
    opened(&port).await;
    let client = Client::to(port.at, Version::Http1).await;
    let ask = async |host: &str| client.send(asking(host, "/")).await.unwrap().status().as_u16();
    assert_eq!([ask("small.test").await, ask("small.test").await], [200, 429]);
    // What nobody serves takes a token before it is told so.
    assert_eq!([ask("shop.test").await, ask("other.test").await], [200, 404]);
    assert_eq!([ask("shop.test").await, ask("other.test").await], [429, 429]);
}

fn route_headers(
    traffic: Traffic,
    virtual_host: &str,
    level: RouteLevel,
    edits: (Vec<HeaderEdit>, Vec<HeaderEdit>),
) -> RouteHeaders {
    let routes = setting(traffic, virtual_host, limit(1)).routes;
    let (request, response) = edits;
    RouteHeaders { routes: RouteSelector { level, ..routes }, request, response }
}

fn add(name: &str, value: &str) -> HeaderEdit {
    HeaderEdit::Add { name: name.to_owned(), value: value.to_owned() }
}

fn remove(name: &str) -> HeaderEdit {
    HeaderEdit::Remove { name: name.to_owned() }
}

#[tokio::test(flavor = "local")]
async fn headers_are_edited_where_the_only_route_leads() {
    let edits = (vec![add("x-a", "1")], vec![set("x-of", "%REQ(x-a)%"), remove("server")]);
    let host = "inbound|http|9080";
    let headers = route_headers(Traffic::Inbound, host, RouteLevel::VirtualHost, edits);
    let filters = RequestFilters { route_headers: vec![headers], ..RequestFilters::default() };
    let mut mesh = mesh(filters.clone());
    let proxy = reviews(mesh).await;
    let client = Client::to(proxy.inbound(), Version::Http1).await;
    let response = client.send(get("/")).await.unwrap();
    assert_eq!(response.headers()["got-x-a"], "1");
    assert_eq!(response.headers()["x-of"], "1");
    assert!(!response.headers().contains_key("server"));
    // Who is denied is led nowhere.
    mesh = self::mesh(filters);
    mesh.authorization(closed());
    let proxy = reviews(mesh).await;
    let client = Client::to(proxy.inbound(), Version::Http1).await;
    let response = client.send(get("/")).await.unwrap();
    assert_eq!(response.status(), 403);
    assert!(!response.headers().contains_key("x-of"));
}

/// Source: Istio merges a patch into the route's own lists, and Envoy removes before it adds.
#[tokio::test(flavor = "local")]
async fn what_a_route_adds_is_not_removed_by_what_is_merged_into_it() {
    let level = |level, name: &str| {
        let request = vec![remove("x-own"), remove("x-came"), add("x-order", name)];
        let response = vec![remove("x-envoy-upstream-service-time"), add("x-order", name)];
        let host = "a.shop.svc.cluster.local:80";
        route_headers(Traffic::Outbound, host, level, (request, response))
    };
    let serve = async |levels: Vec<RouteHeaders>| {
        let mut mesh = mesh(RequestFilters { route_headers: levels, ..RequestFilters::default() });
        let headers = HeaderOperations {
            request_add: vec![("x-own".into(), "1".into()), ("x-order".into(), "own".into())],
            ..HeaderOperations::default()
        };
        let route = HttpRoute { headers, ..route(forward(vec![backend(to("a"), 1)])) };
        mesh.service(service("a", 80, Protocol::Http), vec![route]);
        let mut proxy = Proxy::sidecar("web", &[], &Authority::root());
        proxy.put(&mesh.snapshot()).unwrap();
        let at = server(Version::Http1, async |request: Request<Body>| {
            let has = |name: &str| request.headers().contains_key(name);
            let order = values(request.headers(), "x-order").join(",");
            let told = format!("own {} came {} {order}", has("x-own"), has("x-came"));
            Ok(Response::new(Body::from(bytes::Bytes::from(told))))
        })
        .await;
        proxy.learn("a", vec![endpoint("a", 80, at)]);
        let client = Client::to(proxy.outbound(), Version::Http1).await;
        let mut request = asking("a", "/");
        request.headers_mut().insert("x-came", "1".parse().unwrap());
        let response = client.send(request).await.unwrap();
        let order = values(response.headers(), "x-order").join(",");
        let timed = response.headers().contains_key("x-envoy-upstream-service-time");
        (text(response).await, order, timed)
    };
    let (asked, order, timed) =
        serve(vec![level(RouteLevel::VirtualHost, "host"), level(RouteLevel::Route, "route")])
            .await;
    // The wider level comes later, and removes what it says.
    assert_eq!(asked, "own false came false own,route,host");
    assert_eq!((order.as_str(), timed), ("route,host", false));
    let (asked, order, timed) = serve(vec![level(RouteLevel::Route, "route")]).await;
    assert_eq!(asked, "own true came false own,route");
    assert_eq!((order.as_str(), timed), ("route", false));
    let (_, _, timed) = serve(Vec::new()).await;
    assert!(timed);
}
