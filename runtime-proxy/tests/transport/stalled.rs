//! A client that takes nothing of its answer is not waited for.

use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::Frame;
use mesh_proxy::drain::Drain;
use mesh_proxy::http::Version::{Http1, Http2};
use mesh_proxy::http::{HttpLimits, ServeError, http2, serve};
use socket2::SockRef;
use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UnixStream};
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

/// A client's preface, windows as large as they can be (RFC 9113 §6.5.2, §6.9), and one `GET /`.
const GREEDY: &[&[u8]] = &[
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    &[0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 4, 0x7f, 0xff, 0xff, 0xff],
    &[0, 0, 4, 8, 0, 0, 0, 0, 0, 0x7f, 0xff, 0, 0],
    &[0, 0, 6, 1, 5, 0, 0, 0, 1, 0x82, 0x86, 0x84, 0x41, 1, b'a'],
];

/// Windows that never end, and a socket that nobody reads: what is left to be written is not waited for.
#[tokio::test(flavor = "local")]
async fn a_connection_that_stalls_is_closed_before_its_socket_takes_anything() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    SockRef::from(&ours).set_send_buffer_size(4096).unwrap();
    let limits = HttpLimits { stalled: Duration::from_millis(50), ..HttpLimits::default() };
    let answer = |_| {
        let (sender, body) = streamed();
        tokio::task::spawn_local(pour(sender));
        async { Ok(Response::new(body)) }
    };
    theirs.write_all(&GREEDY.concat()).await.unwrap();
    let drain = Drain::default();
    let serving = serve(ours.into(), Http2, &limits, &drain, answer);
    let ended = timeout(Duration::from_secs(20), serving).await;
    assert!(matches!(ended, Ok(Err(ServeError::Stalled))), "{ended:?}");
    drop(theirs);
}
