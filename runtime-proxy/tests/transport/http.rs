//! Requests and answers over both versions, and through a proxy that turns one into the other.

use std::cell::Cell;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::BodyExt;
use mesh_proxy::drain::Drain;
use mesh_proxy::http::Version::{Http1, Http2};
use mesh_proxy::http::{Abort, Body, ExchangeError, Held, HttpLimits, Version, http1, http2};
use tokio::sync::Notify;

use crate::wire::{Client, bytes, data, get, post, server, server_with, streamed, text};

/// Answers with the body of the request and what it says about itself.
async fn echo(version: Version) -> SocketAddr {
    server(version, async |request: Request<Body>| {
        let mut response = Response::new(Body::empty());
        for name in ["content-length", "te"] {
            if let Some(value) = request.headers().get(name) {
                let name = http::HeaderName::try_from(format!("request-{name}")).unwrap();
                response.headers_mut().insert(name, value.clone());
            }
        }
        *response.body_mut() = request.into_body();
        Ok(response)
    })
    .await
}

/// Passes every request on over a connection of its own.
async fn proxy(version: Version, to: SocketAddr, upstream: Version) -> SocketAddr {
    server(version, move |request| async move {
        let client = Client::to(to, upstream).await;
        Ok(client.send(request).await.unwrap_or_else(|unanswered| {
            let mut response = Response::new(Body::from(Bytes::from(unanswered.error.to_string())));
            *response.status_mut() = StatusCode::BAD_GATEWAY;
            response
        }))
    })
    .await
}

const PAIRS: [(Version, Version); 4] =
    [(Http1, Http1), (Http1, Http2), (Http2, Http1), (Http2, Http2)];

#[tokio::test(flavor = "local")]
async fn a_body_comes_back_over_every_pair_of_versions() {
    for (downstream, upstream) in PAIRS {
        let proxy = proxy(downstream, echo(upstream).await, upstream).await;
        let client = Client::to(proxy, downstream).await;
        let large: Bytes = (0..1_000_000_u32).flat_map(u32::to_le_bytes).collect();
        for body in [Bytes::new(), Bytes::from_static(b"hello"), large] {
            let response = client.send(post("/", Body::from(body.clone()))).await.unwrap();
            let length = response.headers()["request-content-length"].clone();
            assert_eq!(length, body.len().to_string(), "{downstream:?} to {upstream:?}");
            assert!(bytes(response).await == body, "{downstream:?} to {upstream:?}");
        }
    }
}

#[tokio::test(flavor = "local")]
async fn a_body_is_streamed_both_ways_at_once() {
    for (downstream, upstream) in PAIRS {
        let proxy = proxy(downstream, echo(upstream).await, upstream).await;
        let client = Client::to(proxy, downstream).await;
        let (sender, body) = streamed();
        sender.send(data("one")).await.unwrap();
        let mut answer = client.send(post("/", body)).await.unwrap().into_body();
        for piece in ["two", "three"] {
            let echoed = answer.frame().await.unwrap().unwrap().into_data().unwrap();
            assert!(!echoed.is_empty(), "it comes back before the next is sent");
            sender.send(data(piece)).await.unwrap();
        }
        drop(sender);
        assert_eq!(answer.collect().await.unwrap().to_bytes(), "three");
    }
}

#[tokio::test(flavor = "local")]
async fn a_get_with_a_body_keeps_it() {
    for (downstream, upstream) in PAIRS {
        let proxy = proxy(downstream, echo(upstream).await, upstream).await;
        let client = Client::to(proxy, downstream).await;
        let (sender, body) = streamed();
        sender.send(data("query")).await.unwrap();
        drop(sender);
        let mut request = get("/");
        *request.body_mut() = body;
        let answer = client.send(request).await.unwrap();
        assert_eq!(text(answer).await, "query", "{downstream:?} to {upstream:?}");
    }
}

#[tokio::test(flavor = "local")]
async fn many_requests_share_one_connection() {
    let client = Rc::new(Client::to(echo(Http2).await, Http2).await);
    let mut tasks = Vec::new();
    for number in 0..90_u32 {
        let client = Rc::clone(&client);
        tasks.push(tokio::task::spawn_local(async move {
            let body = Bytes::from(number.to_string().repeat(10_000));
            let answer = client.send(post("/", Body::from(body.clone()))).await.unwrap();
            assert!(bytes(answer).await == body);
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
}

/// Says `message`, then what a gRPC server says at the end, and something that must not be there.
async fn grpc(version: Version) -> SocketAddr {
    server(version, async |request: Request<Body>| {
        let sent = request.into_body().collect().await.unwrap();
        let mut trailers = sent.trailers().cloned().unwrap_or_default();
        trailers.insert("grpc-status", 0.into());
        trailers.insert("content-length", 5.into());
        let (sender, body) = streamed();
        tokio::task::spawn_local(async move {
            sender.send(data("message")).await.unwrap();
            sender.send(Frame::trailers(trailers)).await.unwrap();
        });
        let mut response = Response::new(body);
        response.headers_mut().insert("trailer", "grpc-status, checksum".parse().unwrap());
        Ok(response)
    })
    .await
}

#[tokio::test(flavor = "local")]
async fn trailers_pass_both_ways_and_are_cleaned() {
    for (downstream, upstream) in PAIRS {
        let proxy = proxy(downstream, grpc(upstream).await, upstream).await;
        let client = Client::to(proxy, downstream).await;
        let (sender, body) = streamed();
        let mut request = post("/", body);
        request.headers_mut().insert("te", "trailers".parse().unwrap());
        request.headers_mut().insert("trailer", "checksum".parse().unwrap());
        let sending = async move {
            let mut trailers = HeaderMap::new();
            trailers.insert("checksum", 7.into());
            trailers.insert("authorization", 8.into());
            sender.send(data("question")).await.unwrap();
            sender.send(Frame::trailers(trailers)).await.unwrap();
        };
        let (answer, ()) = tokio::join!(client.send(request), sending);
        let collected = answer.unwrap().into_body().collect().await.unwrap();
        let trailers = collected.trailers().unwrap();
        let names: Vec<&str> = trailers.keys().map(http::HeaderName::as_str).collect();
        assert_eq!(trailers.len(), 2, "{downstream:?} to {upstream:?}: {names:?}");
        assert_eq!(trailers["checksum"], "7");
        assert_eq!(trailers["grpc-status"], "0");
    }
}

/// Counts how often it has been dropped.
#[derive(Clone, Default)]
struct Drops(Rc<(Cell<u32>, Notify)>);

struct Dropping(Drops);

impl Drop for Dropping {
    fn drop(&mut self) {
        let (count, notify) = &*self.0.0;
        count.set(count.get() + 1);
        notify.notify_one();
    }
}

impl Held for Dropping {}

impl Drops {
    async fn first(&self) {
        while self.0.0.get() == 0 {
            self.0.1.notified().await;
        }
    }
}

#[tokio::test(flavor = "local")]
async fn who_waits_no_longer_is_worked_for_no_longer() {
    for (downstream, upstream) in PAIRS {
        let drops = Drops::default();
        let arrived = Rc::new(Notify::new());
        let server = server(upstream, {
            let (drops, arrived) = (drops.clone(), Rc::clone(&arrived));
            move |_| {
                let (dropping, arrived) = (Dropping(drops.clone()), Rc::clone(&arrived));
                async move {
                    let _dropping = dropping;
                    arrived.notify_one();
                    std::future::pending().await
                }
            }
        })
        .await;
        let client = Client::to(proxy(downstream, server, upstream).await, downstream).await;
        let asking = tokio::task::spawn_local(async move { client.send(get("/")).await });
        arrived.notified().await;
        asking.abort();
        drops.first().await;
    }
}

#[tokio::test(flavor = "local")]
async fn what_a_body_holds_ends_with_it() {
    let drops = Drops::default();
    let server = server(Http2, {
        let drops = drops.clone();
        move |_| {
            let body = Body::from("hello").holding(Dropping(drops.clone()));
            std::future::ready(Ok(Response::new(body.holding(Dropping(drops.clone())))))
        }
    })
    .await;
    let client = Client::to(server, Http2).await;
    assert_eq!(text(client.send(get("/")).await.unwrap()).await, "hello");
    drops.first().await;
    assert_eq!(drops.0.0.get(), 2);
}

#[tokio::test(flavor = "local")]
async fn an_aborted_request_has_no_answer() {
    for version in [Http1, Http2] {
        let server = server(version, async |_| Err(Abort)).await;
        let client = Client::to(server, version).await;
        let unanswered = client.send(get("/")).await.unwrap_err();
        assert!(!unanswered.is_unprocessed());
        let expected = match version {
            Http1 => matches!(unanswered.error, ExchangeError::Closed),
            Http2 => matches!(unanswered.error, ExchangeError::Reset(h2::Reason::INTERNAL_ERROR)),
        };
        assert!(expected, "{:?}", unanswered.error);
    }
}

#[tokio::test(flavor = "local")]
async fn a_connection_that_has_ended_gives_the_request_back() {
    for version in [Http1, Http2] {
        let drain = Drain::default();
        let handle = async |request: Request<Body>| Ok(Response::new(request.into_body()));
        let server = server_with(version, HttpLimits::default(), drain.clone(), handle).await;
        let stream = crate::wire::connect(server).await;
        let (client, driver): (Client, Pin<Box<dyn Future<Output = ()>>>) = match version {
            Http1 => {
                let (client, driver) = http1(stream).await.unwrap();
                (Client::Http1(client), Box::pin(driver))
            }
            Http2 => {
                let (client, driver) = http2(stream).await.unwrap();
                (Client::Http2(client), Box::pin(driver))
            }
        };
        let driver = tokio::task::spawn_local(driver);
        text(client.send(get("/")).await.unwrap()).await;
        drain.begin();
        driver.await.unwrap();
        let unanswered = client.send(post("/", Body::from("precious"))).await.unwrap_err();
        assert!(unanswered.is_unprocessed());
        let body = unanswered.unsent.unwrap().into_body().collect().await.unwrap();
        assert_eq!(body.to_bytes(), "precious");
    }
}

#[tokio::test(flavor = "local")]
async fn a_refused_stream_is_known_to_be_unprocessed() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        while let Some(Ok((_, mut respond))) = connection.accept().await {
            respond.send_reset(h2::Reason::REFUSED_STREAM);
        }
    });
    let client = Client::to(address, Http2).await;
    let unanswered = client.send(get("/")).await.unwrap_err();
    assert!(unanswered.is_unprocessed() && unanswered.unsent.is_none());
}
