//! A gateway, as clients outside see it.

use std::net::SocketAddr;
use std::path::Path;

use http::{Request, Response};
use mesh_proxy::http::{Body, Version, http1, http2};
use mesh_proxy::stream::Stream;
use mesh_proxy::tls::alpn::{Agreed, Offer};
use mesh_proxy::tls::{HandshakeError, OutsideClient, Secured};
use mesh_proxy::world::{Item, World};
use mesh_snapshot::object::{
    ClientCertificate, ClientTls, Credential, Destination, HttpRoute, Protocol, Server,
    ServerProtocol, ServerTls, Termination, TlsVersion, VirtualHost,
};
use mesh_snapshot::wire;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::pki::{Authority, Pair};
use crate::support::{
    Mesh, Proxy, Reserved, backend, endpoint, forward, opened, route, service, to,
};
use crate::wire::{Client, connect, get, server, text};

pub(crate) fn plain(host: &str, tls: ServerTls, virtual_hosts: Vec<VirtualHost>) -> Server {
    Server {
        port: 80,
        name: String::new(),
        protocol: ServerProtocol::Http,
        bind: None,
        hosts: vec![host.to_owned()],
        tls,
        virtual_hosts,
        stream_routes: None,
    }
}

/// With a certificate from the secret that is called like the host.
pub(crate) fn https(host: &str, virtual_host: VirtualHost) -> Server {
    let termination = Termination {
        credentials: vec![Credential { namespace: String::new(), name: host.to_owned() }],
        files: Vec::new(),
        client: ClientCertificate::Unasked,
        version_min: TlsVersion::V12,
        version_max: TlsVersion::V13,
        cipher_suites: Vec::new(),
    };
    Server {
        port: 443,
        protocol: ServerProtocol::Https,
        ..plain(host, ServerTls::Terminate(Box::new(termination)), vec![virtual_host])
    }
}

pub(crate) fn secret(name: &str, pair: &Pair) -> Item {
    let name = wire::CredentialName { namespace: "shop".to_owned(), name: name.to_owned() };
    Item::Secret(wire::Secret {
        name: Some(name),
        certificate_chain: pair.chain.clone().into_bytes(),
        private_key: pair.key.clone().into_bytes(),
        ca: Vec::new(),
    })
}

pub(crate) fn to_shop() -> HttpRoute {
    route(forward(vec![backend(Destination { port: Some(8080), ..to("shop") }, 1)]))
}

/// A service `shop` that says what it was asked.
pub(crate) async fn shop(mesh: &mut Mesh) -> SocketAddr {
    mesh.service(service("shop", 8080, Protocol::Http), Vec::new());
    server(Version::Http1, async |request: Request<Body>| {
        let host = request.headers()["host"].to_str().unwrap();
        let told = format!("{host} {}", request.uri());
        Ok(Response::new(Body::from(bytes::Bytes::from(told))))
    })
    .await
}

pub(crate) fn asking(host: &str, path: &str) -> Request<Body> {
    let mut request = get(path);
    request.headers_mut().insert("host", host.parse().unwrap());
    request
}

#[tokio::test(flavor = "local")]
async fn requests_are_routed_by_host_or_redirected_to_https() {
    let mut mesh = Mesh::new();
    let application = shop(&mut mesh).await;
    let open = mesh.virtual_host("shop.test", vec![to_shop()]);
    mesh.gateway(
        "edge",
        vec![
            plain("shop.test", ServerTls::Off, vec![open]),
            plain("safe.test", ServerTls::Redirect, Vec::new()),
        ],
    );
    let port = Reserved::new();
    let mut edge = Proxy::gateway(&[(80, &port)], &Authority::root());
    edge.put(&mesh.snapshot()).unwrap();
    edge.learn("shop", vec![endpoint("shop", 8080, application)]);
    opened(&port).await;
    for version in [Version::Http1, Version::Http2] {
        let client = Client::to(port.at, version).await;
        let response = client.send(asking("shop.test", "/x?y")).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(text(response).await, "shop.test /x?y");
        let response = client.send(asking("safe.test", "/x?y")).await.unwrap();
        assert_eq!(response.status(), 301);
        assert_eq!(response.headers()["location"], "https://safe.test/x?y");
        assert_eq!(client.send(asking("else.test", "/")).await.unwrap().status(), 404);
    }
}

/// A gateway for `shop.test` and `cart.test`, which have a certificate each.
struct Edge {
    _proxy: Proxy,
    port: Reserved,
    /// The root of both certificates, for clients to read.
    root: tempfile::NamedTempFile,
}

impl Edge {
    async fn start() -> Self {
        let mut mesh = Mesh::new();
        let application = shop(&mut mesh).await;
        let hosts = ["shop.test", "cart.test"];
        let servers = hosts.map(|host| https(host, mesh.virtual_host(host, vec![to_shop()])));
        mesh.gateway("edge", servers.into());
        let (authority, port) = (Authority::root(), Reserved::new());
        let mut proxy = Proxy::gateway(&[(443, &port)], &authority);
        proxy.put(&mesh.snapshot()).unwrap();
        proxy.learn("shop", vec![endpoint("shop", 8080, application)]);
        for host in hosts {
            proxy.shared.world.receive(secret(host, &authority.server(host)));
        }
        let root = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(root.path(), authority.pem()).unwrap();
        opened(&port).await;
        Self { _proxy: proxy, port, root }
    }

    async fn call(&self, host: &str, offer: Offer) -> Result<Secured, HandshakeError> {
        call(self.port.at, host, self.root.path(), offer).await
    }
}

/// As a client that believes `root` alone, and that the server is `host`.
pub(crate) async fn call(
    at: SocketAddr,
    host: &str,
    root: &Path,
    offer: Offer,
) -> Result<Secured, HandshakeError> {
    let tls = ClientTls::Originate {
        sni: host.to_owned(),
        subject_alt_names: [host.to_owned()].into(),
        credential: None,
        authorities: None,
        ca_file: root.to_str().unwrap().to_owned(),
        certificate_file: String::new(),
        key_file: String::new(),
        skip_verify: false,
    };
    let client = OutsideClient::new(&tls, "", &World::default()).unwrap();
    client.connect(connect(at).await, host, offer).await
}

pub(crate) async fn over(stream: Stream, version: Version) -> Client {
    match version {
        Version::Http1 => {
            let (client, driver) = http1(stream).await.unwrap();
            tokio::task::spawn_local(driver);
            Client::Http1(client)
        }
        Version::Http2 => {
            let (client, driver) = http2(stream).await.unwrap();
            tokio::task::spawn_local(driver);
            Client::Http2(client)
        }
    }
}

#[tokio::test(flavor = "local")]
async fn each_name_is_proved_by_its_own_certificate_and_serves_its_own_hosts() {
    let edge = Edge::start().await;
    let versions = [
        (Version::Http1, Offer::Http1, Agreed::Http1),
        (Version::Http2, Offer::Http2, Agreed::Http2),
    ];
    for host in ["shop.test", "cart.test"] {
        for (version, offer, agreed) in versions {
            let secured = edge.call(host, offer).await.unwrap();
            assert_eq!(secured.agreed, agreed);
            let client = over(secured.stream, version).await;
            let response = client.send(asking(host, "/x")).await.unwrap();
            assert_eq!(text(response).await, format!("{host} /x"));
            let response = client.send(asking("else.test", "/x")).await.unwrap();
            assert_eq!(response.status(), 404, "of whom nobody has proved anything");
        }
    }
}

#[tokio::test(flavor = "local")]
async fn a_name_that_is_nobody_s_and_plain_text_are_turned_away() {
    let edge = Edge::start().await;
    assert!(edge.call("else.test", Offer::Http2).await.is_err());
    for text in [&b"GET / HTTP/1.1\r\nhost: shop.test\r\n\r\n"[..], b"hello"] {
        let mut stream = connect(edge.port.at).await;
        stream.write_all(text).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        assert!(answer.is_empty(), "{answer:?}");
    }
}
