//! Connections that stop being HTTP.

use std::net::SocketAddr;
use std::rc::Rc;

use http::{Request, Response, StatusCode};
use mesh_proxy::http::Version::Http1;
use mesh_proxy::http::{Abort, Body, Side, Tunnel, Upgrade, http1, is_unasked_switch};
use mesh_proxy::stream::{CopyLimits, End, Meter, copy};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::wire::{connect, server};

/// Reads a head, answers it, and then says back whatever it hears, in capitals.
async fn shouting(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = head(&mut stream).await;
        if answer.contains(" 101 ") && answer.contains("websocket") {
            assert!(head.contains("\r\nconnection: upgrade\r\n"), "{head}");
            assert!(head.contains("\r\nupgrade: websocket\r\n"), "{head}");
        }
        stream.write_all(answer.as_bytes()).await.unwrap();
        let mut bytes = [0; 64];
        while let Ok(length @ 1..) = stream.read(&mut bytes).await {
            bytes.make_ascii_uppercase();
            stream.write_all(bytes.get(..length).unwrap()).await.unwrap();
        }
    });
    address
}

async fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// Passes WebSockets and tells what became of them.
async fn proxy(to: SocketAddr) -> (SocketAddr, oneshot::Receiver<(End, u64)>) {
    let (sender, told) = oneshot::channel();
    let ended = Rc::new(std::cell::Cell::new(Some(sender)));
    let address = server(Http1, move |mut request: Request<Body>| {
        let ended = ended.take();
        async move {
            let upgrade = Upgrade::wanted(&request);
            let client = Side::of_client(&mut request);
            if let Some(upgrade) = upgrade.clone() {
                request.extensions_mut().insert(upgrade);
            }
            let (server, driver) = http1(connect(to).await).await.unwrap();
            tokio::task::spawn_local(driver);
            let mut response = server.send(request).await.map_err(|_| Abort)?;
            if is_unasked_switch(&response, upgrade.as_ref()) {
                return Err(Abort);
            }
            if response.status() == StatusCode::SWITCHING_PROTOCOLS {
                let tunnel = Tunnel::new(client, &mut response);
                tokio::task::spawn_local(async move {
                    let meter = Meter::default();
                    let end = tunnel.run(CopyLimits::default(), &meter).await.unwrap();
                    let _ = ended.unwrap().send((end, meter.to_upstream()));
                });
            }
            Ok(response)
        }
    })
    .await;
    (address, told)
}

const SWITCH: &str =
    "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\nwelcome";

#[tokio::test(flavor = "local")]
async fn a_websocket_passes() {
    let (proxy, ended) = proxy(shouting(SWITCH).await).await;
    let mut client = TcpStream::connect(proxy).await.unwrap();
    let request = "GET /chat HTTP/1.1\r\nhost: a\r\nconnection: keep-alive, Upgrade\r\nupgrade: websocket\r\n\r\n";
    client.write_all(request.as_bytes()).await.unwrap();
    let answer = head(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 101 Switching Protocols\r\n"), "{answer}");
    assert!(answer.contains("\r\nupgrade: websocket\r\n"), "{answer}");
    assert!(answer.contains("\r\nconnection: upgrade\r\n"), "{answer}");
    for said in ["welcome", "HELLO", "AGAIN"] {
        let mut heard = vec![0; said.len()];
        client.read_exact(&mut heard).await.unwrap();
        assert_eq!(String::from_utf8(heard).unwrap(), said);
        let next = if said == "welcome" { "hello" } else { "again" };
        if said != "AGAIN" {
            client.write_all(next.as_bytes()).await.unwrap();
        }
    }
    client.shutdown().await.unwrap();
    let (end, bytes) = ended.await.unwrap();
    assert!(matches!(end, End::Closed), "{end:?}");
    assert_eq!(bytes, 10);
}

#[tokio::test(flavor = "local")]
async fn a_server_may_decline() {
    let declined = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nno";
    let (proxy, _) = proxy(shouting(declined).await).await;
    let mut client = TcpStream::connect(proxy).await.unwrap();
    let request = "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n";
    client.write_all(request.as_bytes()).await.unwrap();
    assert!(head(&mut client).await.starts_with("HTTP/1.1 200 OK\r\n"));
}

#[tokio::test(flavor = "local")]
async fn a_switch_that_nobody_asked_for_does_not_reach_the_client() {
    let other = "HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: other\r\n\r\nSMUGGLED";
    let requests = [
        "GET / HTTP/1.1\r\nhost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
    ];
    for request in requests {
        let (proxy, _) = proxy(shouting(other).await).await;
        let mut client = TcpStream::connect(proxy).await.unwrap();
        client.write_all(request.as_bytes()).await.unwrap();
        let mut heard = String::new();
        client.read_to_string(&mut heard).await.unwrap();
        assert_eq!(heard, "");
    }
}

#[tokio::test(flavor = "local")]
async fn a_tunnel_is_opened_for_connect() {
    let upstream = shouting("").await;
    let proxy = server(Http1, move |mut request: Request<Body>| async move {
        assert_eq!(request.uri(), "shop:80");
        let client = Side::of_client(&mut request);
        tokio::task::spawn_local(async move {
            let (mut client, mut server) =
                (client.stream().await.unwrap(), connect(upstream).await);
            copy(&mut client, &mut server, CopyLimits::default(), &Meter::default()).await;
        });
        Ok(Response::new(Body::empty()))
    })
    .await;
    let mut client = TcpStream::connect(proxy).await.unwrap();
    client.write_all(b"CONNECT shop:80 HTTP/1.1\r\nhost: shop:80\r\n\r\n").await.unwrap();
    let answer = head(&mut client).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    assert!(!answer.contains("content-length"), "{answer}");
    client.write_all(b"any head\r\n\r\nhello").await.unwrap();
    let mut heard = [0; 5];
    client.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"HELLO");
}
