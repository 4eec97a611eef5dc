//! Connections that carry whatever the client says.

use std::net::SocketAddr;

use mesh_proxy::cluster::{Cause, Flag, Original, Pick, PickError, Resource, Spec};
use mesh_proxy::http::Version::Http1;
use mesh_snapshot::object::{LoadBalancer, Protocol, SimpleBalancer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::bench::{Caller, Server, at, defaults, shop};
use crate::wire::{get, text};

async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::task::spawn_local(async move {
                let (mut read, mut write) = stream.split();
                let _ = tokio::io::copy(&mut read, &mut write).await;
            });
        }
    });
    address
}

/// An address at which nobody listens.
pub(crate) async fn nobody() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap()
}

#[tokio::test(flavor = "local")]
async fn bytes_pass_and_connections_are_counted() {
    let spec = shop(|spec| {
        spec.protocol = Protocol::Tcp;
        spec.policy.connection_pool.connections_max = 1;
    });
    let caller = Caller::of(spec, vec![at(echo().await)]);
    let mut connected = caller.pick().unwrap().connect().await.unwrap();
    connected.stream.write_all(b"hello").await.unwrap();
    connected.stream.flush().await.unwrap();
    let mut heard = [0; 5];
    connected.stream.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"hello");
    let error = caller.pick().unwrap().connect().await.unwrap_err();
    assert!(matches!(error.cause, Cause::Overflow(Resource::Connections)), "{error}");
    drop(connected);
    caller.pick().unwrap().connect().await.unwrap();
}

#[tokio::test(flavor = "local")]
async fn nobody_there_is_a_failure_to_connect() {
    let caller = Caller::of(shop(|spec| spec.protocol = Protocol::Tcp), vec![at(nobody().await)]);
    let error = caller.pick().unwrap().connect().await.unwrap_err();
    assert_eq!(error.flag(), Flag::UpstreamConnectionFailure);
    let error = caller.send(get("/")).await.unwrap_err();
    assert_eq!(error.flag(), Flag::UpstreamConnectionFailure);
    assert!(error.is_unprocessed && error.unsent.is_some());
}

#[tokio::test(flavor = "local")]
async fn the_way_that_the_client_was_going_is_kept() {
    let (one, other) = (Server::telling(Http1).await, Server::telling(Http1).await);
    let caller = Caller::new();
    let passthrough = Spec::passthrough("PassthroughCluster", &defaults());
    let unbalanced = shop(|spec| {
        spec.policy.load_balancer = LoadBalancer::Simple(SimpleBalancer::Passthrough);
    });
    caller.load(vec![passthrough, unbalanced]);
    for name in ["PassthroughCluster", "shop"] {
        let cluster = caller.cluster(name);
        caller.endpoints(vec![at(one.address)]);
        for server in [&one, &other] {
            for _ in 0..3 {
                let pick = Pick { original: Some(server.address.into()), ..Pick::default() };
                let picked = cluster.pick(&pick).unwrap();
                let answer = picked.send(get("/"), http::Version::HTTP_11).await.unwrap();
                assert_eq!(text(answer).await, server.address.to_string());
            }
        }
        assert_eq!(cluster.pick(&Pick::default()).unwrap_err(), PickError::NoDestination);
    }
    assert_eq!((one.accepted.get(), other.accepted.get()), (2, 2), "one a cluster");
    let resolved = caller.cluster("PassthroughCluster").resolve("127.0.0.1", 80).await.unwrap();
    assert_eq!(resolved, ([127, 0, 0, 1], 80).into());
}

/// The kernel's rules tell by it who connects.
#[tokio::test(flavor = "local")]
async fn an_address_to_connect_from_is_kept_to() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let caller = Caller::new();
    caller.load(vec![Spec::passthrough("InboundPassthroughCluster", &defaults())]);
    let cluster = caller.cluster("InboundPassthroughCluster");
    for source in [Some([127, 0, 0, 6].into()), None] {
        let pick = Pick { original: Some(Original { address, source }), ..Pick::default() };
        let connected = cluster.pick(&pick).unwrap().connect().await.unwrap();
        let (_, peer) = listener.accept().await.unwrap();
        assert_eq!(peer.ip(), source.unwrap_or([127, 0, 0, 1].into()));
        drop(connected);
    }
}
