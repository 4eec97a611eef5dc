//! Mutual TLS within the mesh: who is let in, who is believed, and what a rotation does.

use std::sync::Arc;

use mesh_proxy::stream::Stream;
use mesh_proxy::tls::alpn::{Agreed, Offer};
use mesh_proxy::tls::{
    Expected, HandshakeError, Identity, IdentityError, MeshClient, MeshServer, Secured, SpiffeId,
    SvidError, install_provider,
};
use mesh_proxy::world::Watched;
use mesh_snapshot::wire::Attributes;
use rcgen::{ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, date_time_ymd};
use rustls::pki_types::ServerName;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;

use crate::credulous::{NoCertificate, credulous};
use crate::pki::{Authority, Pair, trust, uri_name};

const CALLER: &str = "spiffe://cluster.local/ns/shop/sa/frontpage";
const SERVER: &str = "spiffe://cluster.local/ns/shop/sa/reviews";

/// Two proxies and what each has proved to the other.
struct Peers {
    client_identity: Arc<Watched<Identity>>,
    server_identity: Arc<Watched<Identity>>,
    client: MeshClient,
    server: MeshServer,
}

impl Peers {
    fn new(client: Identity, server: Identity) -> Self {
        let client_identity = Arc::new(Watched::default());
        let server_identity = Arc::new(Watched::default());
        client_identity.set(client);
        server_identity.set(server);
        let client = MeshClient::new(Arc::clone(&client_identity));
        let server = MeshServer::new(Arc::clone(&server_identity));
        Self { client_identity, server_identity, client, server }
    }

    /// Two workloads under one root.
    fn of(root: &Authority) -> Self {
        let identity = |uri| root.svid(uri).identity(trust(root));
        Self::new(identity(CALLER), identity(SERVER))
    }

    async fn meet(
        &self,
        expected: &Arc<Expected>,
        offer: Offer,
    ) -> (Result<Secured, HandshakeError>, Result<Secured, HandshakeError>) {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let name = ServerName::try_from("outbound_.80_._.reviews.shop.svc.cluster.local").unwrap();
        let connecting = async {
            let mut client = self.client.connect(Stream::from(ours), name, expected, offer).await?;
            // With TLS 1.3 a client learns that it is refused only from the server's next word.
            let mut byte = [0];
            client.stream.read_exact(&mut byte).await.map_err(HandshakeError::Broken)?;
            Ok(client)
        };
        let accepting = async {
            let mut server = self.server.accept(Stream::from(theirs)).await?;
            server.stream.write_all(b".").await.map_err(HandshakeError::Broken)?;
            server.stream.flush().await.map_err(HandshakeError::Broken)?;
            Ok(server)
        };
        tokio::join!(connecting, accepting)
    }
}

fn expecting(uris: &[&str]) -> Arc<Expected> {
    Arc::new(Expected(uris.iter().map(|uri| SpiffeId::parse(uri).unwrap()).collect()))
}

fn identity_of(secured: &Secured) -> &str {
    secured.peer.as_ref().unwrap().identity.as_ref().unwrap().as_str()
}

#[tokio::test]
async fn each_side_learns_who_the_other_is() {
    install_provider();
    let peers = Peers::of(&Authority::root());
    let (client, server) = peers.meet(&expecting(&[SERVER]), Offer::Http2).await;
    let (client, server) = (client.unwrap(), server.unwrap());
    assert_eq!(identity_of(&client), SERVER);
    assert_eq!(identity_of(&server), CALLER);
    let name = server.server_name.as_deref();
    assert_eq!(name, Some("outbound_.80_._.reviews.shop.svc.cluster.local"));
}

#[tokio::test]
async fn what_a_certificate_says_of_its_holder_is_no_condition() {
    install_provider();
    let root = Authority::root();
    let known = Attributes { workload: "frontpage-v1".to_owned(), ..Attributes::default() };
    let cut = known.encode().split_last().unwrap().1.to_vec();
    for (told, understood) in [(known.encode(), Some(known)), (cut, None), (Vec::new(), None)] {
        let client = root.telling_svid(CALLER, &told).identity(trust(&root));
        let peers = Peers::new(client, root.svid(SERVER).identity(trust(&root)));
        let (_, server) = peers.meet(&expecting(&[SERVER]), Offer::Http2).await;
        let server = server.unwrap();
        assert_eq!(identity_of(&server), CALLER);
        assert_eq!(server.peer.unwrap().attributes, understood);
    }
}

#[tokio::test]
async fn our_proxies_multiplex_and_others_speak_as_they_do() {
    let peers = Peers::of(&Authority::root());
    let expected = expecting(&[SERVER]);
    let offers = [
        (Offer::Multiplex, Agreed::Multiplexed),
        (Offer::Http2, Agreed::Http2),
        (Offer::Http1, Agreed::Http1),
        (Offer::Tcp, Agreed::Tcp),
    ];
    for (offer, agreed) in offers {
        let (client, server) = peers.meet(&expected, offer).await;
        assert_eq!(client.unwrap().agreed, agreed);
        assert_eq!(server.unwrap().agreed, agreed);
    }
}

#[tokio::test]
async fn a_server_that_is_not_expected_is_not_spoken_to() {
    let peers = Peers::of(&Authority::root());
    let other = "spiffe://cluster.local/ns/shop/sa/ratings";
    let (client, server) = peers.meet(&expecting(&[other]), Offer::Tcp).await;
    let HandshakeError::Peer(SvidError::Unexpected { found }) = client.unwrap_err() else {
        panic!()
    };
    assert_eq!(found.as_str(), SERVER);
    assert!(server.is_err(), "the server is told within the handshake");
    let (client, _) = peers.meet(&expecting(&[]), Offer::Tcp).await;
    assert!(client.is_err(), "no expectation admits nobody");
}

#[tokio::test]
async fn a_trust_domain_and_its_aliases_are_one() {
    let root = Authority::root();
    let identity = |uri| root.svid(uri).identity(trust(&root));
    let peers = Peers::new(
        identity("spiffe://old.example/ns/shop/sa/frontpage"),
        identity("spiffe://old.example/ns/shop/sa/reviews"),
    );
    let (client, server) = peers.meet(&expecting(&[SERVER]), Offer::Tcp).await;
    assert_eq!(identity_of(&client.unwrap()), "spiffe://old.example/ns/shop/sa/reviews");
    assert_eq!(identity_of(&server.unwrap()), "spiffe://old.example/ns/shop/sa/frontpage");
}

#[tokio::test]
async fn an_intermediate_authority_may_vouch() {
    let root = Authority::root();
    let between = root.intermediate();
    let identity = |uri| between.svid(uri).identity(trust(&root));
    let (client, server) = Peers::new(identity(CALLER), identity(SERVER))
        .meet(&expecting(&[SERVER]), Offer::Tcp)
        .await;
    assert_eq!(identity_of(&client.unwrap()), SERVER);
    assert_eq!(identity_of(&server.unwrap()), CALLER);
}

/// What the server makes of a client with this certificate, which itself believes any server.
async fn refusal(root: &Authority, pair: Pair) -> HandshakeError {
    let identity = Arc::new(Watched::default());
    identity.set(root.svid(SERVER).identity(trust(root)));
    let server = MeshServer::new(identity);
    let connector = TlsConnector::from(Arc::new(credulous(&pair, &[b"istio"])));
    let (ours, theirs) = UnixStream::pair().unwrap();
    let name = ServerName::try_from("reviews").unwrap();
    let (_, server) =
        tokio::join!(connector.connect(name, ours), server.accept(Stream::from(theirs)));
    server.unwrap_err()
}

#[tokio::test]
async fn only_an_svid_of_the_mesh_is_let_in() {
    let root = Authority::root();
    let uri = |uri: &str| root.svid(uri);
    let cases = [
        (root.issue(|_| ()), SvidError::NoUri),
        (
            root.issue(|svid| {
                svid.subject_alt_names =
                    vec![uri_name(CALLER), uri_name("spiffe://cluster.local/ns/shop/sa/admin")];
            }),
            SvidError::SeveralUris,
        ),
        (
            root.issue(|svid| {
                svid.subject_alt_names = vec![uri_name(CALLER)];
                svid.key_usages.push(KeyUsagePurpose::KeyCertSign);
            }),
            SvidError::Authority,
        ),
    ];
    for (pair, expected) in cases {
        let HandshakeError::Peer(error) = refusal(&root, pair).await else { panic!("{expected}") };
        assert_eq!(error, expected);
    }
    let HandshakeError::Peer(error) = refusal(&root, uri("spiffe://evil.example/ns/a/sa/b")).await
    else {
        panic!()
    };
    assert!(matches!(error, SvidError::ForeignTrustDomain(_)), "{error}");
    for uri_text in
        ["spiffe://cluster.local", "spiffe://x@cluster.local/a", "https://cluster.local/"]
    {
        let HandshakeError::Peer(error) = refusal(&root, uri(uri_text)).await else { panic!() };
        assert!(matches!(error, SvidError::Malformed { .. }), "{error}");
    }
}

#[tokio::test]
async fn what_the_chain_does_not_vouch_for_is_not_let_in() {
    let root = Authority::root();
    let change = |change: fn(&mut rcgen::CertificateParams)| {
        root.issue(|svid| {
            svid.subject_alt_names = vec![uri_name(CALLER)];
            change(svid);
        })
    };
    let pairs = [
        Authority::root().svid(CALLER), // somebody else's root
        change(|svid| svid.not_after = date_time_ymd(2001, 1, 1)),
        change(|svid| svid.not_before = date_time_ymd(4000, 1, 1)),
        change(|svid| svid.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained)),
        change(|svid| svid.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]),
    ];
    for (number, pair) in pairs.into_iter().enumerate() {
        let error = refusal(&root, pair).await;
        assert!(matches!(error, HandshakeError::Tls(_)), "{number}: {error}");
    }
}

#[tokio::test]
async fn a_client_without_a_certificate_is_not_let_in() {
    let root = Authority::root();
    let peers = Peers::of(&root);
    let mut config = credulous(&root.svid(CALLER), &[b"istio"]);
    config.client_auth_cert_resolver = Arc::new(NoCertificate);
    let (ours, theirs) = UnixStream::pair().unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from("reviews").unwrap();
    let (_, server) =
        tokio::join!(connector.connect(name, ours), peers.server.accept(Stream::from(theirs)));
    assert!(matches!(server.unwrap_err(), HandshakeError::Tls(_)));
}

#[tokio::test]
async fn an_offer_that_is_not_known_is_left_unanswered() {
    let root = Authority::root();
    let peers = Peers::of(&root);
    let connector =
        TlsConnector::from(Arc::new(credulous(&root.svid(CALLER), &[b"istio-peer-exchange"])));
    let (ours, theirs) = UnixStream::pair().unwrap();
    let name = ServerName::try_from("reviews").unwrap();
    let (_, server) =
        tokio::join!(connector.connect(name, ours), peers.server.accept(Stream::from(theirs)));
    assert_eq!(server.unwrap().agreed, Agreed::Nothing);
}

#[tokio::test]
async fn a_proxy_without_identity_neither_calls_nor_is_called() {
    let root = Authority::root();
    let peers = Peers::of(&root);
    let client = MeshClient::new(Arc::default());
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let name = ServerName::try_from("reviews").unwrap();
    let error = client.connect(Stream::from(ours), name, &expecting(&[SERVER]), Offer::Tcp).await;
    assert!(matches!(error, Err(HandshakeError::NoIdentity)));
    let server = MeshServer::new(Arc::default());
    let peers = Peers { server, ..peers };
    let (_, server) = peers.meet(&expecting(&[SERVER]), Offer::Tcp).await;
    assert!(matches!(server, Err(HandshakeError::NoIdentity)));
}

fn is_resumed(secured: &Secured) -> bool {
    secured.stream.is_resumed()
}

#[tokio::test]
async fn sessions_are_resumed_with_the_identity_they_began_with() {
    let peers = Peers::of(&Authority::root());
    let expected = expecting(&[SERVER]);
    let (client, server) = peers.meet(&expected, Offer::Tcp).await;
    assert!(!is_resumed(&client.unwrap()) && !is_resumed(&server.unwrap()));
    let (client, server) = peers.meet(&expected, Offer::Tcp).await;
    let (client, server) = (client.unwrap(), server.unwrap());
    assert!(is_resumed(&client) && is_resumed(&server));
    assert_eq!(identity_of(&client), SERVER);
    assert_eq!(identity_of(&server), CALLER);
}

#[tokio::test]
async fn a_rotation_ends_sessions_and_not_connections() {
    let root = Authority::root();
    let peers = Peers::of(&root);
    let expected = expecting(&[SERVER]);
    let (live, other_end) = peers.meet(&expected, Offer::Tcp).await;
    let (mut live, mut other_end) = (live.unwrap(), other_end.unwrap());

    peers.server_identity.set(root.svid(SERVER).identity(trust(&root)));
    let (client, server) = peers.meet(&expected, Offer::Tcp).await;
    assert!(!is_resumed(&client.unwrap()) && !is_resumed(&server.unwrap()));
    peers.client_identity.set(root.svid(CALLER).identity(trust(&root)));
    let (client, server) = peers.meet(&expected, Offer::Tcp).await;
    assert!(!is_resumed(&client.unwrap()) && !is_resumed(&server.unwrap()));

    live.stream.write_all(b"still here").await.unwrap();
    live.stream.flush().await.unwrap();
    let mut heard = [0; 10];
    other_end.stream.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"still here");
}

#[tokio::test]
async fn a_root_that_is_no_longer_trusted_is_refused() {
    let (old, new) = (Authority::root(), Authority::root());
    let peers = Peers::of(&old);
    let expected = expecting(&[SERVER]);
    peers.meet(&expected, Offer::Tcp).await.1.unwrap();
    peers.server_identity.set(new.svid(SERVER).identity(trust(&new)));
    let (client, server) = peers.meet(&expected, Offer::Tcp).await;
    assert!(matches!(client.unwrap_err(), HandshakeError::Tls(_)));
    assert!(server.is_err());
}

#[test]
fn a_key_of_another_certificate_makes_no_identity() {
    let root = Authority::root();
    let (one, other) = (root.svid(CALLER), root.svid(CALLER));
    let error =
        Identity::from_pem(one.chain.as_bytes(), other.key.as_bytes(), trust(&root)).unwrap_err();
    assert_eq!(error, IdentityError::KeyOfAnother);
}
