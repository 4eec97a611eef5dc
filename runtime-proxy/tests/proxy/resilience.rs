//! What a sidecar makes of servers that fail, and of more requests than they shall have.

use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use mesh_proxy::http::{Body, Version};
use mesh_snapshot::object::{
    ClientPolicy, HttpAction, HttpRoute, Microseconds, OutlierDetection, PartsPerMillion, Protocol,
    RetryPolicy, TrafficPolicy,
};
use tokio::io::AsyncWriteExt;
use tokio::sync::oneshot;

use crate::pki::Authority;
use crate::support::{Mesh, Proxy, Reserved, backend, endpoint, route, service, to, until};
use crate::wire::{Client, data, get, server, streamed, text};

/// A sidecar for `web`, in a mesh where these are the endpoints of `a`, without sidecars.
fn web(policy: TrafficPolicy, routes: Vec<HttpRoute>, a: &[SocketAddr]) -> Proxy {
    let mut mesh = Mesh::new();
    let mut of_ports = ClientPolicy::default();
    of_ports.ports.others = policy;
    mesh.upstream(service("a", 80, Protocol::Http), of_ports, routes);
    let mut proxy = Proxy::sidecar("web", &[], &Authority::root());
    proxy.put(&mesh.snapshot()).unwrap();
    proxy.learn("a", a.iter().map(|at| endpoint("a", 80, *at)).collect());
    proxy
}

async fn client(proxy: &Proxy) -> Client {
    Client::to(proxy.outbound(), Version::Http1).await
}

fn asking() -> Request<Body> {
    let mut request = get("/");
    request.headers_mut().insert("host", "a".parse().unwrap());
    request
}

/// Whether some request was told of with these flags.
async fn told(proxy: &Proxy, flags: &str) {
    let label = format!("response_flags=\"{flags}\"");
    let page = || proxy.shared.metrics.page();
    let began = std::time::Instant::now();
    while !page().contains(&label) {
        assert!(began.elapsed().as_secs() < 20, "not in time: {label} in {}", page());
        tokio::task::yield_now().await;
    }
}

async fn answering(status: StatusCode) -> (SocketAddr, Rc<Cell<usize>>) {
    let count = Rc::new(Cell::new(0));
    let counted = Rc::clone(&count);
    let address = server(Version::Http1, move |_| {
        counted.set(counted.get() + 1);
        async move {
            let mut response = Response::new(Body::empty());
            *response.status_mut() = status;
            Ok(response)
        }
    })
    .await;
    (address, count)
}

/// Answers each request when it is told to.
async fn patient() -> (SocketAddr, Rc<RefCell<Vec<oneshot::Sender<()>>>>) {
    let waiting = Rc::new(RefCell::new(Vec::new()));
    let asked = Rc::clone(&waiting);
    let address = server(Version::Http1, move |_| {
        let (go, told) = oneshot::channel();
        asked.borrow_mut().push(go);
        async move {
            let _ = told.await;
            Ok(Response::new(Body::from("at last")))
        }
    })
    .await;
    (address, waiting)
}

async fn is_overflow(proxy: &Proxy, response: Response<Body>) {
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(response.headers()["x-envoy-overloaded"], "true");
    let expected =
        "upstream connect error or disconnect/reset before headers. reset reason: overflow";
    assert_eq!(text(response).await, expected);
    told(proxy, "UO").await;
}

#[tokio::test(flavor = "local")]
async fn more_requests_than_a_service_takes_at_once_are_refused() {
    let (at, waiting) = patient().await;
    let mut policy = TrafficPolicy::default();
    policy.connection_pool.requests_max = 1;
    let proxy = web(policy, Vec::new(), &[at]);
    let (one, other) = (client(&proxy).await, client(&proxy).await);
    let meanwhile = async {
        until("the first is asked", || waiting.borrow().len() == 1).await;
        is_overflow(&proxy, other.send(asking()).await.unwrap()).await;
        waiting.borrow_mut().pop().unwrap().send(()).unwrap();
    };
    let (response, ()) = tokio::join!(one.send(asking()), meanwhile);
    assert_eq!(text(response.unwrap()).await, "at last");
}

/// A retry is under way until it has ended, and not only until it begins.
#[tokio::test(flavor = "local")]
async fn more_retries_than_a_service_takes_at_once_are_not_made() {
    let waiting = Rc::new(RefCell::new(Vec::new()));
    let asked = Rc::clone(&waiting);
    let at = server(Version::Http1, move |request: Request<Body>| {
        let is_first = request.headers()["x-envoy-attempt-count"] == "1";
        let (go, told) = oneshot::channel::<()>();
        if !is_first {
            asked.borrow_mut().push(go); // else it is told at once
        }
        async move {
            let _ = told.await;
            let mut response = Response::new(Body::from("at last"));
            if is_first {
                *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
            }
            Ok(response)
        }
    })
    .await;
    let mut policy = TrafficPolicy::default();
    policy.connection_pool.retries_max = 1;
    let retry = RetryPolicy {
        retries_max: 2,
        conditions: ["5xx".to_owned()].into(),
        backoff: Some(Microseconds::from_millis(1)),
        ..RetryPolicy::default()
    };
    let retried = route(HttpAction::Forward {
        backends: vec![backend(to("a"), 1)],
        path_rewrite: None,
        authority_rewrite: None,
        timeout: None,
        try_timeout: None,
        retry: Some(retry),
        mirrors: Vec::new(),
    });
    let proxy = web(policy, vec![retried], &[at]);
    let (one, other) = (client(&proxy).await, client(&proxy).await);
    let meanwhile = async {
        until("the first is tried again", || waiting.borrow().len() == 1).await;
        let response = other.send(asking()).await.unwrap();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        text(response).await;
        told(&proxy, "UO").await;
        waiting.borrow_mut().pop().unwrap().send(()).unwrap();
    };
    let (response, ()) = tokio::join!(one.send(asking()), meanwhile);
    assert_eq!(response.unwrap().status(), StatusCode::OK);
}

fn detecting() -> TrafficPolicy {
    let outlier_detection = Some(OutlierDetection {
        consecutive_5xx: 0,
        consecutive_gateway_errors: 2,
        consecutive_local_origin_failures: 0,
        split_local_origin_errors: false,
        interval: Microseconds::from_secs(600),
        base_ejection_time: Microseconds::from_secs(600),
        ejected_max: PartsPerMillion::ALL,
        healthy_min: PartsPerMillion(0),
    });
    TrafficPolicy { outlier_detection, ..TrafficPolicy::default() }
}

#[tokio::test(flavor = "local")]
async fn a_server_that_fails_again_and_again_is_asked_no_more() {
    let (good, _) = answering(StatusCode::OK).await;
    let (bad, count) = answering(StatusCode::BAD_GATEWAY).await;
    let proxy = web(detecting(), Vec::new(), &[good, bad]);
    // Each may be served by another thread.
    let clients = [client(&proxy).await, client(&proxy).await, client(&proxy).await];
    let mut failures = 0;
    for turn in 0..300 {
        let response = clients[turn % 3].send(asking()).await.unwrap();
        failures += usize::from(response.status() == StatusCode::BAD_GATEWAY);
    }
    assert_eq!((failures, count.get()), (2, 2));
}

/// A route to `a` that waits for half a second.
fn timely() -> HttpRoute {
    let half = Some(Microseconds::from_millis(500));
    route(HttpAction::Forward {
        backends: vec![backend(to("a"), 1)],
        path_rewrite: None,
        authority_rewrite: None,
        timeout: half,
        try_timeout: half,
        retry: None,
        mirrors: Vec::new(),
    })
}

/// The time of the answer begins when the request has come whole.
#[tokio::test(flavor = "local")]
async fn an_upload_may_last_longer_than_its_answer_may() {
    let at = server(Version::Http1, async |request: Request<Body>| {
        if request.method() == http::Method::GET {
            std::future::pending::<()>().await;
        }
        Ok(Response::new(Body::from(request.into_body().collect().await.unwrap().to_bytes())))
    })
    .await;
    let proxy = web(TrafficPolicy::default(), vec![timely()], &[at]);
    let (slow, other) = (client(&proxy).await, client(&proxy).await);
    let (sender, body) = streamed();
    let mut upload = asking();
    *upload.method_mut() = http::Method::POST;
    *upload.body_mut() = body;
    let uploading = async {
        sender.send(data("late, ")).await.unwrap();
        sender.send(data("but ")).await.unwrap();
        // Twice as long as the route waits, by its own clock.
        for _ in 0..2 {
            let response = other.send(asking()).await.unwrap();
            assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
        }
        sender.send(data("whole")).await.unwrap();
        drop(sender);
    };
    let (response, ()) = tokio::join!(slow.send(upload), uploading);
    let response = response.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(text(response).await, "late, but whole");
}

/// The time of the answer goes on while the client does not read.
#[tokio::test(flavor = "local")]
async fn an_answer_that_is_not_read_ends_in_its_time() {
    for version in [Version::Http1, Version::Http2] {
        let at = server(Version::Http1, async |_| {
            let (sender, body) = streamed();
            tokio::task::spawn_local(async move {
                // Not in small pieces: a client of h2 bears with few of them that nobody reads, and closes the connection.
                let piece = Bytes::from_static(&[b'.'; 4096]);
                while sender.send(Frame::data(piece.clone())).await.is_ok() {}
            });
            Ok(Response::new(body))
        })
        .await;
        let proxy = web(TrafficPolicy::default(), vec![timely()], &[at]);
        let (mut raw, client);
        if version == Version::Http1 {
            raw = tokio::net::TcpStream::connect(proxy.outbound()).await.unwrap();
            raw.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
            told(&proxy, "UT").await;
        } else {
            client = Client::to(proxy.outbound(), Version::Http2).await;
            let _unread = client.send(asking()).await.unwrap();
            told(&proxy, "UT").await;
        }
    }
}

#[tokio::test(flavor = "local")]
async fn a_server_that_takes_too_long_fails_too() {
    let (at, waiting) = patient().await;
    let proxy = web(detecting(), vec![timely()], &[at]);
    let client = client(&proxy).await;
    for _ in 0..2 {
        let response = client.send(asking()).await.unwrap();
        assert_eq!(response.status(), StatusCode::GATEWAY_TIMEOUT);
        assert_eq!(text(response).await, "upstream request timeout");
    }
    told(&proxy, "UT").await;
    let response = client.send(asking()).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(text(response).await, "no healthy upstream");
    told(&proxy, "UH").await;
    assert_eq!(waiting.borrow().len(), 2);
}

#[tokio::test(flavor = "local")]
async fn what_cannot_be_reached_at_all_is_said_to_be_so() {
    let nobody = Reserved::new();
    let proxy = web(TrafficPolicy::default(), Vec::new(), &[nobody.at]);
    let response = client(&proxy).await.send(asking()).await.unwrap();
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let said = text(response).await;
    assert!(said.contains("reset reason: connection failure"), "{said}");
    // It has been tried again, as the mesh says.
    told(&proxy, "UF,URX").await;
}
