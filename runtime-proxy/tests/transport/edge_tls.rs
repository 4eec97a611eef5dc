//! TLS at the mesh's edge: servers by name, certificates that come, change and go, and servers outside.

use std::collections::BTreeSet;
use std::sync::Arc;

use mesh_proxy::stream::Stream;
use mesh_proxy::tls::alpn::{Agreed, Offer};
use mesh_proxy::tls::{Gateway, HandshakeError, OutsideClient, Secured};
use mesh_proxy::world::{Item, World};
use mesh_snapshot::object::{
    CertificateFiles, ClientCertificate, ClientIssuer, ClientTls, Credential, Server,
    ServerProtocol, ServerTls, Termination, TlsVersion,
};
use mesh_snapshot::wire;
use rustls::ProtocolVersion;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio_rustls::TlsConnector;

use crate::credulous::credulous;
use crate::pki::{Authority, Pair, trust, uri_name};

fn credential(name: &str) -> Credential {
    Credential { namespace: String::new(), name: name.to_owned() }
}

fn https(host: &str, change: impl FnOnce(&mut Termination)) -> Server {
    let mut termination = Termination {
        credentials: vec![credential(host)],
        files: Vec::new(),
        client: ClientCertificate::Unasked,
        version_min: TlsVersion::V12,
        version_max: TlsVersion::V13,
        cipher_suites: Vec::new(),
    };
    change(&mut termination);
    Server {
        port: 443,
        name: String::new(),
        protocol: ServerProtocol::Https,
        bind: None,
        hosts: vec![host.to_owned()],
        tls: ServerTls::Terminate(Box::new(termination)),
        virtual_hosts: Vec::new(),
        stream_routes: None,
    }
}

/// A secret of the gateway's own namespace.
fn secret(world: &World, name: &str, pair: Option<&Pair>, ca: &str) {
    let name = wire::CredentialName { namespace: "edge".to_owned(), name: name.to_owned() };
    let part = |part: fn(&Pair) -> &String| {
        pair.map(|pair| part(pair).clone().into_bytes()).unwrap_or_default()
    };
    world.receive(Item::Secret(wire::Secret {
        name: Some(name),
        certificate_chain: part(|pair| &pair.chain),
        private_key: part(|pair| &pair.key),
        ca: ca.as_bytes().to_vec(),
    }));
}

/// A gateway of these servers, in namespace `edge`.
fn gateway(world: &World, servers: &[Server]) -> Gateway {
    let root = Authority::root();
    let identity = Arc::new(mesh_proxy::world::Watched::default());
    identity.set(root.svid("spiffe://cluster.local/ns/edge/sa/gateway").identity(trust(&root)));
    Gateway::new(servers, "edge", world, identity)
}

/// What the gateway makes of a client that asks for `name`, and the leaf that the client was shown.
async fn call(
    gateway: &Gateway,
    name: &str,
    config: rustls::ClientConfig,
) -> (Result<(usize, Secured), HandshakeError>, Option<CertificateDer<'static>>) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    let connector = TlsConnector::from(Arc::new(config));
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let (client, server) =
        tokio::join!(connector.connect(name, ours), gateway.accept(Stream::from(theirs)));
    let shown = client.ok().and_then(|client| {
        Some(client.get_ref().1.peer_certificates()?.first()?.clone().into_owned())
    });
    (server, shown)
}

/// A client whose certificate comes from its own root, which nobody trusts.
fn stranger() -> rustls::ClientConfig {
    credulous(&Authority::root().svid("spiffe://cluster.local/ns/a/sa/b"), &[b"h2", b"http/1.1"])
}

fn leaf(pair: &Pair) -> CertificateDer<'static> {
    rustls::pki_types::pem::PemObject::from_pem_slice(pair.chain.as_bytes()).unwrap()
}

#[tokio::test]
async fn each_name_has_its_server_and_its_certificate() {
    let (world, root) = (World::default(), Authority::root());
    let servers = [https("shop.example.com", |_| ()), https("*.example.com", |_| ())];
    let gateway = gateway(&world, &servers);
    let (shop, others) = (root.server("shop.example.com"), root.server("*.example.com"));
    secret(&world, "shop.example.com", Some(&shop), "");
    secret(&world, "*.example.com", Some(&others), "");

    let (server, shown) = call(&gateway, "shop.example.com", stranger()).await;
    let (index, secured) = server.unwrap();
    assert_eq!((index, secured.agreed), (0, Agreed::Http2));
    assert_eq!(secured.server_name.as_deref(), Some("shop.example.com"));
    assert!(secured.peer.is_none(), "nobody asked who it is");
    assert_eq!(shown, Some(leaf(&shop)));
    let (server, shown) = call(&gateway, "www.example.com", stranger()).await;
    assert_eq!(server.unwrap().0, 1);
    assert_eq!(shown, Some(leaf(&others)));
    let (server, _) = call(&gateway, "example.org", stranger()).await;
    assert!(
        matches!(server, Err(HandshakeError::UnknownName(Some(name))) if name == "example.org")
    );
}

/// Clients in general send no trailing dot; whoever does asks for the same server.
#[tokio::test]
async fn a_trailing_dot_leads_to_the_same_server() {
    let (world, root) = (World::default(), Authority::root());
    let gateway = gateway(&world, &[https("shop.example.com", |_| ())]);
    secret(&world, "shop.example.com", Some(&root.server("shop.example.com")), "");
    let name = ServerName::try_from("shop.example.com1").unwrap();
    let mut client = rustls::ClientConnection::new(Arc::new(stranger()), name).unwrap();
    let mut hello = Vec::new();
    client.write_tls(&mut hello).unwrap();
    let at = hello.windows(17).position(|bytes| bytes == b"shop.example.com1").unwrap();
    hello[at + 16] = b'.';
    let (mut ours, theirs) = UnixStream::pair().unwrap();
    ours.write_all(&hello).await.unwrap();
    ours.shutdown().await.unwrap();
    let refused = gateway.accept(Stream::from(theirs)).await.unwrap_err();
    assert!(matches!(refused, HandshakeError::Broken(_)), "{refused:?}: it ended with the hello");
}

#[tokio::test]
async fn a_certificate_comes_changes_breaks_and_comes_back() {
    let (world, root) = (World::default(), Authority::root());
    let gateway = gateway(&world, &[https("shop.example.com", |_| ())]);
    let name = "shop.example.com";
    let (server, _) = call(&gateway, name, stranger()).await;
    assert!(matches!(server, Err(HandshakeError::NoCertificate(_))), "it has not come yet");
    let mut connections = Vec::new();
    for _ in 0..2 {
        let pair = root.server(name);
        secret(&world, name, Some(&pair), "");
        let (server, shown) = call(&gateway, name, stranger()).await;
        connections.push(server.unwrap());
        assert_eq!(shown, Some(leaf(&pair)));
    }
    let broken = Pair { key: root.server(name).key, ..root.server(name) };
    secret(&world, name, Some(&broken), "");
    assert!(call(&gateway, name, stranger()).await.0.is_ok(), "the last good one is kept");
    let refused = |reason: &str| vec![("edge/shop.example.com".to_owned(), reason.to_owned())];
    let mismatch = "the key does not belong to the certificate";
    assert_eq!(world.refused_secrets(), refused(mismatch));
    let cut = Pair { chain: root.server(name).chain[..60].to_owned(), ..root.server(name) };
    secret(&world, name, Some(&cut), "");
    let changed = self::gateway(&world, &[https(name, |_| ())]);
    assert!(call(&changed, name, stranger()).await.0.is_ok(), "by the next program, too");
    assert_ne!(world.refused_secrets(), refused(mismatch));
    let next = root.server(name);
    secret(&world, name, Some(&next), "");
    assert_eq!(call(&gateway, name, stranger()).await.1, Some(leaf(&next)));
    assert!(world.refused_secrets().is_empty());
    secret(&world, name, None, "");
    let (server, _) = call(&gateway, name, stranger()).await;
    assert!(matches!(server, Err(HandshakeError::NoCertificate(_))), "taken away, it is gone");
}

#[tokio::test]
async fn without_an_earlier_one_a_bad_secret_is_named() {
    let (world, root, name) = (World::default(), Authority::root(), "shop.example.com");
    let gateway = gateway(&world, &[https(name, |_| ())]);
    let broken = Pair { key: root.server(name).key, ..root.server(name) };
    secret(&world, name, Some(&broken), "");
    let (server, _) = call(&gateway, name, stranger()).await;
    let Err(HandshakeError::NoCertificate(reason)) = server else { panic!("{server:?}") };
    assert_eq!(
        &*reason,
        "secret `edge/shop.example.com`: the key does not belong to the certificate"
    );
}

#[tokio::test]
async fn clients_are_asked_for_what_the_server_wants() {
    let (world, root, clients) = (World::default(), Authority::root(), Authority::root());
    let issuer = |name: &str| ClientIssuer {
        subject_alt_names: BTreeSet::from([name.to_owned()]),
        ..ClientIssuer::default()
    };
    let servers = [
        https("mutual", |tls| tls.client = ClientCertificate::Required(ClientIssuer::default())),
        https("optional", |tls| tls.client = ClientCertificate::Optional(ClientIssuer::default())),
        https("named", |tls| tls.client = ClientCertificate::Required(issuer("urn:partner"))),
    ];
    let gateway = gateway(&world, &servers);
    for name in ["mutual", "optional", "named"] {
        secret(&world, name, Some(&root.server(name)), &clients.pem());
    }
    let partner = clients.issue(|leaf| leaf.subject_alt_names = vec![uri_name("urn:partner")]);
    let other = clients.issue(|leaf| leaf.subject_alt_names = vec![uri_name("urn:other")]);
    let anonymous = || {
        let mut config = stranger();
        config.client_auth_cert_resolver = Arc::new(crate::credulous::NoCertificate);
        config
    };
    let known = |pair: &Pair| credulous(pair, &[b"h2"]);
    let cases = [
        ("mutual", known(&partner), true),
        ("mutual", known(&other), true),
        ("mutual", stranger(), false),
        ("mutual", anonymous(), false),
        ("optional", known(&partner), true),
        ("optional", stranger(), false),
        ("optional", anonymous(), true),
        ("named", known(&partner), true),
        ("named", known(&other), false),
        ("named", anonymous(), false),
    ];
    for (number, (name, config, is_let_in)) in cases.into_iter().enumerate() {
        let (server, _) = call(&gateway, name, config).await;
        assert_eq!(server.is_ok(), is_let_in, "{number}: {name}: {server:?}");
        if let Ok((_, Secured { peer: Some(peer), .. })) = server {
            assert_eq!(peer.identity, None, "not of the mesh, whatever its URI");
        }
    }
}

#[tokio::test]
async fn versions_and_suites_are_kept_to() {
    let (world, root) = (World::default(), Authority::root());
    let suite = "ECDHE-ECDSA-CHACHA20-POLY1305".to_owned();
    let servers = [
        https("old", |tls| {
            tls.version_max = TlsVersion::V12;
            tls.cipher_suites = vec![suite];
        }),
        https("new", |tls| tls.version_min = TlsVersion::V13),
        https("none", |tls| {
            (tls.version_min, tls.version_max) = (TlsVersion::V13, TlsVersion::V12);
        }),
    ];
    let gateway = gateway(&world, &servers);
    for name in ["old", "new", "none"] {
        secret(&world, name, Some(&root.server(name)), "");
    }
    let (server, _) = call(&gateway, "old", stranger()).await;
    let session = server.unwrap().1.stream;
    assert_eq!(session.tls_version(), Some(ProtocolVersion::TLSv1_2));
    let suite = rustls::CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256;
    assert_eq!(session.cipher_suite(), Some(suite));
    let (server, _) = call(&gateway, "new", stranger()).await;
    assert_eq!(server.unwrap().1.stream.tls_version(), Some(ProtocolVersion::TLSv1_3));
    let (server, _) = call(&gateway, "none", stranger()).await;
    assert!(matches!(server, Err(HandshakeError::NoCertificate(_))));
}

#[tokio::test]
async fn a_gateway_may_show_its_own_identity_or_leave_tls_alone() {
    let world = World::default();
    let mesh = https("mesh.example.com", |tls| {
        tls.credentials.clear();
        tls.client = ClientCertificate::Mesh;
    });
    let passed = Server { tls: ServerTls::Passthrough, ..https("passed.example.com", |_| ()) };
    let root = Authority::root();
    let identity = Arc::new(mesh_proxy::world::Watched::default());
    identity.set(root.svid("spiffe://cluster.local/ns/edge/sa/gateway").identity(trust(&root)));
    let gateway = Gateway::new(&[mesh, passed], "edge", &world, identity);
    let caller = "spiffe://cluster.local/ns/shop/sa/frontpage";
    let config = credulous(&root.svid(caller), &[b"istio-h2"]);
    let (server, _) = call(&gateway, "mesh.example.com", config).await;
    let peer = server.unwrap().1.peer.unwrap();
    assert_eq!(peer.identity.unwrap().as_str(), caller);
    let (server, _) = call(&gateway, "mesh.example.com", stranger()).await;
    assert!(server.is_err(), "not of the mesh");
    assert_eq!(gateway.server(Some("passed.example.com")), Some(1));
    assert!(gateway.is_passthrough(1) && !gateway.is_passthrough(0));
}

#[tokio::test]
async fn certificates_in_files_are_read_again_when_they_change() {
    let (world, root) = (World::default(), Authority::root());
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let server = https("shop", |tls| {
        tls.credentials.clear();
        tls.files = vec![CertificateFiles { chain: path("tls.crt"), key: path("tls.key") }];
    });
    let gateway = gateway(&world, &[server]);
    let (server, _) = call(&gateway, "shop", stranger()).await;
    assert!(matches!(server, Err(HandshakeError::NoCertificate(_))), "{server:?}");
    for pair in [root.server("shop"), root.server("shop")] {
        std::fs::write(path("tls.crt"), &pair.chain).unwrap();
        std::fs::write(path("tls.key"), &pair.key).unwrap();
        assert_eq!(call(&gateway, "shop", stranger()).await.1, Some(leaf(&pair)));
    }
}

/// A server outside the mesh with a certificate of `pair`, called as `tls` says.
async fn call_outside(
    world: &World,
    tls: &ClientTls,
    pair: &Pair,
    host: &str,
) -> Result<Secured, HandshakeError> {
    let client = OutsideClient::new(tls, "edge", world).unwrap();
    secret(world, "partner", None, &Authority::root().pem());
    connect_outside(&client, pair, host).await
}

async fn connect_outside(
    client: &OutsideClient,
    pair: &Pair,
    host: &str,
) -> Result<Secured, HandshakeError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let key = rustls::pki_types::pem::PemObject::from_pem_slice(pair.key.as_bytes()).unwrap();
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![leaf(pair)], key)
        .unwrap();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let (ours, theirs) = UnixStream::pair().unwrap();
    let serving = async {
        if let Ok(mut server) = acceptor.accept(theirs).await {
            let _ = server.write_all(b"welcome").await;
        }
    };
    let (secured, ()) =
        tokio::join!(client.connect(Stream::from(ours), host, Offer::Http2), serving);
    let mut secured = secured?;
    let mut welcome = [0; 7];
    secured.stream.read_exact(&mut welcome).await.unwrap();
    Ok(secured)
}

fn originate(change: impl FnOnce(&mut Originate)) -> ClientTls {
    let mut all = Originate::default();
    change(&mut all);
    ClientTls::Originate {
        sni: all.sni,
        subject_alt_names: all.names.into_iter().map(str::to_owned).collect(),
        credential: all.credential.map(credential),
        authorities: all.authorities.map(|names| names.iter().copied().map(credential).collect()),
        ca_file: all.ca_file,
        certificate_file: String::new(),
        key_file: String::new(),
        skip_verify: all.skip_verify,
    }
}

#[derive(Default)]
struct Originate {
    sni: String,
    names: Vec<&'static str>,
    credential: Option<&'static str>,
    authorities: Option<&'static [&'static str]>,
    ca_file: String,
    skip_verify: bool,
}

#[tokio::test]
async fn a_server_outside_proves_the_name_it_is_called_by() {
    let (world, root) = (World::default(), Authority::root());
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), root.pem()).unwrap();
    let ca_file = || file.path().to_str().unwrap().to_owned();
    let pair = root.server("*.partner.example");

    let plain = originate(|tls| tls.ca_file = ca_file());
    let secured = call_outside(&world, &plain, &pair, "api.partner.example").await.unwrap();
    assert_eq!(secured.agreed, Agreed::Http2);
    assert!(call_outside(&world, &plain, &pair, "api.other.example").await.is_err());

    let named = originate(|tls| {
        tls.ca_file = ca_file();
        tls.sni = "api.other.example".to_owned();
        tls.names = vec!["nobody.example", "api.partner.example"];
    });
    assert!(
        call_outside(&world, &named, &pair, "10.0.0.1").await.is_ok(),
        "its own name is listed"
    );
    let wrong = originate(|tls| {
        tls.ca_file = ca_file();
        tls.names = vec!["nobody.example"];
    });
    assert!(call_outside(&world, &wrong, &pair, "api.partner.example").await.is_err());
}

#[tokio::test]
async fn whom_nobody_vouches_for_is_not_believed_unless_told_to() {
    let world = World::default();
    let pair = Authority::root().server("api.partner.example");
    let call = async |change: fn(&mut Originate)| {
        call_outside(&world, &originate(change), &pair, "api.partner.example").await
    };
    assert!(call(|_| ()).await.is_err(), "the system's CAs do not know it, if there are any");
    assert!(call(|tls| tls.authorities = Some(&["partner"])).await.is_err(), "another CA");
    for names in [[].as_slice(), &["absent"]] {
        let tls = originate(|tls| tls.authorities = Some(names));
        let absent = call_outside(&world, &tls, &pair, "api.partner.example").await;
        assert!(matches!(absent, Err(HandshakeError::NoCertificate(_))), "{absent:?}");
    }
    assert!(call(|tls| tls.skip_verify = true).await.is_ok());
}

#[tokio::test]
async fn the_ca_of_a_credential_may_change() {
    let (world, root) = (World::default(), Authority::root());
    let pair = root.server("api.partner.example");
    let tls = originate(|tls| tls.authorities = Some(&["partner"]));
    let client = OutsideClient::new(&tls, "edge", &world).unwrap();
    secret(&world, "partner", None, &Authority::root().pem());
    assert!(connect_outside(&client, &pair, "api.partner.example").await.is_err());
    secret(&world, "partner", None, &root.pem());
    assert!(connect_outside(&client, &pair, "api.partner.example").await.is_ok());
}

/// Not the system's authorities instead; and whoever is asked to vouch has nothing that is shown.
#[tokio::test]
async fn a_secret_without_a_ca_vouches_for_nobody() {
    let (world, root) = (World::default(), Authority::root());
    let pair = root.server("api.partner.example");
    let tls = originate(|tls| tls.authorities = Some(&["pair"]));
    let client = OutsideClient::new(&tls, "edge", &world).unwrap();
    secret(&world, "pair", Some(&root.server("client")), "");
    let called = connect_outside(&client, &pair, "api.partner.example").await;
    let Err(HandshakeError::NoCertificate(reason)) = called else { panic!("{called:?}") };
    assert!(reason.contains("the CA of secret `edge/pair`"), "{reason}");
    secret(&world, "pair", None, &root.pem());
    let called = connect_outside(&client, &pair, "api.partner.example").await;
    assert!(called.is_ok(), "there need be nothing to show: {called:?}");
}

#[tokio::test]
async fn each_of_several_authorities_vouches() {
    let (world, ours, theirs) = (World::default(), Authority::root(), Authority::root());
    let tls = originate(|tls| tls.authorities = Some(&["absent", "ours", "theirs"]));
    let client = OutsideClient::new(&tls, "edge", &world).unwrap();
    secret(&world, "ours", None, &ours.pem());
    secret(&world, "theirs", None, &theirs.pem());
    for (authority, is_believed) in [(&ours, true), (&theirs, true), (&Authority::root(), false)] {
        let pair = authority.server("api.partner.example");
        let called = connect_outside(&client, &pair, "api.partner.example").await;
        assert_eq!(called.is_ok(), is_believed, "{called:?}");
    }
}
