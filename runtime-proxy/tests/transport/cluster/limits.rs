//! Limits: what overflows, what waits, and what is given back.

use std::rc::Rc;

use http::Response;
use mesh_proxy::cluster::{Cause, Flag, Resource, SendError, Spec};
use mesh_proxy::http::Body;
use mesh_proxy::http::Version::Http1;
use mesh_snapshot::object::ConnectionPool;
use tokio::sync::Semaphore;

use super::bench::{Caller, Server, at, shop, until};
use crate::wire::{get, text};

fn limited(pool: ConnectionPool) -> Spec {
    shop(|spec| spec.policy.connection_pool = pool)
}

/// Answers a request for each permit.
async fn patient() -> (Server, Rc<Semaphore>) {
    let permits = Rc::new(Semaphore::new(0));
    let shared = Rc::clone(&permits);
    let server = Server::start(Http1, move |_| {
        let permits = Rc::clone(&shared);
        async move {
            permits.acquire().await.unwrap().forget();
            Ok(Response::new(Body::from("done")))
        }
    })
    .await;
    (server, permits)
}

fn assert_overflow(error: &SendError, resource: Resource) {
    assert!(matches!(error.cause, Cause::Overflow(found) if found == resource), "{error}");
    assert_eq!(error.flag(), Flag::UpstreamOverflow);
    assert!(error.is_unprocessed && error.unsent.is_some());
}

#[tokio::test(flavor = "local")]
async fn requests_beyond_the_limit_are_refused_until_others_end() {
    let server = Server::telling(Http1).await;
    let pool = ConnectionPool { requests_max: 2, ..ConnectionPool::default() };
    let caller = Caller::of(limited(pool), vec![at(server.address)]);
    let first = caller.send(get("/")).await.unwrap();
    let second = caller.send(get("/")).await.unwrap();
    assert_overflow(&caller.send(get("/")).await.unwrap_err(), Resource::Requests);
    text(first).await;
    text(caller.send(get("/")).await.unwrap()).await;
    drop(second);
    assert_eq!(caller.shop().used(Resource::Requests), 0);
}

#[tokio::test(flavor = "local")]
async fn one_connection_is_waited_for_when_there_may_be_only_one() {
    let (server, permits) = patient().await;
    let pool = ConnectionPool { connections_max: 1, ..ConnectionPool::default() };
    let caller = Rc::new(Caller::of(limited(pool), vec![at(server.address)]));
    let mut tasks = Vec::new();
    for _ in 0..5 {
        let caller = Rc::clone(&caller);
        tasks.push(tokio::task::spawn_local(async move {
            text(caller.send(get("/")).await.unwrap()).await
        }));
    }
    until(|| caller.shop().used(Resource::Pending) == 4).await;
    permits.add_permits(5);
    for task in tasks {
        assert_eq!(task.await.unwrap(), "done");
    }
    assert_eq!(server.accepted.get(), 1);
}

#[tokio::test(flavor = "local")]
async fn who_would_wait_beyond_the_limit_is_refused() {
    let (server, permits) = patient().await;
    let pool =
        ConnectionPool { connections_max: 1, pending_requests_max: 1, ..ConnectionPool::default() };
    let caller = Rc::new(Caller::of(limited(pool), vec![at(server.address)]));
    let send = || {
        let caller = Rc::clone(&caller);
        tokio::task::spawn_local(async move { text(caller.send(get("/")).await.unwrap()).await })
    };
    let first = send();
    until(|| server.open.get() == 1 && caller.shop().used(Resource::Pending) == 0).await;
    let second = send();
    until(|| caller.shop().used(Resource::Pending) == 1).await;
    assert_overflow(&caller.send(get("/")).await.unwrap_err(), Resource::Pending);
    permits.add_permits(2);
    assert_eq!((first.await.unwrap(), second.await.unwrap()), ("done".into(), "done".into()));
}

#[tokio::test(flavor = "local")]
async fn an_endpoint_gets_a_connection_though_others_have_them_all() {
    let (one, other) = (Server::telling(Http1).await, Server::telling(Http1).await);
    let pool = ConnectionPool { connections_max: 1, ..ConnectionPool::default() };
    let caller = Caller::of(limited(pool), vec![at(one.address), at(other.address)]);
    let first = caller.pick().unwrap();
    let second = caller.pick_avoiding(&[std::sync::Arc::clone(first.endpoint())]);
    let first = first.send(get("/"), http::Version::HTTP_11).await.unwrap();
    let second = second.send(get("/"), http::Version::HTTP_11).await.unwrap();
    assert_ne!(text(first).await, text(second).await);
}

#[tokio::test(flavor = "local")]
async fn retries_are_limited_and_given_back() {
    let pool = ConnectionPool { retries_max: 1, ..ConnectionPool::default() };
    let caller = Caller::of(limited(pool), Vec::new());
    let retry = caller.shop().retry();
    assert!(retry.is_some() && caller.shop().retry().is_none());
    drop(retry);
    assert!(caller.shop().retry().is_some());
}

#[tokio::test(flavor = "local")]
async fn limits_are_those_of_the_newest_program() {
    let server = Server::telling(Http1).await;
    let caller = Caller::of(shop(|_| ()), vec![at(server.address)]);
    let held = caller.send(get("/")).await.unwrap();
    caller.load(vec![limited(ConnectionPool { requests_max: 1, ..ConnectionPool::default() })]);
    assert_overflow(&caller.send(get("/")).await.unwrap_err(), Resource::Requests);
    text(held).await;
    text(caller.send(get("/")).await.unwrap()).await;
    assert_eq!(server.accepted.get(), 1);
}
