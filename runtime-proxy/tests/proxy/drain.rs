//! How a proxy ends: what is under way is finished, and nothing new begins.

use std::net::SocketAddr;
use std::time::Duration;

use http::{Request, Response};
use mesh_proxy::http::{Body, Version};
use mesh_snapshot::object::Protocol;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};

use crate::pki::Authority;
use crate::support::{Mesh, Proxy, closed, endpoint, service};
use crate::wire::{Client, get, server, text};

/// Longer than any of these tests takes.
const AMPLE: Duration = Duration::from_mins(1);

/// An application that answers when it is told to; `/quick` at once.
struct Application {
    at: SocketAddr,
    asked: mpsc::Receiver<oneshot::Sender<()>>,
}

impl Application {
    async fn start() -> Self {
        let (asking, asked) = mpsc::channel(8);
        let at = server(Version::Http1, move |request: Request<Body>| {
            let asking = asking.clone();
            async move {
                if request.uri().path() != "/quick" {
                    let (go, told) = oneshot::channel();
                    asking.send(go).await.unwrap();
                    let _ = told.await;
                }
                Ok(Response::new(Body::from("whole")))
            }
        })
        .await;
        Self { at, asked }
    }
}

/// A sidecar before it, which can call it as `a` too.
async fn reviews() -> (Proxy, Application) {
    let application = Application::start().await;
    let mut mesh = Mesh::new();
    mesh.service(service("reviews", 9080, Protocol::Http), Vec::new());
    mesh.service(service("a", 80, Protocol::Http), Vec::new());
    let mut proxy = Proxy::sidecar("reviews", &[(9080, application.at)], &Authority::root());
    proxy.put(&mesh.snapshot()).unwrap();
    proxy.learn("a", vec![endpoint("a", 80, application.at)]);
    (proxy, application)
}

/// Who has said nothing is sent away when the end begins on that side. To try connecting over and over for so long would use up ports.
async fn ended(silent: &mut TcpStream) {
    assert_eq!(silent.read(&mut [0]).await.unwrap_or(0), 0);
}

async fn whole(stream: &mut TcpStream) -> String {
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test(flavor = "local")]
async fn an_answer_under_way_is_given_and_says_that_it_is_the_last() {
    let (proxy, mut application) = reviews().await;
    let at = proxy.inbound();
    let mut stream = TcpStream::connect(at).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: reviews\r\n\r\n").await.unwrap();
    let go = application.asked.recv().await.unwrap();
    let drained = proxy.drain(AMPLE);
    closed(at).await;
    assert!(!drained.is_finished(), "an answer is under way");
    go.send(()).unwrap();
    let answer = whole(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("whole"), "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
    drained.await.unwrap();
}

#[tokio::test(flavor = "local")]
async fn connections_without_a_request_are_closed_at_once() {
    let (proxy, _application) = reviews().await;
    let mut stream = TcpStream::connect(proxy.inbound()).await.unwrap();
    stream.write_all(b"GET /quick HTTP/1.1\r\nhost: reviews\r\n\r\n").await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"whole") {
        head.push(stream.read_u8().await.unwrap());
    }
    let drained = proxy.drain(AMPLE);
    assert_eq!(whole(&mut stream).await, "");
    drained.await.unwrap();
}

#[tokio::test(flavor = "local")]
async fn over_http2_requests_under_way_are_answered_and_others_turned_away() {
    let (proxy, mut application) = reviews().await;
    let at = proxy.inbound();
    let client = Client::to(at, Version::Http2).await;
    let end = async {
        let go = application.asked.recv().await.unwrap();
        let drained = proxy.drain(AMPLE);
        closed(at).await;
        // The client hears of it when it does: until then it is served.
        let turned_away = loop {
            match client.send(get("/quick")).await {
                Ok(response) => assert_eq!(text(response).await, "whole"),
                Err(unanswered) => break unanswered,
            }
        };
        assert!(turned_away.is_unprocessed(), "{turned_away:?}");
        assert!(!drained.is_finished(), "an answer is under way");
        go.send(()).unwrap();
        drained.await.unwrap();
    };
    let (response, ()) = tokio::join!(client.send(get("/")), end);
    assert_eq!(text(response.unwrap()).await, "whole");
}

#[tokio::test(flavor = "local")]
async fn what_takes_too_long_is_cut_off() {
    let (proxy, mut application) = reviews().await;
    let mut stream = TcpStream::connect(proxy.inbound()).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: reviews\r\n\r\n").await.unwrap();
    let _never = application.asked.recv().await.unwrap();
    proxy.drain(Duration::ZERO).await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap_or(0), 0);
}

/// What the workload has been asked, it may have to ask others about.
#[tokio::test(flavor = "local")]
async fn the_workload_can_call_others_while_it_is_asked_something() {
    let (proxy, mut application) = reviews().await;
    let (inbound, outbound) = (proxy.inbound(), proxy.outbound());
    let mut stream = TcpStream::connect(inbound).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: reviews\r\n\r\n").await.unwrap();
    let go = application.asked.recv().await.unwrap();
    let kept = Client::to(outbound, Version::Http1).await;
    let asking = || {
        let mut request = get("/quick");
        request.headers_mut().insert("host", "a".parse().unwrap());
        request
    };
    let drained = proxy.drain(AMPLE);
    closed(inbound).await;
    assert_eq!(text(kept.send(asking()).await.unwrap()).await, "whole");
    let another = Client::to(outbound, Version::Http1).await;
    assert_eq!(text(another.send(asking()).await.unwrap()).await, "whole");
    go.send(()).unwrap();
    assert!(whole(&mut stream).await.ends_with("whole"));
    drop((kept, another));
    drained.await.unwrap();
}

fn asking_a(path: &str) -> Request<Body> {
    let mut request = get(path);
    request.headers_mut().insert("host", "a".parse().unwrap());
    request
}

/// Nobody asks it anything, and it has work to end.
#[tokio::test(flavor = "local")]
async fn a_workload_that_only_calls_others_goes_on_for_as_long_as_it_does() {
    let (proxy, mut application) = reviews().await;
    let (inbound, outbound) = (proxy.inbound(), proxy.outbound());
    let long = Client::to(outbound, Version::Http1).await;
    let end = async {
        let go = application.asked.recv().await.unwrap();
        let drained = proxy.drain(AMPLE);
        closed(inbound).await;
        for _ in 0..20 {
            let another = Client::to(outbound, Version::Http1).await;
            assert_eq!(text(another.send(asking_a("/quick")).await.unwrap()).await, "whole");
        }
        assert!(!drained.is_finished());
        go.send(()).unwrap();
        drained.await.unwrap();
    };
    let (answer, ()) = tokio::join!(long.send(asking_a("/")), end);
    assert_eq!(text(answer.unwrap()).await, "whole");
}

/// What is kept open for later is not waited for, whoever keeps it and however it speaks.
#[tokio::test(flavor = "local")]
async fn with_nothing_under_way_the_end_comes_at_once() {
    let (proxy, _application) = reviews().await;
    let mut kept = Vec::new();
    for at in [proxy.inbound(), proxy.outbound()] {
        for version in [Version::Http1, Version::Http2] {
            let client = Client::to(at, version).await;
            assert_eq!(text(client.send(asking_a("/quick")).await.unwrap()).await, "whole");
            kept.push(client);
        }
    }
    let mut raw = TcpStream::connect(proxy.outbound()).await.unwrap();
    raw.write_all(b"GET /quick HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"whole") {
        head.push(raw.read_u8().await.unwrap());
    }
    let _silent = TcpStream::connect(proxy.outbound()).await.unwrap();
    let began = std::time::Instant::now();
    let drained = proxy.drain(AMPLE);
    assert_eq!(whole(&mut raw).await, "");
    drained.await.unwrap();
    assert!(began.elapsed() < AMPLE / 10, "{:?}", began.elapsed());
    drop(kept);
}

/// The workload that asks hears that this was the last.
#[tokio::test(flavor = "local")]
async fn an_answer_to_the_workload_says_that_it_is_the_last() {
    let (proxy, mut application) = reviews().await;
    let outbound = proxy.outbound();
    let mut stream = TcpStream::connect(outbound).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let go = application.asked.recv().await.unwrap();
    let mut silent = TcpStream::connect(outbound).await.unwrap();
    let drained = proxy.drain(Duration::from_secs(2));
    ended(&mut silent).await;
    go.send(()).unwrap();
    let answer = whole(&mut stream).await;
    assert!(answer.contains("connection: close\r\n") && answer.ends_with("whole"), "{answer}");
    drained.await.unwrap();
}

#[tokio::test(flavor = "local")]
async fn who_has_said_nothing_is_not_waited_for() {
    let (proxy, _application) = reviews().await;
    let mut silent = TcpStream::connect(proxy.inbound()).await.unwrap();
    let drained = proxy.drain(AMPLE);
    assert_eq!(silent.read(&mut [0]).await.unwrap_or(0), 0);
    drained.await.unwrap();
}

/// Of a drain whose whole time an answer would take, there is some left for others.
#[tokio::test(flavor = "local")]
async fn what_never_ends_leaves_time_for_what_the_workload_sends() {
    let (proxy, mut application) = reviews().await;
    let (inbound, outbound) = (proxy.inbound(), proxy.outbound());
    let mut stream = TcpStream::connect(inbound).await.unwrap();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: reviews\r\n\r\n").await.unwrap();
    let _never = application.asked.recv().await.unwrap();
    let mut silent = TcpStream::connect(outbound).await.unwrap();
    let drained = proxy.drain(Duration::from_secs(3));
    ended(&mut silent).await;
    assert!(!drained.is_finished(), "a quarter of the time is left");
    drained.await.unwrap();
}
