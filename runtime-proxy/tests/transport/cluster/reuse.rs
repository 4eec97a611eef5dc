//! Which connections are used again, and what is known of a request whose connection broke.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::Bytes;
use http::Response;
use mesh_proxy::cluster::{Cause, Resource, SendError};
use mesh_proxy::http::Version::Http1;
use mesh_proxy::http::{Body, ExchangeError};
use mesh_snapshot::object::Microseconds;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::bench::{Caller, Server, at, shop, until};
use crate::wire::{data, get, post, streamed, text};

async fn telling() -> (Server, Caller) {
    let server = Server::telling(Http1).await;
    let caller = Caller::of(shop(|_| ()), vec![at(server.address)]);
    (server, caller)
}

#[tokio::test(flavor = "local")]
async fn one_connection_serves_requests_one_after_the_other() {
    let (server, caller) = telling().await;
    for _ in 0..100 {
        let answer = caller.send(get("/")).await.unwrap();
        assert_eq!(text(answer).await, server.address.to_string());
    }
    assert_eq!((server.accepted.get(), caller.connections()), (1, 1));
}

#[tokio::test(flavor = "local")]
async fn an_answer_that_is_being_read_keeps_its_connection_to_itself() {
    let (server, caller) = telling().await;
    let first = caller.send(get("/")).await.unwrap();
    let second = caller.send(get("/")).await.unwrap();
    assert_eq!(server.accepted.get(), 2);
    text(first).await;
    text(second).await;
    text(caller.send(get("/")).await.unwrap()).await;
    assert_eq!(server.accepted.get(), 2);
}

#[tokio::test(flavor = "local")]
async fn what_is_not_read_to_its_end_is_not_used_again() {
    let large = Bytes::from(vec![0; 8 << 20]);
    let server = Server::start(Http1, move |_| {
        let body = Body::from(large.clone());
        async move { Ok(Response::new(body)) }
    })
    .await;
    let caller = Caller::of(shop(|_| ()), vec![at(server.address)]);
    drop(caller.send(get("/")).await.unwrap());
    drop(caller.send(get("/")).await.unwrap());
    assert_eq!(server.accepted.get(), 2);
    until(|| server.open.get() == 0).await;
}

#[tokio::test(flavor = "local")]
async fn a_request_that_is_still_being_sent_keeps_its_connection() {
    let (server, caller) = telling().await;
    let (sender, body) = streamed();
    sender.send(data("a")).await.unwrap();
    let early = caller.send(post("/", body)).await.unwrap();
    text(early).await;
    text(caller.send(get("/")).await.unwrap()).await;
    assert_eq!(server.accepted.get(), 2, "the first is not free");
    drop(sender);
}

/// Answers so many requests of each connection, reads one more, and closes.
async fn fickle(answers: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            for _ in 0..answers {
                read_head(&mut stream).await;
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            }
            read_head(&mut stream).await;
        }
    });
    address
}

async fn read_head(stream: &mut TcpStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        head.push(byte);
    }
}

#[tokio::test(flavor = "local")]
async fn it_is_told_whether_a_connection_that_broke_was_an_old_one() {
    let caller = Caller::of(shop(|_| ()), vec![at(fickle(1).await)]);
    text(caller.send(get("/")).await.unwrap()).await;
    let SendError { cause, unsent, is_unprocessed, was_reused } =
        caller.send(get("/")).await.unwrap_err();
    assert!(matches!(cause, Cause::Exchange(ExchangeError::Closed)), "{cause}");
    assert!(was_reused && !is_unprocessed && unsent.is_none(), "the server may have acted on it");

    let caller = Caller::of(shop(|_| ()), vec![at(fickle(0).await)]);
    let error = caller.send(get("/")).await.unwrap_err();
    assert!(!error.was_reused && !error.is_unprocessed);
}

/// Answers one request of each connection and closes it at once.
async fn hasty() -> (SocketAddr, Rc<tokio::sync::Notify>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let closed = Rc::new(tokio::sync::Notify::new());
    let tell = Rc::clone(&closed);
    tokio::task::spawn_local(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            read_head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            drop(stream);
            tell.notify_one();
        }
    });
    (address, closed)
}

#[tokio::test(flavor = "local")]
async fn a_connection_that_the_server_has_closed_fails_no_request_that_was_not_sent() {
    let (address, closed) = hasty().await;
    let caller = Caller::of(shop(|_| ()), vec![at(address)]);
    for _ in 0..20 {
        text(caller.send(get("/")).await.unwrap()).await;
        closed.notified().await;
        // The end of the connection is in the kernel; the task that drives it may hear of it now or later.
        let cluster = caller.shop();
        until(|| cluster.used(Resource::Connections) == 0).await;
    }
    assert_eq!(caller.connections(), 20);
}

#[tokio::test(flavor = "local")]
async fn connections_end_after_the_requests_that_they_may_carry() {
    let server = Server::telling(Http1).await;
    let spec = shop(|spec| spec.policy.connection_pool.requests_per_connection_max = 3);
    let caller = Caller::of(spec, vec![at(server.address)]);
    for _ in 0..9 {
        text(caller.send(get("/")).await.unwrap()).await;
    }
    assert_eq!(server.accepted.get(), 3);
}

#[tokio::test(flavor = "local")]
async fn a_connection_without_requests_is_closed_in_time() {
    let server = Server::telling(Http1).await;
    let idle = Some(Microseconds::from_millis(1));
    let spec = shop(|spec| spec.policy.connection_pool.http_idle_timeout = idle);
    let caller = Caller::of(spec, vec![at(server.address)]);
    text(caller.send(get("/")).await.unwrap()).await;
    until(|| server.open.get() == 0).await;
}

#[tokio::test(flavor = "local")]
async fn a_cancelled_request_takes_its_connection_with_it() {
    let asked = Rc::new(Cell::new(false));
    let told = Rc::clone(&asked);
    let server = Server::start(Http1, move |_| {
        told.set(true);
        std::future::pending()
    })
    .await;
    let caller = Caller::of(shop(|_| ()), vec![at(server.address)]);
    let cluster = caller.shop();
    tokio::select! {
        _ = caller.send(get("/")) => unreachable!("it is never answered"),
        () = until(|| asked.get()) => {}
    }
    until(|| cluster.used(Resource::Connections) == 0).await;
    assert_eq!(cluster.used(Resource::Requests), 0);
}
