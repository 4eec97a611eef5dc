//! Endpoints that are set aside, and taken back.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use http::{HeaderMap, HeaderValue, Request, Response, StatusCode};
use mesh_proxy::cluster::{Endpoint, PickError, Spec};
use mesh_proxy::http::Body;
use mesh_proxy::http::Version::{Http1, Http2};
use mesh_snapshot::object::{Microseconds, OutlierDetection, PartsPerMillion, Protocol};
use tokio::time::advance;

use super::bench::{Caller, Server, at, shop};
use super::tcp::nobody;
use crate::wire::{get, post, streamed, text};

fn detecting(change: impl FnOnce(&mut OutlierDetection)) -> Spec {
    let mut policy = OutlierDetection {
        consecutive_5xx: 3,
        consecutive_gateway_errors: 0,
        consecutive_local_origin_failures: 0,
        split_local_origin_errors: false,
        interval: Microseconds::from_secs(10),
        base_ejection_time: Microseconds::from_secs(30),
        ejected_max: PartsPerMillion::ALL,
        healthy_min: PartsPerMillion(0),
    };
    change(&mut policy);
    shop(|spec| spec.policy.outlier_detection = Some(policy))
}

async fn failing(status: StatusCode) -> Server {
    Server::start(Http1, move |_| async move {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = status;
        Ok(response)
    })
    .await
}

/// Sends requests until the endpoint at `address` has had so many.
async fn trouble(caller: &Caller, address: SocketAddr, count: usize) {
    let mut met = 0;
    while met < count {
        let picked = caller.pick().unwrap();
        met += usize::from(picked.endpoint().address.to_string() == address.to_string());
        let _ = picked.send(get("/"), http::Version::HTTP_11).await;
    }
}

fn is_picked(caller: &Caller, address: SocketAddr) -> bool {
    let is_it = |endpoint: &Arc<Endpoint>| endpoint.address.to_string() == address.to_string();
    (0..100).any(|_| is_it(caller.pick().unwrap().endpoint()))
}

fn ejections(caller: &Caller) -> u64 {
    caller.shop().counters().ejections.load(Ordering::Relaxed)
}

#[tokio::test(flavor = "local")]
async fn who_answers_with_errors_is_ejected() {
    let (bad, good) =
        (failing(StatusCode::INTERNAL_SERVER_ERROR).await, Server::telling(Http1).await);
    let caller = Caller::of(detecting(|_| ()), vec![at(bad.address), at(good.address)]);
    trouble(&caller, bad.address, 2).await;
    assert!(is_picked(&caller, bad.address));
    trouble(&caller, bad.address, 1).await;
    assert!(!is_picked(&caller, bad.address) && is_picked(&caller, good.address));
    assert_eq!(ejections(&caller), 1);
    let mut changed = at(bad.address);
    changed.labels = [("version".to_owned(), "v2".to_owned())].into();
    caller.endpoints(vec![changed, at(good.address)]);
    assert!(!is_picked(&caller, bad.address), "it is the same endpoint still");
}

#[tokio::test(flavor = "local")]
async fn who_cannot_be_reached_is_ejected() {
    let (gone, good) = (nobody().await, Server::telling(Http1).await);
    let caller = Caller::of(detecting(|_| ()), vec![at(gone), at(good.address)]);
    trouble(&caller, gone, 3).await;
    assert!(!is_picked(&caller, gone));
    let spec = detecting(|policy| {
        policy.consecutive_5xx = 0;
        policy.split_local_origin_errors = true;
        policy.consecutive_local_origin_failures = 2;
    });
    let caller = Caller::of(spec, vec![at(gone), at(good.address)]);
    trouble(&caller, gone, 2).await;
    assert!(!is_picked(&caller, gone));
}

#[tokio::test(flavor = "local")]
async fn a_connection_in_between_forgives_failures_that_are_counted_apart() {
    let server = Server::telling(Http1).await;
    let spec = detecting(|policy| {
        policy.split_local_origin_errors = true;
        policy.consecutive_local_origin_failures = 2;
    });
    let caller = Caller::of(spec, vec![at(server.address)]);
    let endpoint = Arc::clone(caller.pick().unwrap().endpoint());
    for _ in 0..3 {
        caller.shop().timed_out(&endpoint);
        text(caller.send(get("/")).await.unwrap()).await;
    }
    caller.shop().timed_out(&endpoint);
    caller.shop().timed_out(&endpoint);
    assert_eq!(caller.pick().unwrap_err(), PickError::NoneHealthy);
}

#[tokio::test(flavor = "local")]
async fn a_call_that_fails_in_its_trailers_counts() {
    let server = Server::start(Http2, |request: Request<Body>| async move {
        let (sender, body) = streamed();
        let status = request.headers()["status"].clone();
        let trailers = HeaderMap::from_iter([("grpc-status".parse().unwrap(), status)]);
        sender.send(http_body::Frame::trailers(trailers)).await.unwrap();
        Ok(Response::new(body))
    })
    .await;
    let mut spec = detecting(|policy| policy.consecutive_gateway_errors = 2);
    spec.protocol = Protocol::Grpc;
    let caller = Caller::of(spec, vec![at(server.address)]);
    for (status, is_ejected) in [("14", false), ("0", false), ("14", false), ("14", true)] {
        let mut request = post("/", Body::empty());
        let grpc = HeaderValue::from_static("application/grpc");
        request.headers_mut().insert("content-type", grpc);
        request.headers_mut().insert("status", status.parse().unwrap());
        text(caller.send(request).await.unwrap()).await;
        assert_eq!(caller.pick().is_err(), is_ejected, "{status}");
    }
    assert_eq!(caller.pick().unwrap_err(), PickError::NoneHealthy);
}

fn address(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// Tells the caller that nothing came of a request to each endpoint at a port below `below`, three times.
fn time_out(caller: &Caller, below: u16) {
    for _ in 0..3 {
        for port in 1..below {
            let endpoint = (0..10_000)
                .map(|_| Arc::clone(caller.pick().unwrap().endpoint()))
                .find(|endpoint| endpoint.address.to_string() == address(port).to_string());
            if let Some(endpoint) = endpoint {
                caller.shop().timed_out(&endpoint);
            }
        }
    }
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn who_was_ejected_is_taken_back() {
    let endpoints = vec![at(address(1)), at(address(2))];
    let caller = Caller::of(detecting(|_| ()), endpoints);
    time_out(&caller, 2);
    assert!(!is_picked(&caller, address(1)));
    advance(Duration::from_secs(29)).await;
    assert!(!is_picked(&caller, address(1)));
    advance(Duration::from_secs(12)).await;
    assert!(is_picked(&caller, address(1)), "with the first tick after its time");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn only_a_share_is_ejected_and_panic_ignores_it() {
    let endpoints: Vec<_> = (1..=4).map(|port| at(address(port))).collect();
    let half = detecting(|policy| policy.ejected_max = PartsPerMillion(500_000));
    let caller = Caller::of(half, endpoints.clone());
    time_out(&caller, 4);
    assert_eq!(ejections(&caller), 2);
    let overflow = caller.shop().counters().ejection_overflow.load(Ordering::Relaxed);
    assert_eq!(overflow, 1);

    let panicking = detecting(|policy| policy.healthy_min = PartsPerMillion(500_000));
    let caller = Caller::of(panicking, endpoints);
    time_out(&caller, 3);
    assert!(!is_picked(&caller, address(1)) && !is_picked(&caller, address(2)));
    time_out(&caller, 4);
    assert!((1..=4).all(|port| is_picked(&caller, address(port))), "fewer than half are well");
}

#[tokio::test(flavor = "local")]
async fn a_retry_goes_elsewhere_while_there_is_an_elsewhere() {
    let endpoints: Vec<_> = (1..=3).map(|port| at(address(port))).collect();
    let caller = Rc::new(Caller::of(shop(|_| ()), endpoints));
    for _ in 0..100 {
        let mut been = Vec::new();
        for _ in 0..3 {
            let endpoint = Arc::clone(caller.pick_avoiding(&been).endpoint());
            assert!(been.iter().all(|other: &Arc<Endpoint>| other.address != endpoint.address));
            been.push(endpoint);
        }
        caller.pick_avoiding(&been);
    }
}
