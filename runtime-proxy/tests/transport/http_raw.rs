//! Bytes that two parsers might read in two ways, and what leaves the proxy for them.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;

use http::{Request, Response};
use http_body_util::BodyExt;
use mesh_proxy::http::Version::Http1;
use mesh_proxy::http::{Abort, Body, http1};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::wire::{connect, server};

/// What arrived at a strict server: the request line and the framing of each request, and its body.
type Seen = Rc<RefCell<Vec<(String, Vec<String>, Vec<u8>)>>>;

/// Reads requests as RFC 9112 §6 has them, and nothing else: one framing field, of one value. Answers each.
async fn strict() -> (SocketAddr, Seen) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Seen::default();
    let record = Rc::clone(&seen);
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::task::spawn_local(answer_all(stream, Rc::clone(&record)));
        }
    });
    (address, seen)
}

async fn answer_all(mut stream: TcpStream, seen: Seen) {
    let mut bytes = Vec::new();
    loop {
        let head_end = loop {
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break at;
            }
            if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                return;
            }
        };
        let head = String::from_utf8(bytes.drain(..head_end + 4).collect()).unwrap();
        let mut lines = head.trim_end().split("\r\n").map(str::to_owned);
        let request_line = lines.next().unwrap();
        let framing: Vec<String> = lines
            .filter(|line| {
                line.starts_with("content-length") || line.starts_with("transfer-encoding")
            })
            .collect();
        let body = match framing.as_slice() {
            [] => Vec::new(),
            [one] if one == "transfer-encoding: chunked" => {
                while !bytes.ends_with(b"0\r\n\r\n") {
                    if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                std::mem::take(&mut bytes)
            }
            [one] => {
                let length: usize = one.strip_prefix("content-length: ").unwrap().parse().unwrap();
                while bytes.len() < length {
                    if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                        return;
                    }
                }
                bytes.drain(..length).collect()
            }
            several => unreachable!("two framings of one body: {several:?}"),
        };
        seen.borrow_mut().push((request_line, framing, body));
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
    }
}

/// Passes requests on, and counts those that it was asked to judge.
async fn proxy(to: SocketAddr) -> (SocketAddr, Rc<RefCell<Vec<String>>>) {
    let judged = Rc::new(RefCell::new(Vec::new()));
    let record = Rc::clone(&judged);
    let address = server(Http1, move |request: Request<Body>| {
        record.borrow_mut().push(format!("{} {} HTTP/1.1", request.method(), request.uri()));
        async move {
            let (client, driver) = http1(connect(to).await).await.unwrap();
            tokio::task::spawn_local(driver);
            client.send(request).await.map_err(|_| Abort)
        }
    })
    .await;
    (address, judged)
}

/// Sends `bytes` and reads until the connection is closed or, where the proxy keeps it, the last answer is there.
async fn exchange(address: SocketAddr, bytes: &[u8], answers: usize) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    let mut answer = Vec::new();
    while answer.windows(4).filter(|window| window == b"\r\n\r\n").count() < answers {
        if stream.read_buf(&mut answer).await.unwrap_or(0) == 0 {
            break;
        }
    }
    String::from_utf8(answer).unwrap()
}

#[tokio::test(flavor = "local")]
async fn what_is_ambiguous_is_refused_or_made_plain() {
    let smuggled = "GET /admin HTTP/1.1\r\nhost: a\r\n\r\n";
    let heads = [
        "content-length: 4\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ncontent-length: 4",
        "content-length: 4\r\ncontent-length: 5",
        "content-length: 4, 5",
        "content-length: -1",
        "content-length: +4",
        "content-length: 4_6",
        "content-length: 0x4",
        "content-length: 4 6",
        "content-length:\r\ncontent-length: 4",
        "transfer-encoding: xchunked",
        "transfer-encoding: ,chunked",
        "transfer-encoding: chunked, identity",
        "transfer-encoding: \x0bchunked",
        "transfer-encoding : chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        ": chunked",
    ];
    for head in heads {
        let (backend, seen) = strict().await;
        let (proxy, judged) = proxy(backend).await;
        let bytes = format!("POST /a HTTP/1.1\r\nhost: a\r\n{head}\r\n\r\n0\r\n\r\n{smuggled}");
        exchange(proxy, bytes.as_bytes(), 2).await;
        let seen: Vec<String> = seen.borrow().iter().map(|(line, ..)| line.clone()).collect();
        assert_eq!(seen, *judged.borrow(), "{head:?}: what is served is what was judged");
    }
}

#[tokio::test(flavor = "local")]
async fn chunks_must_be_well_formed() {
    for chunks in [
        "0x5\r\nhello",
        "+5\r\nhello",
        " 5\r\nhello",
        "5 x\r\nhello",
        "5\nhello",
        "5;a\nb\r\nhello",
    ] {
        let (backend, seen) = strict().await;
        let (proxy, _) = proxy(backend).await;
        let head = "POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n";
        exchange(proxy, format!("{head}{chunks}\r\n0\r\n\r\n").as_bytes(), 1).await;
        let bodies: Vec<Vec<u8>> = seen.borrow().iter().map(|(.., body)| body.clone()).collect();
        assert!(
            bodies.is_empty() || bodies == [b"5\r\nhello\r\n0\r\n\r\n"],
            "{chunks:?}: {bodies:?}"
        );
    }
}

#[tokio::test(flavor = "local")]
async fn pipelined_requests_are_each_judged() {
    let (backend, _) = strict().await;
    let (proxy, judged) = proxy(backend).await;
    let bytes = b"GET /a HTTP/1.1\r\nhost: a\r\n\r\nGET /b HTTP/1.1\r\nhost: a\r\n\r\n";
    let answers = exchange(proxy, bytes, 2).await;
    assert_eq!(answers.matches("HTTP/1.1 200 OK").count(), 2);
    assert_eq!(*judged.borrow(), ["GET /a HTTP/1.1", "GET /b HTTP/1.1"]);
}

#[tokio::test(flavor = "local")]
async fn a_part_of_the_next_request_holds_no_answer_back() {
    let (backend, _) = strict().await;
    let (proxy, _) = proxy(backend).await;
    let bytes = b"GET /a HTTP/1.1\r\nhost: a\r\n\r\nGET /b HT";
    assert!(exchange(proxy, bytes, 1).await.starts_with("HTTP/1.1 200 OK"));
}

/// A server that answers with these bytes, whatever it is asked.
async fn saying(bytes: &'static [u8]) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::task::spawn_local(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(bytes).await;
        }
    });
    address
}

#[tokio::test(flavor = "local")]
async fn an_answer_that_is_none_is_not_passed_on() {
    let answers: [&'static [u8]; 5] = [
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nPOISON",
        b"HTTP/1.1 twohundred OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\rset-cookie: b\r\ncontent-length: 0\r\n\r\n",
        b"220 smtp ready\r\n",
        b"",
    ];
    for answer in answers {
        let (proxy, _) = proxy(saying(answer).await).await;
        let answered = exchange(proxy, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", 1).await;
        assert_eq!(answered, "", "{:?}", String::from_utf8_lossy(answer));
    }
}

#[tokio::test(flavor = "local")]
async fn what_follows_an_answer_unasked_is_nobody_s_answer() {
    let two = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nPOISON";
    let (proxy, _) = proxy(saying(two).await).await;
    let answered = exchange(proxy, b"GET / HTTP/1.1\r\nhost: a\r\n\r\n", 1).await;
    assert!(!answered.contains("POISON"));
}

#[tokio::test(flavor = "local")]
async fn a_client_that_waits_is_told_to_continue() {
    let address = server(Http1, async |request: Request<Body>| {
        let body = request.into_body().collect().await.unwrap().to_bytes();
        Ok(Response::new(Body::from(body)))
    })
    .await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    let head = b"PUT / HTTP/1.1\r\nhost: a\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
    stream.write_all(head).await.unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"hello").await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello") {
        stream.read_buf(&mut answer).await.unwrap();
    }
}
