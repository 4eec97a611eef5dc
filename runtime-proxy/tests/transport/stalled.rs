//! A client that takes nothing of its answer is not waited for.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::Frame;
use mesh_proxy::http::Version::{Http1, Http2};
use mesh_proxy::http::{HttpLimits, http2};
use mesh_proxy::worker::Drain;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::wire::{connect, get, server_with, streamed};

/// More than windows and sockets hold, until nobody wants it.
async fn pour(sender: mpsc::Sender<Frame<Bytes>>) {
    let piece = Bytes::from(vec![7; 64 << 10]);
    while sender.send(Frame::data(piece.clone())).await.is_ok() {}
}

#[tokio::test(flavor = "local")]
async fn a_client_that_takes_nothing_is_given_up() {
    for version in [Http1, Http2] {
        let limits = HttpLimits { stalled: Duration::from_millis(50), ..HttpLimits::default() };
        let (tell, mut told) = mpsc::channel(1);
        let address = server_with(version, limits, Drain::default(), move |_| {
            let (sender, body) = streamed();
            let tell = tell.clone();
            tokio::task::spawn_local(async move {
                pour(sender).await;
                let _ = tell.send(()).await;
            });
            async { Ok(Response::new(body)) }
        })
        .await;
        let ended = timeout(Duration::from_secs(20), told.recv());
        if version == Http1 {
            let mut client = TcpStream::connect(address).await.unwrap();
            client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
            assert!(matches!(ended.await, Ok(Some(()))));
        } else {
            let (client, driver) = http2(connect(address).await).await.unwrap();
            tokio::task::spawn_local(driver);
            let _unread = client.send(get("/")).await.unwrap();
            assert!(matches!(ended.await, Ok(Some(()))));
        }
    }
}
