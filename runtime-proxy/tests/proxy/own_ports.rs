//! Ports that a workload's author declares: TLS of their own, and applications elsewhere than where clients go.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use http::{Response, StatusCode};
use mesh_proxy::http::{Body, Version};
use mesh_proxy::tls::alpn::Offer;
use mesh_snapshot::object::{
    Application, ClientCertificate, ClientIssuer, InboundPort, InboundPorts, MtlsMode,
    PeerAuthentication, Protocol, Termination, TlsVersion,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixListener};

use crate::edge::{asking, call, over};
use crate::pki::{Authority, Pair};
use crate::support::{Mesh, Proxy};
use crate::wire::{Client, get, server, text};

const HOST: &str = "reviews.test";

/// Certificates as files, where the proxy finds them.
struct Files {
    folder: tempfile::TempDir,
}

impl Files {
    fn of(authority: &Authority) -> Self {
        let files = Self { folder: tempfile::tempdir().unwrap() };
        let Pair { chain, key } = authority.server(HOST);
        for (name, text) in [("cert.pem", chain), ("key.pem", key), ("ca.pem", authority.pem())] {
            std::fs::write(files.at(name), text).unwrap();
        }
        files
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn termination(&self, client: ClientCertificate) -> Termination {
        let text = |name: &str| self.at(name).to_str().unwrap().to_owned();
        Termination {
            credentials: Vec::new(),
            certificate_file: text("cert.pem"),
            key_file: text("key.pem"),
            client,
            version_min: TlsVersion::V12,
            version_max: TlsVersion::V13,
            cipher_suites: Vec::new(),
        }
    }

    fn mutual(&self) -> Termination {
        let ca_file = self.at("ca.pem").to_str().unwrap().to_owned();
        let issuer = ClientIssuer { ca_file, ..ClientIssuer::default() };
        self.termination(ClientCertificate::Required(issuer))
    }
}

/// Port 9080 takes no mutual TLS of the mesh.
fn put(proxy: &mut Proxy, port: InboundPort) {
    let mut mesh = Mesh::new();
    mesh.peers(PeerAuthentication {
        mode: Some(MtlsMode::Disable),
        ..PeerAuthentication::default()
    });
    let ports = [(9080, port)].into();
    mesh.inbound_ports(InboundPorts { ports, connection_pool: None });
    proxy.put(&mesh.snapshot()).unwrap();
}

async fn application() -> SocketAddr {
    server(Version::Http1, async |request| {
        let proto = request.headers()["x-forwarded-proto"].to_str().unwrap().to_owned();
        Ok(Response::new(Body::from(bytes::Bytes::from(format!("{proto} {}", request.uri())))))
    })
    .await
}

async fn client(at: SocketAddr, root: &Path, version: Version) -> Client {
    let offer = match version {
        Version::Http1 => Offer::Http1,
        Version::Http2 => Offer::Http2,
    };
    let secured = call(at, HOST, root, offer).await.unwrap();
    over(secured.stream, version).await
}

#[tokio::test(flavor = "local")]
async fn a_port_ends_tls_of_its_own() {
    let authority = Authority::root();
    let files = Files::of(&authority);
    let mut proxy = Proxy::sidecar("reviews", &[(9080, application().await)], &authority);
    let simple = InboundPort {
        protocol: Protocol::Https,
        tls: Some(files.termination(ClientCertificate::Unasked)),
        ..InboundPort::default()
    };
    put(&mut proxy, simple.clone());
    let mut old = Vec::new();
    for version in [Version::Http1, Version::Http2] {
        let client = client(proxy.inbound(), &files.at("ca.pem"), version).await;
        let response = client.send(asking(HOST, "/x")).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(text(response).await, "https /x");
        old.push(client);
    }
    let mut plain = TcpStream::connect(proxy.inbound()).await.unwrap();
    plain.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(answer.is_empty(), "{answer:?}");
    // What was let in without a certificate does not stay when one is asked for.
    put(&mut proxy, InboundPort { tls: Some(files.mutual()), ..simple });
    for client in old {
        let response = client.send(asking(HOST, "/x")).await.unwrap();
        assert_eq!(response.status(), StatusCode::MISDIRECTED_REQUEST);
    }
    let secured = call(proxy.inbound(), HOST, &files.at("ca.pem"), Offer::Http1).await;
    let refused = match secured {
        // In TLS 1.3 the client is done before the server has looked.
        Ok(secured) => over(secured.stream, Version::Http1).await.send(get("/")).await.is_err(),
        Err(_) => true,
    };
    assert!(refused, "a client without a certificate is not let in");
}

#[tokio::test(flavor = "local")]
async fn an_application_may_listen_at_a_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::task::spawn_local(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut asked = [0; 4];
            stream.read_exact(&mut asked).await.unwrap();
            stream.write_all(b"pong").await.unwrap();
        }
    });
    let nobody = "127.0.0.1:1".parse().unwrap();
    let mut proxy = Proxy::sidecar("reviews", &[(9080, nobody)], &Authority::root());
    let application = Application::Unix(path.to_str().unwrap().to_owned());
    let port = InboundPort { protocol: Protocol::Tcp, application, ..InboundPort::default() };
    put(&mut proxy, port);
    let mut stream = TcpStream::connect(proxy.inbound()).await.unwrap();
    stream.write_all(b"ping").await.unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"pong");
}
