//! Connections to a gateway that are older than what it asks of them now.

use std::time::Duration;

use http::header::CONNECTION;
use http::{Response, StatusCode};
use mesh_proxy::http::{Body, Version};
use mesh_proxy::tls::alpn::Offer;
use mesh_snapshot::object::{
    ClientCertificate, ClientIssuer, Credential, Protocol, Server, ServerTls, Termination,
    TlsVersion,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::timeout;

use crate::edge::{asking, call, https, over, plain, secret, shop, to_shop};
use crate::pki::Authority;
use crate::support::{Mesh, Proxy, Reserved, endpoint, opened, service};
use crate::wire::{Client, connect, text};

const HOST: &str = "shop.test";

/// Longer than any of these tests takes.
const AMPLE: Duration = Duration::from_secs(20);

struct Edge {
    proxy: Proxy,
    port: Reserved,
    root: tempfile::NamedTempFile,
}

impl Edge {
    async fn start(server: fn(&mut Mesh) -> Server) -> Self {
        let (authority, port) = (Authority::root(), Reserved::new());
        let mut proxy = Proxy::gateway(&[(443, &port)], &authority);
        let application = shop(&mut Mesh::new()).await;
        proxy.learn("shop", vec![endpoint("shop", 8080, application)]);
        let root = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(root.path(), authority.pem()).unwrap();
        put(&mut proxy, server);
        proxy.shared.world.receive(secret(HOST, &authority.server(HOST)));
        opened(&port).await;
        Self { proxy, port, root }
    }

    async fn client(&self, version: Version) -> Client {
        let offer = match version {
            Version::Http1 => Offer::Http1,
            Version::Http2 => Offer::Http2,
        };
        let secured = call(self.port.at, HOST, self.root.path(), offer).await.unwrap();
        over(secured.stream, version).await
    }
}

fn put(proxy: &mut Proxy, server: fn(&mut Mesh) -> Server) {
    let mut mesh = Mesh::new();
    mesh.service(service("shop", 8080, Protocol::Http), Vec::new());
    let server = server(&mut mesh);
    mesh.gateway("edge", vec![server]);
    proxy.put(&mesh.snapshot()).unwrap();
}

fn with(mesh: &mut Mesh, change: impl FnOnce(&mut Termination)) -> Server {
    let virtual_host = mesh.virtual_host(HOST, vec![to_shop()]);
    let mut server = https(HOST, virtual_host);
    if let ServerTls::Terminate(termination) = &mut server.tls {
        change(termination);
    }
    server
}

fn simple(mesh: &mut Mesh) -> Server {
    with(mesh, |_| ())
}

fn renewed(mesh: &mut Mesh) -> Server {
    let credential = Credential { namespace: String::new(), name: "renewed".to_owned() };
    with(mesh, |termination| termination.credentials = vec![credential])
}

fn mutual(mesh: &mut Mesh) -> Server {
    let required = ClientCertificate::Required(ClientIssuer::default());
    with(mesh, |termination| termination.client = required)
}

fn from_tls13(mesh: &mut Mesh) -> Server {
    with(mesh, |termination| termination.version_min = TlsVersion::V13)
}

/// Without TLS, on the same port and for every host.
fn open(mesh: &mut Mesh) -> Server {
    let virtual_host = mesh.virtual_host(HOST, vec![to_shop()]);
    Server { port: 443, ..plain("*", ServerTls::Off, vec![virtual_host]) }
}

/// The same of HTTPS.
fn closed(mesh: &mut Mesh) -> Server {
    Server { hosts: vec!["*".to_owned()], ..simple(mesh) }
}

async fn ask(client: &Client) -> Response<Body> {
    client.send(asking(HOST, "/x")).await.unwrap()
}

#[tokio::test(flavor = "local")]
async fn who_has_shown_no_certificate_is_sent_away_when_one_is_asked_for() {
    for version in [Version::Http1, Version::Http2] {
        let mut edge = Edge::start(simple).await;
        let (client, unused) = (edge.client(version).await, edge.client(version).await);
        assert_eq!(ask(&client).await.status(), 200);
        put(&mut edge.proxy, mutual);
        for client in [client, unused] {
            let response = ask(&client).await;
            assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST);
            let _ = text(response).await;
            // The connection is closed, however soon the client is told.
            let closed = timeout(AMPLE, async {
                while let Ok(response) = client.send(asking(HOST, "/x")).await {
                    assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST);
                }
            });
            closed.await.expect("the connection is closed");
        }
    }
}

#[tokio::test(flavor = "local")]
async fn what_asks_for_nothing_that_is_not_proved_cuts_nobody_off() {
    for version in [Version::Http1, Version::Http2] {
        let mut edge = Edge::start(simple).await;
        let client = edge.client(version).await;
        for server in [simple, renewed, from_tls13, closed, open, simple] {
            put(&mut edge.proxy, server);
            for _ in 0..3 {
                let response = ask(&client).await;
                assert_eq!(response.status(), 200);
                assert_eq!(text(response).await, "shop.test /x");
            }
        }
    }
}

#[tokio::test(flavor = "local")]
async fn plain_text_ends_where_tls_is_asked_for() {
    for wants_tls in [closed, simple] {
        let mut edge = Edge::start(open).await;
        let mut stream = connect(edge.port.at).await;
        let request = b"GET /x HTTP/1.1\r\nhost: shop.test\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut first = Vec::new();
        while !first.ends_with(b"shop.test /x") {
            first.push(stream.read_u8().await.unwrap());
        }
        put(&mut edge.proxy, wants_tls);
        stream.write_all(request).await.unwrap();
        let mut second = String::new();
        let closed = timeout(AMPLE, stream.read_to_string(&mut second)).await;
        closed.expect("the connection is closed").unwrap();
        assert!(second.starts_with("HTTP/1.1 421 "), "{second}");
        assert!(second.contains(&format!("{CONNECTION}: close\r\n")), "{second}");
    }
}
