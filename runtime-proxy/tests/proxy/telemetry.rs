//! What both sides count of each other.

use std::net::SocketAddr;

use http::{Request, Response};
use http_body_util::BodyExt as _;
use mesh_proxy::http::{Body, Version};
use mesh_snapshot::object::{AccessLog, MtlsMode, PeerAuthentication, Protocol};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::pki::Authority;
use crate::support::{Mesh, Proxy, asked, echo, service, until};
use crate::wire::{Client, data, get, post, server, streamed, text};

/// `web`, which calls `reviews`; both with a sidecar.
fn pair(protocol: Protocol, mtls: MtlsMode, application: SocketAddr) -> (Proxy, Proxy) {
    pair_logging(protocol, mtls, application, AccessLog::Off)
}

fn pair_logging(
    protocol: Protocol,
    mtls: MtlsMode,
    application: SocketAddr,
    log: AccessLog,
) -> (Proxy, Proxy) {
    let mut mesh = Mesh::new();
    mesh.defaults.access_log = log;
    mesh.service(service("reviews", 9080, protocol), Vec::new());
    mesh.peers(PeerAuthentication { mode: Some(mtls), ..PeerAuthentication::default() });
    Proxy::pair(mesh, application)
}

/// The series of this family, once there is one.
async fn series(proxy: &Proxy, family: &str) -> String {
    let of = |page: &str| {
        page.lines().find(|line| line.starts_with(&format!("{family}{{"))).map(str::to_owned)
    };
    until(family, || of(&proxy.shared.metrics.page()).is_some()).await;
    of(&proxy.shared.metrics.page()).unwrap()
}

const CALLER: [&str; 8] = [
    "reporter=\"destination\"",
    "source_workload=\"web-v1\"",
    "source_app=\"web\"",
    "source_version=\"v1\"",
    "source_canonical_service=\"web\"",
    "source_canonical_revision=\"v1\"",
    "source_cluster=\"Kubernetes\"",
    "source_principal=\"spiffe://cluster.local/ns/shop/sa/web\"",
];

#[tokio::test(flavor = "local")]
async fn the_destination_of_a_request_knows_which_workload_called() {
    let application = server(Version::Http1, async |_| Ok(Response::new(Body::from("ok")))).await;
    let (web, reviews) = pair(Protocol::Http, MtlsMode::Strict, application);
    assert_eq!(asked(&web, "/").await.1, "ok");
    let counted = series(&reviews, "istio_requests_total").await;
    for label in CALLER {
        assert!(counted.contains(label), "{label}: {counted}");
    }
}

/// Bytes that are not HTTP have no headers that could say it.
#[tokio::test(flavor = "local")]
async fn the_destination_of_a_connection_knows_which_workload_called() {
    let (web, reviews) = pair(Protocol::Tcp, MtlsMode::Strict, echo().await);
    let mut stream = TcpStream::connect(web.outbound()).await.unwrap();
    stream.write_all(b"CONNECT reviews:9080 HTTP/1.1\r\nhost: reviews:9080\r\n\r\n").await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    stream.write_all(b"ping").await.unwrap();
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"ping");
    let counted = series(&reviews, "istio_tcp_connections_opened_total").await;
    for label in CALLER {
        assert!(counted.contains(label), "{label}: {counted}");
    }
}

/// Two messages each way, of which the second comes in three pieces; the streams have not ended yet.
#[tokio::test(flavor = "local")]
async fn messages_of_grpc_are_counted_while_the_call_goes_on() {
    let application = server(Version::Http2, async |request: Request<Body>| {
        let mut response = Response::new(request.into_body());
        response.headers_mut().insert("content-type", "application/grpc".parse().unwrap());
        Ok(response)
    })
    .await;
    let (web, reviews) = pair(Protocol::Grpc, MtlsMode::Strict, application);
    let client = Client::to(web.outbound(), Version::Http2).await;
    let (sender, body) = streamed();
    let mut request = post("/shop.Reviews/Chat", body);
    for (name, value) in [("host", "reviews:9080"), ("content-type", "application/grpc")] {
        request.headers_mut().insert(name, value.parse().unwrap());
    }
    let mut response = client.send(request).await.unwrap();
    for piece in ["\0\0\0\0\x03one", "\0\0\0", "\0\x03t", "wo"] {
        sender.send(data(piece)).await.unwrap();
        let frame = response.body_mut().frame().await.unwrap().unwrap();
        assert_eq!(frame.into_data().unwrap(), piece);
    }
    for (proxy, reporter) in [(&web, "source"), (&reviews, "destination")] {
        for family in ["istio_request_messages_total", "istio_response_messages_total"] {
            let counted = series(proxy, family).await;
            assert!(counted.contains(&format!("reporter=\"{reporter}\"")), "{counted}");
            assert!(counted.contains("source_workload=\"web"), "{counted}");
            assert!(!counted.contains("response_code="), "{counted}");
            assert!(counted.ends_with("} 2"), "{counted}");
        }
    }
    drop((sender, response));
    until("the calls are over", || reviews.shared.metrics.page().contains("istio_requests_total{"))
        .await;
    assert!(series(&reviews, "istio_request_messages_total").await.ends_with("} 2"));
}

/// Of a call that nobody answers: what is no gRPC is counted nowhere.
#[tokio::test(flavor = "local")]
async fn only_messages_of_grpc_are_counted() {
    let application =
        server(Version::Http2, async |_| Ok(Response::new(Body::from("<html>")))).await;
    let (web, _reviews) = pair(Protocol::Grpc, MtlsMode::Strict, application);
    let client = Client::to(web.outbound(), Version::Http2).await;
    for kind in ["application/grpc", "text/plain"] {
        let mut request = post("/shop.Reviews/Get", Body::from("\0\0\0\0\x03one"));
        for (name, value) in [("host", "reviews:9080"), ("content-type", kind)] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        assert_eq!(text(client.send(request).await.unwrap()).await, "<html>");
    }
    assert!(series(&web, "istio_request_messages_total").await.ends_with("} 1"));
    assert!(series(&web, "istio_response_messages_total").await.ends_with("} 0"));
}

#[tokio::test(flavor = "local")]
async fn both_logs_say_by_which_route_and_from_where_the_upstream_was_called() {
    let application = server(Version::Http1, async |_| Ok(Response::new(Body::from("ok")))).await;
    let text_format = "%ROUTE_NAME% %VIRTUAL_HOST_NAME% %UPSTREAM_LOCAL_ADDRESS% %REQ(USER-AGENT)% %RESP(X-NONE)%\n";
    let log = AccessLog::Text { file: "/dev/stdout".to_owned(), format: text_format.to_owned() };
    let (web, reviews) = pair_logging(Protocol::Http, MtlsMode::Strict, application, log);
    let client = Client::to(web.outbound(), Version::Http1).await;
    let mut request = get("/");
    request.headers_mut().insert("host", "reviews:9080".parse().unwrap());
    request.headers_mut().insert("user-agent", "curl".parse().unwrap());
    assert_eq!(text(client.send(request).await.unwrap()).await, "ok");
    until("both have logged", || reviews.logged().len().min(web.logged().len()) > 1).await;
    for (proxy, virtual_host) in [(&web, "reviews"), (&reviews, "inbound|http|9080")] {
        let line = proxy.logged();
        let words: Vec<_> = line.split_whitespace().collect();
        let [route, host, local, agent, none] = words[..] else { panic!("{line}") };
        assert!(host.starts_with(virtual_host), "{line}");
        assert_eq!((route, agent, none), ("default", "curl", "-"), "{line}");
        let local: SocketAddr = local.parse().unwrap();
        assert!(local.ip().is_loopback() && local.port() > 0, "{line}");
    }
}

/// Source: Istio, whose one route for such ports stands under port 0.
#[tokio::test(flavor = "local")]
async fn a_port_that_no_service_leads_to_has_a_virtual_host_too() {
    let application = server(Version::Http1, async |_| Ok(Response::new(Body::from("ok")))).await;
    let mut mesh = Mesh::new();
    mesh.defaults.access_log = AccessLog::Text {
        file: "/dev/stdout".to_owned(),
        format: "%VIRTUAL_HOST_NAME%\n".to_owned(),
    };
    mesh.service(service("reviews", 9080, Protocol::Http), Vec::new());
    let mut reviews = Proxy::sidecar("reviews", &[(7070, application)], &Authority::root());
    reviews.put(&mesh.snapshot()).unwrap();
    let client = Client::to(reviews.inbound(), Version::Http1).await;
    assert_eq!(text(client.send(get("/")).await.unwrap()).await, "ok");
    until("it is logged", || !reviews.logged().is_empty()).await;
    assert_eq!(reviews.logged(), "inbound|http|0\n");
}

/// Nobody has proved who it is that calls without mutual TLS.
#[tokio::test(flavor = "local")]
async fn who_calls_in_plain_text_is_unknown() {
    let application = server(Version::Http1, async |_| Ok(Response::new(Body::from("ok")))).await;
    let (_web, reviews) = pair(Protocol::Http, MtlsMode::Permissive, application);
    let client = Client::to(reviews.inbound(), Version::Http1).await;
    assert_eq!(text(client.send(get("/")).await.unwrap()).await, "ok");
    let counted = series(&reviews, "istio_requests_total").await;
    assert!(counted.contains("source_workload=\"unknown\""), "{counted}");
}

/// Which would otherwise look like harm that a new policy does, and take that back.
#[tokio::test(flavor = "local")]
async fn a_request_that_its_client_breaks_off_is_no_server_s_fault() {
    let application = server(Version::Http1, async |request: Request<Body>| {
        let whole = request.into_body().collect().await.is_ok();
        Ok(Response::new(Body::from(if whole { "whole" } else { "broken off" })))
    });
    let log = AccessLog::Text {
        file: "/dev/stdout".to_owned(),
        format: "%RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS%\n".to_owned(),
    };
    let (web, _reviews) = pair_logging(Protocol::Http, MtlsMode::Strict, application.await, log);
    let send = async |head: &str| {
        let mut stream = TcpStream::connect(web.outbound()).await.unwrap();
        let request = format!("POST / HTTP/1.1\r\nhost: reviews:9080\r\n{head}");
        stream.write_all(request.as_bytes()).await.unwrap();
        stream
    };
    drop(send("content-length: 100\r\n\r\nabc").await);
    until("it is logged", || !web.logged().is_empty()).await;
    assert_eq!(web.logged(), "0 DC downstream_remote_disconnect\n");
    let mut malformed = send("transfer-encoding: chunked\r\n\r\nzz\r\n").await;
    let mut answer = Vec::new();
    let _ = malformed.read_to_end(&mut answer).await;
    assert!(answer.starts_with(b"HTTP/1.1 400 "), "{}", String::from_utf8_lossy(&answer));
    until("both are logged", || web.logged().lines().count() == 2).await;
    assert!(web.logged().ends_with("400 DPE http1.codec_error\n"), "{}", web.logged());
}

/// Istio's inbound virtual hosts do not count tries: what arrives is what the caller's proxy said.
#[tokio::test(flavor = "local")]
async fn an_application_is_told_of_its_caller_s_tries() {
    let application = server(Version::Http1, async |request: Request<Body>| {
        let told = request.headers().get("x-envoy-attempt-count");
        Ok(Response::new(Body::from(if told.is_some_and(|it| it == "3") { "third" } else { "?" })))
    });
    let (_web, reviews) = pair(Protocol::Http, MtlsMode::Permissive, application.await);
    let client = Client::to(reviews.inbound(), Version::Http1).await;
    let mut request = get("/");
    request.headers_mut().insert("x-envoy-attempt-count", "3".parse().unwrap());
    assert_eq!(text(client.send(request).await.unwrap()).await, "third");
}
