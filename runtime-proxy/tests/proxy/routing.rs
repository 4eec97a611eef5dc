//! What routes make of the requests that a workload sends.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use http::{Request, Response, StatusCode};
use mesh_proxy::http::{Body, Version};
use mesh_snapshot::object::{
    Abort, AbortStatus, ClientPolicy, ClientTls, Cors, Delay, Fault, HeaderOperations, HttpAction,
    HttpRoute, Microseconds, Mirror, OutboundPolicy, PartsPerMillion, PathRewrite, Protocol,
    Redirect, RetryPolicy, StringMatch,
};

use crate::pki::Authority;
use crate::support::{
    Mesh, Proxy, Reserved, backend, endpoint, forward, route, service, to, until,
};
use crate::wire::{Client, get, post, server, text};

/// A sidecar for `web` alone, in a mesh where `a` and `b` have no proxies, and `a` has these routes.
async fn web(routes: Vec<HttpRoute>, a: &[SocketAddr], b: &[SocketAddr]) -> (Proxy, Client) {
    web_in(Mesh::new(), routes, a, b).await
}

async fn web_in(
    mut mesh: Mesh,
    routes: Vec<HttpRoute>,
    a: &[SocketAddr],
    b: &[SocketAddr],
) -> (Proxy, Client) {
    mesh.service(service("a", 80, Protocol::Http), routes);
    mesh.service(service("b", 80, Protocol::Http), Vec::new());
    let mut proxy = Proxy::sidecar("web", &[], &Authority::root());
    proxy.put(&mesh.snapshot()).unwrap();
    for (name, at) in [("a", a), ("b", b)] {
        proxy.learn(name, at.iter().map(|at| endpoint(name, 80, *at)).collect());
    }
    let client = Client::to(proxy.outbound(), Version::Http1).await;
    (proxy, client)
}

fn asking(path: &str) -> Request<Body> {
    let mut request = get(path);
    request.headers_mut().insert("host", "a".parse().unwrap());
    request
}

/// Says its name, and what it was asked.
async fn named(name: &'static str) -> SocketAddr {
    server(Version::Http1, move |request: Request<Body>| async move {
        let host = request.headers()["host"].to_str().unwrap().to_owned();
        let told = format!("{name} {host} {}", request.uri());
        Ok(Response::new(Body::from(bytes::Bytes::from(told))))
    })
    .await
}

/// Answers with each of these statuses in turn, and goes on with the last.
async fn scripted(statuses: &'static [u16]) -> (SocketAddr, Rc<Cell<usize>>) {
    let count = Rc::new(Cell::new(0));
    let counted = Rc::clone(&count);
    let address = server(Version::Http1, move |request: Request<Body>| {
        let turn = counted.get();
        counted.set(turn + 1);
        async move {
            let body = text(Response::new(request.into_body())).await;
            let mut response = Response::new(Body::from(bytes::Bytes::from(body)));
            let status = statuses.get(turn).or(statuses.last()).unwrap();
            *response.status_mut() = StatusCode::from_u16(*status).unwrap();
            Ok(response)
        }
    })
    .await;
    (address, count)
}

fn retrying(
    conditions: &[&str],
    timeout: Option<Microseconds>,
    try_timeout: Option<Microseconds>,
) -> HttpRoute {
    let conditions = conditions.iter().map(|&name| name.to_owned()).collect();
    let retry = RetryPolicy {
        retries_max: 2,
        conditions,
        backoff: Some(Microseconds::from_millis(1)),
        ..RetryPolicy::default()
    };
    route(HttpAction::Forward {
        backends: vec![backend(to("a"), 1)],
        path_rewrite: None,
        authority_rewrite: None,
        timeout,
        try_timeout,
        retry: Some(retry),
        mirrors: Vec::new(),
    })
}

#[tokio::test(flavor = "local")]
async fn a_split_sends_each_its_share() {
    let split = route(forward(vec![backend(to("a"), 1), backend(to("b"), 3)]));
    let (a, b) = (named("a").await, named("b").await);
    let (_proxy, client) = web(vec![split], &[a], &[b]).await;
    let mut of_b = 0;
    for _ in 0..400 {
        let told = text(client.send(asking("/")).await.unwrap()).await;
        of_b += usize::from(told.starts_with("b "));
    }
    assert!((230..370).contains(&of_b), "{of_b} of 400");
}

#[tokio::test(flavor = "local")]
async fn what_cannot_be_reached_is_tried_elsewhere() {
    let nobody = Reserved::new();
    let (_proxy, client) = web(Vec::new(), &[nobody.at, named("a").await], &[]).await;
    for _ in 0..20 {
        let response = client.send(asking("/")).await.unwrap();
        assert_eq!(response.status(), 200);
        text(response).await;
    }
}

#[tokio::test(flavor = "local")]
async fn a_503_is_tried_again_where_a_route_says_so_and_the_body_with_it() {
    let (at, count) = scripted(&[503, 503, 200]).await;
    let (_proxy, client) = web(vec![retrying(&["gateway-error"], None, None)], &[at], &[]).await;
    let mut request = post("/", Body::from("hello"));
    request.headers_mut().insert("host", "a".parse().unwrap());
    let response = client.send(request).await.unwrap();
    assert_eq!((response.status(), count.get()), (StatusCode::OK, 3));
    assert_eq!(text(response).await, "hello");
}

#[tokio::test(flavor = "local")]
async fn a_503_is_not_tried_again_by_itself() {
    let (at, count) = scripted(&[503, 200]).await;
    let (_proxy, client) = web(Vec::new(), &[at], &[]).await;
    assert_eq!(client.send(asking("/")).await.unwrap().status(), 503);
    assert_eq!(count.get(), 1);
}

async fn silent() -> (SocketAddr, Rc<Cell<usize>>) {
    let count = Rc::new(Cell::new(0));
    let counted = Rc::clone(&count);
    let address = server(Version::Http1, move |_| {
        counted.set(counted.get() + 1);
        std::future::pending()
    })
    .await;
    (address, count)
}

#[tokio::test(flavor = "local")]
async fn what_takes_too_long_is_answered_with_504() {
    let (at, count) = silent().await;
    let timeout = Some(Microseconds::from_millis(40));
    let (_proxy, client) = web(vec![retrying(&["5xx"], timeout, None)], &[at], &[]).await;
    let response = client.send(asking("/")).await.unwrap();
    assert_eq!((response.status(), count.get()), (StatusCode::GATEWAY_TIMEOUT, 1));
    assert_eq!(text(response).await, "upstream request timeout");
}

#[tokio::test(flavor = "local")]
async fn each_try_has_its_own_time() {
    let (at, count) = silent().await;
    let try_timeout = Some(Microseconds::from_millis(30));
    let (_proxy, client) = web(vec![retrying(&["5xx"], None, try_timeout)], &[at], &[]).await;
    let response = client.send(asking("/")).await.unwrap();
    assert_eq!((response.status(), count.get()), (StatusCode::GATEWAY_TIMEOUT, 3));
}

#[tokio::test(flavor = "local")]
async fn faults_are_injected_before_anything_is_sent() {
    let share = PartsPerMillion::ALL;
    let delay = Some(Delay { duration: Microseconds::from_millis(30), share });
    let abort = Some(Abort { status: AbortStatus::Http(418), share });
    let faulty =
        HttpRoute { fault: Fault { delay, abort }, ..route(forward(vec![backend(to("a"), 1)])) };
    let (at, count) = scripted(&[200]).await;
    let (_proxy, client) = web(vec![faulty], &[at], &[]).await;
    let began = std::time::Instant::now();
    let response = client.send(asking("/")).await.unwrap();
    assert_eq!((response.status().as_u16(), count.get()), (418, 0));
    assert!(30 <= began.elapsed().as_millis());
    assert_eq!(text(response).await, "fault filter abort");
}

#[tokio::test(flavor = "local")]
async fn paths_hosts_and_headers_are_rewritten() {
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let backends = vec![backend(to("a"), 1)];
    let mut changed = route(HttpAction::Forward {
        backends,
        path_rewrite: Some(PathRewrite::Prefix("/new".to_owned())),
        authority_rewrite: Some("other.test".to_owned()),
        timeout: None,
        try_timeout: None,
        retry: None,
        mirrors: Vec::new(),
    });
    changed.matches = vec![mesh_snapshot::object::HttpMatch {
        path: Some(StringMatch::Prefix("/old".to_owned())),
        ..Default::default()
    }];
    changed.headers = HeaderOperations {
        request_set: vec![pair("x-new", "new"), pair("x-was", "%REQ(:path)%")],
        response_set: vec![
            pair("x-path", "%REQ(:path)%"),
            pair("x-host", "%REQ(:authority)%"),
            pair("x-edited", "%REQ(x-new)% %REQ(x-was)%"),
            pair("x-fixed", "yes"),
            pair("x-none", "%REQ(x-absent)%"),
        ],
        ..HeaderOperations::default()
    };
    let (_proxy, client) = web(vec![changed], &[named("a").await], &[]).await;
    let response = client.send(asking("/old/x?y")).await.unwrap();
    assert_eq!(response.headers()["x-fixed"], "yes");
    assert!(!response.headers().contains_key("x-none"), "there is nothing to say");
    assert_eq!(response.headers()["x-path"], "/new/x?y", "as it was sent on");
    assert_eq!(response.headers()["x-host"], "other.test");
    assert_eq!(response.headers()["x-edited"], "new /old/x?y");
    assert_eq!(text(response).await, "a other.test /new/x?y");
    assert_eq!(client.send(asking("/else")).await.unwrap().status(), 404);
}

#[tokio::test(flavor = "local")]
async fn a_proxy_answers_and_redirects_by_itself() {
    let body = mesh_snapshot::object::Bytes(b"gone".to_vec());
    let mut respond = route(HttpAction::Respond { status: 410, body });
    let agent = ("x-agent".to_owned(), "%REQ(user-agent)%".to_owned());
    respond.headers = HeaderOperations { response_set: vec![agent], ..Default::default() };
    let (_proxy, client) = web(vec![respond], &[], &[]).await;
    let mut request = asking("/");
    request.headers_mut().insert("user-agent", "curl".parse().unwrap());
    let response = client.send(request).await.unwrap();
    assert_eq!(response.status(), 410);
    assert_eq!(response.headers()["x-agent"], "curl");
    assert_eq!(text(response).await, "gone");

    let redirect = route(HttpAction::Redirect(Redirect {
        status: 302,
        scheme: None,
        authority: Some("b".to_owned()),
        port: None,
        path: None,
    }));
    let (_proxy, client) = web(vec![redirect], &[], &[]).await;
    let response = client.send(asking("/x?y")).await.unwrap();
    assert_eq!(response.status(), 302);
    assert_eq!(response.headers()["location"], "http://b/x?y");
}

#[tokio::test(flavor = "local")]
async fn a_mirror_gets_a_copy_and_is_not_heard() {
    let mirrors = vec![Mirror { destination: to("b"), share: PartsPerMillion::ALL }];
    let mirrored = route(HttpAction::Forward {
        backends: vec![backend(to("a"), 1)],
        path_rewrite: None,
        authority_rewrite: None,
        timeout: None,
        try_timeout: None,
        retry: None,
        mirrors,
    });
    let (sender, mut copied) = tokio::sync::mpsc::channel(1);
    let b = server(Version::Http1, move |request: Request<Body>| {
        let sender = sender.clone();
        async move {
            sender.send(text(Response::new(request.into_body())).await).await.unwrap();
            let mut response = Response::new(Body::from("unheard"));
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            Ok(response)
        }
    })
    .await;
    let (_proxy, client) = web(vec![mirrored], &[scripted(&[200]).await.0], &[b]).await;
    let mut request = post("/", Body::from("hello"));
    request.headers_mut().insert("host", "a".parse().unwrap());
    let response = client.send(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(text(response).await, "hello");
    assert_eq!(copied.recv().await.unwrap(), "hello");
}

#[tokio::test(flavor = "local")]
async fn a_mirror_that_does_not_answer_is_given_up() {
    let mirrored = route(HttpAction::Forward {
        backends: vec![backend(to("a"), 1)],
        path_rewrite: None,
        authority_rewrite: None,
        timeout: Some(Microseconds::from_secs(1)),
        try_timeout: None,
        retry: None,
        mirrors: vec![Mirror { destination: to("b"), share: PartsPerMillion::ALL }],
    });
    let b = server(Version::Http1, |_| std::future::pending()).await;
    let (proxy, client) = web(vec![mirrored], &[scripted(&[200]).await.0], &[b]).await;
    let response = client.send(asking("/")).await.unwrap();
    assert_eq!(response.status(), 200);
    let mirrors = &proxy.shared.metrics.mirrors;
    until("it is counted", || mirrors.timed_out.load(Ordering::Relaxed) == 1).await;
}

#[tokio::test(flavor = "local")]
async fn preflights_are_answered_and_answers_decorated() {
    let cors = Cors {
        allow_origins: vec![StringMatch::Exact("https://x.test".to_owned())],
        allow_methods: vec!["PUT".to_owned()],
        ..Cors::default()
    };
    let open = HttpRoute { cors: Some(cors), ..route(forward(vec![backend(to("a"), 1)])) };
    let (at, count) = scripted(&[200]).await;
    let (_proxy, client) = web(vec![open], &[at], &[]).await;
    let mut preflight = asking("/");
    *preflight.method_mut() = http::Method::OPTIONS;
    preflight.headers_mut().insert("origin", "https://x.test".parse().unwrap());
    preflight.headers_mut().insert("access-control-request-method", "PUT".parse().unwrap());
    let response = client.send(preflight).await.unwrap();
    assert_eq!((response.status().as_u16(), count.get()), (200, 0));
    assert_eq!(response.headers()["access-control-allow-methods"], "PUT");
    let mut plain = asking("/");
    plain.headers_mut().insert("origin", "https://x.test".parse().unwrap());
    let response = client.send(plain).await.unwrap();
    assert_eq!(response.headers()["access-control-allow-origin"], "https://x.test");
    assert_eq!(count.get(), 1);
}

#[tokio::test(flavor = "local")]
async fn strangers_are_reached_or_refused_as_the_mesh_says() {
    let stranger = named("stranger").await;
    let at = |stranger: SocketAddr| {
        let mut request = get("/x");
        request.headers_mut().insert("host", stranger.to_string().parse().unwrap());
        request
    };
    let (_proxy, client) = web(Vec::new(), &[], &[]).await;
    let response = client.send(at(stranger)).await.unwrap();
    assert_eq!(text(response).await, format!("stranger {stranger} /x"));

    let mut closed = Mesh::new();
    closed.outbound = OutboundPolicy::RegistryOnly;
    let (_proxy, client) = web_in(closed, Vec::new(), &[], &[]).await;
    assert_eq!(client.send(at(stranger)).await.unwrap().status(), 502);
}

#[tokio::test(flavor = "local")]
async fn a_proxy_does_not_call_itself() {
    let (proxy, client) = web(Vec::new(), &[], &[]).await;
    let mut request = get("/");
    request.headers_mut().insert("host", proxy.outbound().to_string().parse().unwrap());
    assert_eq!(client.send(request).await.unwrap().status(), 400);
}

#[tokio::test(flavor = "local")]
async fn without_endpoints_or_subset_there_is_a_503() {
    let mut nowhere = to("a");
    nowhere.subset = "v9".to_owned();
    let lost = route(forward(vec![backend(nowhere, 1)]));
    let (_proxy, client) = web(vec![lost], &[], &[]).await;
    let response = client.send(asking("/")).await.unwrap();
    assert_eq!((response.status().as_u16(), text(response).await.as_str()), (503, ""));
    let (_proxy, client) = web(Vec::new(), &[], &[]).await;
    let response = client.send(asking("/")).await.unwrap();
    assert_eq!(
        (response.status().as_u16(), text(response).await.as_str()),
        (503, "no healthy upstream")
    );
}

#[tokio::test(flavor = "local")]
async fn many_clients_are_served_at_once() {
    let mut mesh = Mesh::new();
    let mut policy = ClientPolicy::default();
    policy.ports.others.tls = ClientTls::Disable;
    mesh.upstream(service("a", 80, Protocol::Http), policy, Vec::new());
    let mut proxy = Proxy::sidecar("web", &[], &Authority::root());
    proxy.put(&mesh.snapshot()).unwrap();
    proxy.learn("a", vec![endpoint("a", 80, named("a").await)]);
    let at = proxy.outbound();
    let one = async || {
        let client = Client::to(at, Version::Http2).await;
        for _ in 0..20 {
            assert_eq!(client.send(asking("/")).await.unwrap().status(), 200);
        }
    };
    tokio::join!(one(), one(), one(), one(), one(), one(), one(), one());
}
