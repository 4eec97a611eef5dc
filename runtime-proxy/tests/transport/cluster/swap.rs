//! Endpoints and programs that change while requests are under way.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use http::{Request, Response, Version};
use mesh_proxy::cluster::{Resource, Spec};
use mesh_proxy::http::Body;
use mesh_proxy::http::Version::{Http1, Http2};
use mesh_snapshot::object::{
    ClientTls, LoadBalancer, Microseconds, OutlierDetection, PartsPerMillion, Protocol,
    SimpleBalancer,
};

use super::bench::{Caller, Server, at, shop, until};
use crate::wire::{data, get, streamed, text};

/// Answers with a body that goes on until the sender is dropped.
async fn endless(version: mesh_proxy::http::Version) -> (Server, Rc<Cell<Option<Streaming>>>) {
    let sending = Rc::new(Cell::new(None));
    let shared = Rc::clone(&sending);
    let server = Server::start(version, move |_: Request<Body>| {
        let (sender, body) = streamed();
        shared.set(Some(sender));
        async move { Ok(Response::new(body)) }
    })
    .await;
    (server, sending)
}

type Streaming = tokio::sync::mpsc::Sender<http_body::Frame<bytes::Bytes>>;

#[tokio::test(flavor = "local")]
async fn an_endpoint_that_goes_loses_its_idle_connections_and_finishes_the_others() {
    for version in [Http1, Http2] {
        let (server, sending) = endless(version).await;
        let other = Server::telling(version).await;
        let protocol = if version == Http1 { Protocol::Http } else { Protocol::Http2 };
        let caller = Caller::of(shop(|spec| spec.protocol = protocol), vec![at(server.address)]);
        let idle = caller.send(get("/")).await.unwrap();
        let busy = caller.send(get("/")).await.unwrap();
        let sender = sending.take().unwrap();
        drop(idle);
        caller.endpoints(vec![at(other.address)]);
        let answer = caller.send(get("/")).await.unwrap();
        assert_eq!(text(answer).await, other.address.to_string());
        until(|| server.open.get() == 1).await; // over HTTP/2 they are one
        sender.send(data("last words")).await.unwrap();
        drop(sender);
        assert_eq!(text(busy).await, "last words");
        until(|| server.open.get() == 0).await;
    }
}

#[tokio::test(flavor = "local")]
async fn connections_to_an_endpoint_that_has_gone_are_closed_without_another_request() {
    let server = Server::telling(Http1).await;
    let caller = Caller::of(shop(|_| ()), vec![at(server.address)]);
    text(caller.send(get("/")).await.unwrap()).await;
    assert_eq!(server.open.get(), 1);
    caller.endpoints(Vec::new());
    until(|| server.open.get() == 0).await;
}

#[tokio::test(flavor = "local")]
async fn a_client_that_leaves_ends_an_answer_that_has_not() {
    let (server, sending) = endless(Http1).await;
    let caller = Caller::of(shop(|_| ()), vec![at(server.address)]);
    let answer = caller.send(get("/")).await.unwrap();
    let sender = sending.take().unwrap();
    drop(answer); // though nothing more comes from the server
    until(|| server.open.get() == 0).await;
    drop(sender);
}

/// So many clients, each of which sends one request after the other until `stop`.
fn load(caller: &Rc<Caller>, clients: usize) -> Load {
    let stop = Rc::new(Cell::new(false));
    let sent = Rc::new(Cell::new(0));
    let client = |_| {
        let (caller, stop, sent) = (Rc::clone(caller), Rc::clone(&stop), Rc::clone(&sent));
        tokio::task::spawn_local(async move {
            while !stop.get() {
                let picked = caller.pick().unwrap();
                let address = picked.endpoint().address.to_string();
                let answer = picked.send(get("/"), Version::HTTP_11).await.unwrap();
                assert_eq!(text(answer).await, address);
                sent.set(sent.get() + 1);
            }
        })
    };
    let tasks = (0..clients).map(client).collect();
    Load { stop, sent, tasks }
}

struct Load {
    stop: Rc<Cell<bool>>,
    sent: Rc<Cell<usize>>,
    tasks: Vec<tokio::task::JoinHandle<()>>,
}

impl Load {
    /// Waits until so many more requests have been answered.
    async fn go_on(&self, count: usize) {
        let goal = self.sent.get() + count;
        let is_over = || self.tasks.iter().any(tokio::task::JoinHandle::is_finished);
        until(|| goal <= self.sent.get() || is_over()).await;
    }

    /// No request has failed.
    async fn end(self) {
        self.stop.set(true);
        for task in self.tasks {
            task.await.unwrap();
        }
    }
}

#[tokio::test(flavor = "local")]
async fn endpoints_that_change_all_the_time_fail_no_request() {
    for version in [Http1, Http2] {
        let protocol = if version == Http1 { Protocol::Http } else { Protocol::Http2 };
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for _ in 0..4 {
            addresses.push(Server::telling(version).await.address);
        }
        let spec = shop(|spec| spec.protocol = protocol);
        let caller = Rc::new(Caller::of(spec, vec![at(addresses[0])]));
        let load = load(&caller, 8);
        for turn in 0..100 {
            let (one, other) = (addresses[turn % 4], addresses[(turn + 1 + turn % 3) % 4]);
            let mut endpoints = vec![at(one)];
            if one != other && turn % 2 == 0 {
                endpoints.push(at(other));
            }
            caller.endpoints(endpoints);
            load.go_on(5).await;
        }
        load.end().await;
        assert_eq!(caller.shop().used(Resource::Requests), 0);
    }
}

/// The same cluster, but for how its load is spread and limited.
fn variants() -> Vec<Spec> {
    let outliers = OutlierDetection {
        consecutive_5xx: 5,
        consecutive_gateway_errors: 0,
        consecutive_local_origin_failures: 0,
        split_local_origin_errors: false,
        interval: Microseconds::from_secs(10),
        base_ejection_time: Microseconds::from_secs(30),
        ejected_max: PartsPerMillion(100_000),
        healthy_min: PartsPerMillion(0),
    };
    let round_robin = LoadBalancer::Simple(SimpleBalancer::RoundRobin);
    vec![
        shop(|_| ()),
        shop(|spec| spec.policy.load_balancer = round_robin),
        shop(|spec| spec.policy.connection_pool.requests_max = 1000),
        shop(|spec| spec.policy.outlier_detection = Some(outliers)),
    ]
}

#[tokio::test(flavor = "local")]
async fn swapping_programs_fails_no_request_and_closes_no_connection() {
    let server = Server::telling(Http1).await;
    let caller = Rc::new(Caller::of(shop(|_| ()), vec![at(server.address)]));
    let load = load(&caller, 8);
    load.go_on(100).await;
    let opened = caller.connections();
    for turn in 0..200 {
        let other = Spec { name: format!("other-{turn}").into(), ..shop(|_| ()) };
        let spec = variants().swap_remove(turn % 4);
        // Its place may change, too.
        caller.load(if turn % 2 == 0 { vec![other, spec] } else { vec![spec, other] });
        load.go_on(3).await;
    }
    load.end().await;
    assert_eq!(caller.connections(), opened, "not one had to be opened anew");
    assert_eq!(server.open.get(), server.accepted.get());
}

#[tokio::test(flavor = "local")]
async fn requests_under_way_outlast_the_program_that_they_began_with() {
    let (server, sending) = endless(Http1).await;
    let caller = Caller::of(shop(|_| ()), vec![at(server.address)]);
    let answer = caller.send(get("/")).await.unwrap();
    let sender = sending.take().unwrap();
    let plain = shop(|spec| spec.policy.tls = ClientTls::Disable);
    caller.load(vec![plain]);
    caller.endpoints(Vec::new());
    caller.clusters.follow(&caller.directory());
    sender.send(data("still ")).await.unwrap();
    caller.load(Vec::new());
    caller.clusters.follow(&caller.directory());
    sender.send(data("here")).await.unwrap();
    drop(sender);
    assert_eq!(text(answer).await, "still here");
    until(|| server.open.get() == 0).await;
}

#[tokio::test(flavor = "local")]
async fn what_no_program_has_any_more_is_not_asked_for() {
    let caller = Caller::of(shop(|_| ()), Vec::new());
    assert_eq!(caller.world.names().len(), 1);
    caller.load(Vec::new());
    caller.clusters.follow(&caller.directory());
    caller.world.sweep();
    caller.world.sweep();
    assert!(caller.world.names().is_empty());
}
