//! What a client may not do, and how a connection comes to its end.

use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use http::{Request, Response, StatusCode};
use mesh_proxy::drain::Drain;
use mesh_proxy::http::Version::{Http1, Http2};
use mesh_proxy::http::{Body, ExchangeError, HttpLimits, ServeError, Version, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

use crate::wire::{Client, connect, data, get, server, server_with, streamed, text};

/// Longer than anything here takes.
const AMPLE: Duration = Duration::from_secs(20);

async fn hello(_: Request<Body>) -> Result<Response<Body>, mesh_proxy::http::Abort> {
    Ok(Response::new(Body::from("hello")))
}

#[tokio::test(flavor = "local")]
async fn a_head_is_not_too_large_and_has_not_too_many_fields() {
    for version in [Http1, Http2] {
        let client = Client::to(server(version, hello).await, version).await;
        let fields = |count: usize, bytes: usize| {
            let mut request = get("/");
            for number in 0..count {
                let name = http::HeaderName::try_from(format!("field-{number}")).unwrap();
                request.headers_mut().insert(name, "x".repeat(bytes).parse().unwrap());
            }
            request
        };
        assert_eq!(client.send(fields(90, 10)).await.unwrap().status(), StatusCode::OK);
        let refused = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        assert_eq!(client.send(fields(101, 1)).await.unwrap().status(), refused, "{version:?}");
        let client = Client::to(server(version, hello).await, version).await;
        assert_eq!(client.send(fields(8, 8000)).await.unwrap().status(), refused, "{version:?}");
    }
}

/// Serves one connection, and what became of it.
async fn one(
    version: Version,
    limits: HttpLimits,
    drain: Drain,
) -> (SocketAddr, oneshot::Receiver<Result<(), ServeError>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (tell, told) = oneshot::channel();
    tokio::task::spawn_local(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let served = serve(stream.into(), version, &limits, &drain, hello).await;
        let _ = tell.send(served);
    });
    (address, told)
}

#[tokio::test(flavor = "local")]
async fn a_slow_head_ends_the_connection() {
    let limits = HttpLimits { head: Duration::from_millis(20), ..HttpLimits::default() };
    let (address, served) = one(Http1, limits, Drain::default()).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n").await.unwrap();
    assert!(matches!(served.await.unwrap(), Err(ServeError::SlowHead)));
}

/// As after a handshake that has agreed on a version.
#[tokio::test(flavor = "local")]
async fn who_says_nothing_at_all_is_given_up() {
    for version in [Http1, Http2] {
        let limits = HttpLimits { head: Duration::from_millis(20), ..HttpLimits::default() };
        let (address, served) = one(version, limits, Drain::default()).await;
        let _silent = TcpStream::connect(address).await.unwrap();
        let served = timeout(AMPLE, served).await.unwrap().unwrap();
        assert!(matches!(served, Err(ServeError::SlowHead)), "{version:?}: {served:?}");
    }
}

#[tokio::test(flavor = "local")]
async fn who_says_nothing_at_all_holds_up_no_drain() {
    for version in [Http1, Http2] {
        let drain = Drain::default();
        let (address, served) = one(version, HttpLimits::default(), drain.clone()).await;
        let mut silent = TcpStream::connect(address).await.unwrap();
        if version == Http2 {
            let _settings = silent.read_u8().await.unwrap(); // it is being served
        }
        drain.begin();
        timeout(AMPLE, served).await.unwrap().unwrap().unwrap();
    }
}

/// RFC 9113 §6.5: a frame without a payload.
const SETTINGS_ACKNOWLEDGED: &[u8] = &[0, 0, 0, 4, 1, 0, 0, 0, 0];

/// It has begun, and then does not say that it has heard of the end.
#[tokio::test(flavor = "local", start_paused = true)]
async fn a_client_that_does_not_listen_holds_up_no_drain() {
    let drain = Drain::default();
    let (address, served) = one(Http2, HttpLimits::default(), drain.clone()).await;
    let mut deaf = TcpStream::connect(address).await.unwrap();
    deaf.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await.unwrap();
    let mut heard = Vec::new();
    while !heard.ends_with(SETTINGS_ACKNOWLEDGED) {
        heard.push(deaf.read_u8().await.unwrap());
    }
    drain.begin();
    timeout(AMPLE, served).await.unwrap().unwrap().unwrap();
}

#[tokio::test(flavor = "local")]
async fn an_idle_connection_is_closed_in_order() {
    for version in [Http1, Http2] {
        let limits = HttpLimits { idle: Duration::from_millis(20), ..HttpLimits::default() };
        let (address, served) = one(version, limits, Drain::default()).await;
        let client = Client::to(address, version).await;
        assert_eq!(text(client.send(get("/")).await.unwrap()).await, "hello");
        served.await.unwrap().unwrap();
    }
}

#[tokio::test(flavor = "local")]
async fn what_is_not_http_is_refused() {
    let (address, served) = one(Http1, HttpLimits::default(), Drain::default()).await;
    let mut client = TcpStream::connect(address).await.unwrap();
    client.write_all(b"what is this\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    assert!(matches!(served.await.unwrap(), Err(ServeError::Http1(_))));
}

#[tokio::test(flavor = "local")]
async fn draining_lets_requests_finish_and_takes_no_more() {
    for version in [Http1, Http2] {
        let drain = Drain::default();
        let arrived = Rc::new(Notify::new());
        let (sender, body) = streamed();
        let body = std::cell::RefCell::new(Some(body));
        let told = Rc::clone(&arrived);
        let address = server_with(version, HttpLimits::default(), drain.clone(), move |_| {
            told.notify_one();
            std::future::ready(Ok(Response::new(body.borrow_mut().take().unwrap_or_default())))
        })
        .await;
        let client = Client::to(address, version).await;
        let asking = async { client.send(get("/")).await.unwrap() };
        let draining = async {
            arrived.notified().await;
            drain.begin();
            tokio::task::yield_now().await;
        };
        let (answer, ()) = tokio::join!(asking, draining);
        sender.send(data("to the end")).await.unwrap();
        drop(sender);
        assert_eq!(text(answer).await, "to the end");
        let after = client.send(get("/")).await;
        assert!(after.is_err(), "{version:?}");
    }
}

#[tokio::test(flavor = "local")]
async fn draining_tells_an_http1_client_to_close() {
    let drain = Drain::default();
    drain.begin();
    let mut client =
        TcpStream::connect(server_with(Http1, HttpLimits::default(), drain, hello).await)
            .await
            .unwrap();
    client.write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    client.read_to_string(&mut answer).await.unwrap();
    assert!(answer.is_empty() || answer.contains("connection: close"), "{answer}");
}

/// CVE-2023-44487.
#[tokio::test(flavor = "local")]
async fn rapid_resets_end_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = tokio::task::spawn_local(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let never = |_| std::future::pending();
        let (limits, drain) = (HttpLimits::default(), Drain::default());
        serve(stream.into(), Http2, &limits, &drain, never).await
    });
    let (mut sender, connection) = h2::client::handshake(connect(address).await).await.unwrap();
    tokio::task::spawn_local(async move {
        let _ = connection.await;
    });
    for _ in 0..20_000 {
        let request = Request::get("http://shop/").body(()).unwrap();
        let Ok(ready) = sender.clone().ready().await else { break };
        sender = ready;
        let Ok((answer, _)) = sender.send_request(request, true) else { break };
        tokio::task::yield_now().await;
        drop(answer);
        if serving.is_finished() {
            break;
        }
    }
    let error = serving.await.unwrap().unwrap_err();
    assert!(matches!(error, ServeError::RapidReset | ServeError::Http2(_)), "{error}");
}

#[tokio::test(flavor = "local")]
async fn a_client_s_reset_is_not_the_end_of_its_upload() {
    // A server that would take a truncated upload for a whole one.
    let received = Rc::new(std::cell::RefCell::new(None));
    let done = Rc::new(Notify::new());
    let upstream = server(Http1, {
        let (received, done) = (Rc::clone(&received), Rc::clone(&done));
        move |request: Request<Body>| {
            let (received, done) = (Rc::clone(&received), Rc::clone(&done));
            async move {
                use http_body_util::BodyExt;
                *received.borrow_mut() = Some(request.into_body().collect().await.is_ok());
                done.notify_one();
                hello(Request::default()).await
            }
        }
    })
    .await;
    let proxy = server(Http2, move |request| async move {
        let client = Client::to(upstream, Http1).await;
        client.send(request).await.map_err(|unanswered| {
            assert!(matches!(unanswered.error, ExchangeError::Request(_)), "{unanswered:?}");
            mesh_proxy::http::Abort
        })
    })
    .await;
    let (mut sender, connection) = h2::client::handshake(connect(proxy).await).await.unwrap();
    tokio::task::spawn_local(async move {
        let _ = connection.await;
    });
    let request = Request::post("http://shop/").body(()).unwrap();
    let (_answer, mut stream) = sender.send_request(request, false).unwrap();
    stream.send_data(bytes::Bytes::from_static(b"half of it"), false).unwrap();
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    stream.send_reset(h2::Reason::CANCEL);
    done.notified().await;
    assert_eq!(*received.borrow(), Some(false));
}
