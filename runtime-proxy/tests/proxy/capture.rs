//! The ways in which a workload's connections come to its sidecar, and what they may carry.

use std::net::SocketAddr;

use http::Response;
use mesh_proxy::http::{Body, Version};
use mesh_snapshot::object::Protocol;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::pki::Authority;
use crate::support::{Mesh, Proxy, echo, endpoint, service};
use crate::wire::server;

/// A sidecar for `web`; `a` serves HTTP, `db` bytes.
async fn web() -> (Proxy, SocketAddr) {
    let a = server(Version::Http1, async |request| {
        Ok(Response::new(Body::from(bytes::Bytes::from(format!("a {}", request.uri())))))
    })
    .await;
    let db = echo().await;
    let mut mesh = Mesh::new();
    mesh.service(service("a", 80, Protocol::Http), Vec::new());
    mesh.service(service("db", 5432, Protocol::Tcp), Vec::new());
    let mut proxy = Proxy::sidecar("web", &[], &Authority::root());
    proxy.put(&mesh.snapshot()).unwrap();
    proxy.learn("a", vec![endpoint("a", 80, a)]);
    proxy.learn("db", vec![endpoint("db", 5432, db)]);
    (proxy, db)
}

async fn whole(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

#[tokio::test(flavor = "local")]
async fn an_http_proxy_is_asked_by_absolute_form() {
    let (proxy, _) = web().await;
    let mut stream = TcpStream::connect(proxy.outbound()).await.unwrap();
    stream
        .write_all(b"GET http://a/x?y HTTP/1.1\r\nhost: ignored\r\nproxy-connection: keep-alive\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    let answer = whole(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("a /x?y"), "{answer}");
}

#[tokio::test(flavor = "local")]
async fn connect_to_a_service_carries_bytes_or_http() {
    let (proxy, _) = web().await;
    let mut stream = TcpStream::connect(proxy.outbound()).await.unwrap();
    stream
        .write_all(b"CONNECT db.shop:5432 HTTP/1.1\r\nhost: db.shop:5432\r\n\r\nhello")
        .await
        .unwrap();
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"hello");

    let mut stream = TcpStream::connect(proxy.outbound()).await.unwrap();
    stream.write_all(b"CONNECT a:80 HTTP/1.1\r\nhost: a:80\r\n\r\n").await.unwrap();
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
    stream
        .write_all(b"GET /inside HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        .await
        .unwrap();
    assert!(whole(&mut stream).await.ends_with("a /inside"));
}

#[tokio::test(flavor = "local")]
async fn connect_to_a_stranger_s_address_passes() {
    let (proxy, db) = web().await;
    let mut stream = TcpStream::connect(proxy.outbound()).await.unwrap();
    let ask = format!("CONNECT {db} HTTP/1.1\r\nhost: {db}\r\n\r\n");
    stream.write_all(ask.as_bytes()).await.unwrap();
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 200"));
    stream.write_all(b"hello").await.unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"hello");
}

#[tokio::test(flavor = "local")]
async fn a_websocket_passes_both_sidecars() {
    a_websocket_passes(Protocol::Http).await;
}

#[tokio::test(flavor = "local")]
async fn a_websocket_is_asked_for_over_http1_where_http2_is_spoken() {
    a_websocket_passes(Protocol::Http2).await;
}

async fn a_websocket_passes(declared: Protocol) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let application = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        assert!(head(&mut stream).await.to_ascii_lowercase().contains("upgrade: websocket"));
        let answer =
            "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
        stream.write_all(answer.as_bytes()).await.unwrap();
        let (mut read, mut write) = stream.split();
        tokio::io::copy(&mut read, &mut write).await.unwrap();
    });
    let authority = Authority::root();
    let mut mesh = Mesh::new();
    mesh.service(service("chat", 8080, declared), Vec::new());
    let snapshot = mesh.snapshot();
    let mut chat = Proxy::sidecar("chat", &[(8080, application)], &authority);
    let mut web = Proxy::sidecar("web", &[], &authority);
    chat.put(&snapshot).unwrap();
    web.put(&snapshot).unwrap();
    web.learn("chat", vec![chat.endpoint(8080)]);
    let mut stream = TcpStream::connect(web.outbound()).await.unwrap();
    stream
        .write_all(b"GET /ws HTTP/1.1\r\nhost: chat:8080\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n")
        .await
        .unwrap();
    assert!(head(&mut stream).await.starts_with("HTTP/1.1 101"));
    for word in [&b"hello"[..], b"there"] {
        stream.write_all(word).await.unwrap();
        let mut answer = [0; 5];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(answer, word);
    }
}
