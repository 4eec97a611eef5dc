//! HTTP/2: many requests on a connection, and what becomes of those that the server refuses.

use std::net::SocketAddr;
use std::rc::Rc;

use http::Response;
use mesh_proxy::cluster::{Cause, Spec};
use mesh_proxy::http::Version::Http2;
use mesh_proxy::http::{Body, ExchangeError};
use mesh_snapshot::object::Protocol;
use tokio::net::TcpListener;

use super::bench::{Caller, Server, at, shop, until};
use crate::wire::{get, text};

fn http2() -> Spec {
    shop(|spec| spec.protocol = Protocol::Http2)
}

#[tokio::test(flavor = "local")]
async fn many_requests_share_a_connection() {
    let server = Server::telling(Http2).await;
    let caller = Rc::new(Caller::of(http2(), vec![at(server.address)]));
    let mut tasks = Vec::new();
    for _ in 0..90 {
        let caller = Rc::clone(&caller);
        tasks.push(tokio::task::spawn_local(async move {
            text(caller.send(get("/")).await.unwrap()).await
        }));
    }
    for task in tasks {
        assert_eq!(task.await.unwrap(), server.address.to_string());
    }
    assert_eq!(server.accepted.get(), 1);
}

#[tokio::test(flavor = "local")]
async fn there_is_another_only_when_one_is_full() {
    let server = Server::telling(Http2).await;
    let spec = shop(|spec| {
        spec.protocol = Protocol::Http2;
        spec.policy.connection_pool.concurrent_streams_max = 2;
    });
    let caller = Caller::of(spec, vec![at(server.address)]);
    let mut held = Vec::new();
    for connections in [1, 1, 2, 2, 3] {
        held.push(caller.send(get("/")).await.unwrap());
        assert_eq!(server.accepted.get(), connections);
    }
    held.clear();
    for _ in 0..6 {
        held.push(caller.send(get("/")).await.unwrap());
    }
    assert_eq!(server.accepted.get(), 3);
}

/// Refuses the first stream of each connection without looking at it, and answers the others.
async fn refusing() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::task::spawn_local(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                let mut number = 0;
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    number += 1;
                    if number == 1 {
                        respond.send_reset(h2::Reason::REFUSED_STREAM);
                    } else {
                        respond.send_response(Response::new(()), true).unwrap();
                    }
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "local")]
async fn a_refused_stream_is_unprocessed_and_leaves_the_connection_as_it_is() {
    let caller = Caller::of(http2(), vec![at(refusing().await)]);
    let error = caller.send(get("/")).await.unwrap_err();
    assert!(matches!(error.cause, Cause::Exchange(ExchangeError::Refused)), "{error}");
    assert!(error.is_unprocessed && !error.was_reused);
    caller.send(get("/")).await.unwrap();
    assert_eq!(caller.connections(), 1);
}

/// Tells each client after three requests to open another connection (GOAWAY).
async fn limiting() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::task::spawn_local(async move {
                let mut connection = h2::server::handshake(stream).await.unwrap();
                let mut number = 0;
                while let Some(Ok((_, mut respond))) = connection.accept().await {
                    number += 1;
                    if number == 3 {
                        connection.graceful_shutdown();
                    }
                    respond.send_response(Response::new(()), true).unwrap();
                }
            });
        }
    });
    address
}

#[tokio::test(flavor = "local")]
async fn a_connection_that_the_server_retires_fails_no_request() {
    let caller = Caller::of(http2(), vec![at(limiting().await)]);
    for _ in 0..50 {
        caller.send(get("/")).await.unwrap();
    }
    assert!((2..=17).contains(&caller.connections()), "{}", caller.connections());
}

#[tokio::test(flavor = "local")]
async fn an_answer_that_nobody_reads_gives_its_stream_back() {
    let server = Server::start(Http2, |_| async {
        Ok(Response::new(Body::from(bytes::Bytes::from(vec![0; 1 << 20]))))
    })
    .await;
    let caller = Caller::of(http2(), vec![at(server.address)]);
    for _ in 0..300 {
        drop(caller.send(get("/")).await.unwrap());
    }
    assert_eq!(server.accepted.get(), 1);
    drop(caller);
    until(|| server.open.get() == 0).await;
}
