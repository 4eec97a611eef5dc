//! Mutual TLS of the mesh: who is believed, and when connections are used again.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use http::Response;
use mesh_proxy::cluster::{Cause, ConnectError, PickError};
use mesh_proxy::drain::Drain;
use mesh_proxy::http::{Body, HttpLimits, Version, serve};
use mesh_proxy::stream::Stream;
use mesh_proxy::tls::alpn::Agreed;
use mesh_proxy::tls::{HandshakeError, MeshServer, SvidError, install_provider};
use mesh_proxy::world::Watched;
use mesh_snapshot::wire;
use tokio::net::TcpListener;

use super::bench::{Caller, Server, at, shop};
use crate::pki::{Authority, trust};
use crate::wire::{get, text};

const CALLER: &str = "spiffe://cluster.local/ns/shop/sa/web";
const SERVER: &str = "spiffe://cluster.local/ns/shop/sa/reviews";
const OTHER: &str = "spiffe://cluster.local/ns/shop/sa/other";

/// A proxy before an application: how often a connection was made to it, and over which protocol.
struct Sidecar {
    address: SocketAddr,
    agreed: Rc<Cell<Option<Agreed>>>,
    accepted: Rc<Cell<usize>>,
}

impl Sidecar {
    async fn start(authority: &Authority, id: &str) -> Self {
        let identity = Arc::new(Watched::default());
        identity.set(authority.svid(id).identity(trust(authority)));
        let server = Rc::new(MeshServer::new(identity));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (agreed, accepted) = (Rc::new(Cell::new(None)), Rc::new(Cell::new(0)));
        let sidecar = Self { address, agreed: Rc::clone(&agreed), accepted: Rc::clone(&accepted) };
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(secured) = server.accept(Stream::from(stream)).await else { continue };
                agreed.set(Some(secured.agreed));
                accepted.set(accepted.get() + 1);
                let version = match secured.agreed {
                    Agreed::Multiplexed | Agreed::Http2 => Version::Http2,
                    _ => Version::Http1,
                };
                tokio::task::spawn_local(async move {
                    let answer = |_| async { Ok(Response::new(Body::from("hello"))) };
                    let (limits, drain) = (HttpLimits::default(), Drain::default());
                    let _ = serve(secured.stream, version, &limits, &drain, answer).await;
                });
            }
        });
        sidecar
    }

    fn proving(&self, id: &str) -> wire::Endpoint {
        wire::Endpoint { identity: id.to_owned(), ..at(self.address) }
    }
}

fn caller(authority: &Authority, endpoints: Vec<wire::Endpoint>) -> Caller {
    install_provider();
    let caller = Caller::of(shop(|_| ()), endpoints);
    caller.identity.set(authority.svid(CALLER).identity(trust(authority)));
    caller
}

#[tokio::test(flavor = "local")]
async fn requests_of_the_mesh_share_a_secured_connection() {
    let root = Authority::root();
    let sidecar = Sidecar::start(&root, SERVER).await;
    let caller = caller(&root, vec![sidecar.proving(SERVER)]);
    let (one, other) = (caller.send(get("/")).await.unwrap(), caller.send(get("/")).await.unwrap());
    assert_eq!((text(one).await, text(other).await), ("hello".to_owned(), "hello".to_owned()));
    assert_eq!(sidecar.agreed.get(), Some(Agreed::Multiplexed));
    assert_eq!(sidecar.accepted.get(), 1);
}

#[tokio::test(flavor = "local")]
async fn an_endpoint_that_proves_to_be_somebody_else_is_refused() {
    let root = Authority::root();
    let sidecar = Sidecar::start(&root, OTHER).await;
    let caller = caller(&root, vec![sidecar.proving(SERVER)]);
    let error = caller.send(get("/")).await.unwrap_err();
    let Cause::Connect(cause) = &error.cause else { unreachable!("{error}") };
    let ConnectError::Tls(HandshakeError::Peer(SvidError::Unexpected { found })) = &**cause else {
        unreachable!("{error}")
    };
    assert_eq!(found.as_str(), OTHER);
    assert!(error.is_unprocessed && error.unsent.is_some());
}

#[tokio::test(flavor = "local")]
async fn an_endpoint_of_another_namespace_is_left_out() {
    let root = Authority::root();
    let sidecar = Sidecar::start(&root, SERVER).await;
    let foreign = sidecar.proving("spiffe://cluster.local/ns/elsewhere/sa/reviews");
    let caller = caller(&root, vec![foreign]);
    assert_eq!(caller.pick().unwrap_err(), PickError::NoneHealthy);
}

#[tokio::test(flavor = "local")]
async fn a_connection_is_not_used_for_another_identity() {
    let root = Authority::root();
    let sidecar = Sidecar::start(&root, SERVER).await;
    let caller = caller(&root, vec![sidecar.proving(SERVER)]);
    text(caller.send(get("/")).await.unwrap()).await;
    caller.endpoints(vec![sidecar.proving(OTHER)]);
    caller.send(get("/")).await.unwrap_err();
    caller.endpoints(vec![sidecar.proving(SERVER)]);
    text(caller.send(get("/")).await.unwrap()).await;
    assert_eq!(caller.connections(), 2);
}

#[tokio::test(flavor = "local")]
async fn a_renewed_certificate_is_for_new_connections() {
    let root = Authority::root();
    let sidecar = Sidecar::start(&root, SERVER).await;
    let caller = caller(&root, vec![sidecar.proving(SERVER)]);
    text(caller.send(get("/")).await.unwrap()).await;
    caller.identity.set(root.svid(CALLER).identity(trust(&root)));
    text(caller.send(get("/")).await.unwrap()).await;
    assert_eq!(caller.connections(), 1);
}

#[tokio::test(flavor = "local")]
async fn without_an_identity_of_its_own_the_proxy_calls_nobody() {
    let root = Authority::root();
    let sidecar = Sidecar::start(&root, SERVER).await;
    let caller = Caller::of(shop(|_| ()), vec![sidecar.proving(SERVER)]);
    let error = caller.send(get("/")).await.unwrap_err();
    assert!(error.to_string().contains("no identity"), "{error}");
    assert_eq!(sidecar.accepted.get(), 0);
}

/// Its ports are what its servers make of them. That it has an identity says nothing, unless a label does.
#[tokio::test(flavor = "local")]
async fn a_gateway_is_called_in_plain_text_unless_it_says_otherwise() {
    let root = Authority::root();
    let plain = Server::telling(Version::Http1).await;
    let gateway =
        |address| wire::Endpoint { identity: SERVER.to_owned(), gateway: true, ..at(address) };
    let caller = caller(&root, vec![gateway(plain.address)]);
    assert_eq!(caller.send(get("/")).await.unwrap().status(), 200);
    let sidecar = Sidecar::start(&root, SERVER).await;
    let labels = [("security.istio.io/tlsMode".to_owned(), "istio".to_owned())].into();
    caller.endpoints(vec![wire::Endpoint { labels, ..gateway(sidecar.address) }]);
    assert_eq!(caller.send(get("/")).await.unwrap().status(), 200);
    assert_eq!(sidecar.accepted.get(), 1);
}
