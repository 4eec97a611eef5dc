//! Where endpoints come from.

use std::net::{IpAddr, SocketAddr};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mesh_proxy::cluster::{Lookup, Pick, PickError, Spec};
use mesh_proxy::http::Version::Http1;
use mesh_proxy::world::{Item, World};
use mesh_snapshot::object::{DeclaredEndpoint, Discovery, TargetPort};
use mesh_snapshot::wire;
use tokio::time::advance;

use super::bench::{Caller, Server, at, defaults, set, shop};
use crate::wire::{get, text};

/// Answers with these addresses, or not at all where there are none.
#[derive(Clone, Default)]
struct Names(Arc<Mutex<Vec<IpAddr>>>);

impl Names {
    fn set(&self, addresses: &[[u8; 4]]) {
        *self.0.lock().unwrap() = addresses.iter().copied().map(IpAddr::from).collect();
    }

    fn lookup(&self) -> Lookup {
        let names = self.clone();
        Arc::new(move |name| {
            assert_eq!(name, "api.example.com");
            let addresses = names.0.lock().unwrap().clone();
            let failed = std::io::Error::from(std::io::ErrorKind::NotFound);
            Box::pin(async move { if addresses.is_empty() { Err(failed) } else { Ok(addresses) } })
        })
    }
}

fn by_name(port: u16, round_robin: bool) -> Spec {
    shop(|spec| {
        "api.example.com".clone_into(&mut spec.host);
        spec.external = true;
        spec.target = TargetPort::Number(port);
        spec.discovery = Discovery::Dns { endpoints: Vec::new(), round_robin };
    })
}

fn found(caller: &Caller) -> Vec<String> {
    let mut found: Vec<_> =
        (0..100).map(|_| caller.pick().unwrap().endpoint().address.to_string()).collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[tokio::test(flavor = "local")]
async fn a_name_is_resolved_before_the_first_request() {
    let (server, names) = (Server::telling(Http1).await, Names::default());
    names.set(&[[127, 0, 0, 1]]);
    let caller = Caller::resolving(names.lookup());
    caller.load(vec![by_name(server.address.port(), false)]);
    assert_eq!(caller.pick().unwrap_err(), PickError::Unknown);
    caller.shop().known().await;
    assert_eq!(text(caller.send(get("/")).await.unwrap()).await, server.address.to_string());
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn names_are_resolved_again_and_again() {
    let names = Names::default();
    names.set(&[[10, 0, 0, 1], [10, 0, 0, 2]]);
    let caller = Caller::resolving(names.lookup());
    caller.load(vec![by_name(80, false)]);
    caller.shop().known().await;
    assert_eq!(found(&caller), ["10.0.0.1:80", "10.0.0.2:80"]);
    names.set(&[[10, 0, 0, 3]]);
    advance(Duration::from_secs(61)).await;
    tokio::task::yield_now().await;
    assert_eq!(found(&caller), ["10.0.0.3:80"]);
    names.set(&[]);
    advance(Duration::from_secs(61)).await;
    tokio::task::yield_now().await;
    assert_eq!(found(&caller), ["10.0.0.3:80"], "what was known stays");
}

#[tokio::test(flavor = "local", start_paused = true)]
async fn a_name_that_is_unknown_at_first_is_asked_for_again_soon() {
    let names = Names::default();
    let caller = Caller::resolving(names.lookup());
    caller.load(vec![by_name(80, true)]);
    caller.shop().known().await;
    assert_eq!(caller.pick().unwrap_err(), PickError::NoneHealthy);
    names.set(&[[10, 0, 0, 1], [10, 0, 0, 2]]);
    advance(Duration::from_secs(3)).await;
    tokio::task::yield_now().await;
    assert_eq!(found(&caller), ["10.0.0.1:80"], "one address at a time");
}

#[tokio::test(flavor = "local")]
async fn a_subset_has_the_endpoints_with_its_labels() {
    let labels = |version: &str| [("version".to_owned(), version.to_owned())].into();
    let instance = |port: u16, version| {
        let mut endpoint = at(([127, 0, 0, 1], port).into());
        endpoint.labels = labels(version);
        endpoint
    };
    let spec = shop(|spec| spec.labels = labels("v1"));
    let caller = Caller::of(spec, vec![instance(1, "v1"), instance(2, "v2"), instance(3, "v1")]);
    assert_eq!(found(&caller), ["127.0.0.1:1", "127.0.0.1:3"]);
}

#[tokio::test(flavor = "local")]
async fn endpoints_are_waited_for_and_may_be_none() {
    let caller = Caller::new();
    caller.load(vec![shop(|_| ())]);
    let cluster = caller.shop();
    assert_eq!(cluster.pick(&Pick::default()).unwrap_err(), PickError::Unknown);
    let ((), ()) = tokio::join!(cluster.known(), async { caller.endpoints(Vec::new()) });
    assert_eq!(cluster.pick(&Pick::default()).unwrap_err(), PickError::NoneHealthy);
}

/// The first word of the endpoints comes on another thread, in the midst of a look for one: who looks is told to wait, or sees
/// them, and never that there is nobody.
#[tokio::test(flavor = "local")]
async fn news_may_come_while_an_endpoint_is_picked() {
    let server = Server::telling(Http1).await;
    let (address, name) = (server.address, server.address.to_string());
    let (ask, asked) = sync_channel::<World>(0);
    let telling = std::thread::spawn(move || {
        for world in asked {
            let (set, endpoints) = (Some((&set()).into()), vec![at(address)]);
            world.receive(Item::Endpoints(wire::Endpoints { set, endpoints }));
        }
    });
    for _ in 0..500 {
        let caller = Caller::new();
        caller.load(vec![shop(|_| ())]);
        let cluster = caller.shop();
        ask.send(caller.world.clone()).unwrap();
        let picked = loop {
            match cluster.pick(&Pick::default()) {
                Err(PickError::Unknown) => std::hint::spin_loop(),
                picked => break picked.unwrap(),
            }
        };
        let answer = picked.send(get("/"), http::Version::HTTP_11).await.unwrap();
        assert_eq!(text(answer).await, name);
    }
    drop(ask);
    telling.join().unwrap();
}

#[tokio::test(flavor = "local")]
async fn a_service_that_nobody_calls_is_not_asked_for() {
    let caller = Caller::new();
    caller.load(vec![shop(|_| ())]);
    assert!(caller.world.names().is_empty());
    caller.shop();
    assert_eq!(caller.world.names().len(), 1);
}

#[tokio::test(flavor = "local")]
async fn the_application_behind_a_sidecar_is_a_cluster() {
    let server = Server::telling(Http1).await;
    let protocol = mesh_snapshot::object::Protocol::Http;
    let caller = Caller::new();
    caller.load(vec![Spec::application("shop", server.address, protocol, &defaults())]);
    assert_eq!(text(caller.send(get("/")).await.unwrap()).await, server.address.to_string());
}

#[tokio::test(flavor = "local")]
async fn declared_endpoints_need_no_world() {
    let (one, other) = (Server::telling(Http1).await, Server::telling(Http1).await);
    let declared = |address: SocketAddr| DeclaredEndpoint {
        address: address.ip().to_string(),
        ports: [(80, address.port())].into(),
        labels: mesh_snapshot::object::Labels::new(),
        weight: 1,
        locality: String::new(),
        service_account: String::new(),
    };
    let endpoints = vec![declared(one.address), declared(other.address)];
    let caller = Caller::new();
    caller.load(vec![shop(|spec| spec.discovery = Discovery::Declared { endpoints })]);
    let mut expected = vec![one.address.to_string(), other.address.to_string()];
    expected.sort_unstable();
    assert_eq!(found(&caller), expected);
}
