//! HTTP/1.1 and HTTP/2 on one port.
//!
//! - A WebSocket handshake: messages are sent back.
//! - `POST` of `application/grpc`: the stream is sent back as it comes, and ends with `grpc-status: 0`.
//! - Anything else: 200, the application's name in `x-application`, and what it was sent in `x-seen-…`.

use std::convert::Infallible;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use http::header::{CONTENT_TYPE, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::Role;

type Body = BoxBody<Bytes, hyper::Error>;

pub(super) async fn serve(listener: TcpListener, name: Arc<str>) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(connection(stream, Arc::clone(&name)));
    }
}

async fn connection(stream: TcpStream, name: Arc<str>) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let response = answer(request, &name);
        async move { Ok::<_, Infallible>(response) }
    });
    let builder = Builder::new(TokioExecutor::new());
    // A client that goes away is none of its business.
    let _ = builder.serve_connection_with_upgrades(TokioIo::new(stream), service).await;
}

fn answer(request: Request<Incoming>, name: &str) -> Response<Body> {
    let is_grpc = |value: &HeaderValue| value.as_bytes().starts_with(b"application/grpc");
    if request.headers().contains_key(UPGRADE) {
        web_socket(request)
    } else if request.headers().get(CONTENT_TYPE).is_some_and(is_grpc) {
        grpc(request.into_body())
    } else {
        seen(&request, name)
    }
}

/// What of a request is told to who asked.
const TOLD: [&str; 3] = ["x-route", "x-forwarded-client-cert", "x-request-id"];

fn seen(request: &Request<Incoming>, name: &str) -> Response<Body> {
    let mut response = Response::new(full(Bytes::from(format!("{name}\n"))));
    let headers = response.headers_mut();
    if let Ok(name) = name.parse() {
        headers.insert("x-application", name);
    }
    for told in TOLD {
        let name = HeaderName::try_from(format!("x-seen-{told}"));
        if let (Some(value), Ok(name)) = (request.headers().get(told), name) {
            headers.insert(name, value.clone());
        }
    }
    response
}

fn grpc(body: Incoming) -> Response<Body> {
    let trailers = HeaderMap::from_iter([(
        HeaderName::from_static("grpc-status"),
        HeaderValue::from_static("0"),
    )]);
    let body = body.with_trailers(async move { Some(Ok(trailers)) }).boxed();
    let mut response = Response::new(body);
    let kind = HeaderValue::from_static("application/grpc");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn web_socket(request: Request<Incoming>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let head = Request::from_parts(parts.clone(), ());
    let Ok(response) = create_response_with_body(&head, || full(Bytes::new())) else {
        let mut refused = Response::new(full(Bytes::from_static(b"no WebSocket handshake\n")));
        *refused.status_mut() = StatusCode::BAD_REQUEST;
        return refused;
    };
    let request = Request::from_parts(parts, body);
    tokio::spawn(async move {
        if let Ok(upgraded) = hyper::upgrade::on(request).await {
            messages(upgraded).await;
        }
    });
    response
}

async fn messages(upgraded: Upgraded) {
    let io = TokioIo::new(upgraded);
    let mut socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
    while let Some(Ok(message)) = socket.next().await {
        let is_data = message.is_text() || message.is_binary();
        if is_data && socket.send(message).await.is_err() {
            return;
        }
    }
}

fn full(bytes: Bytes) -> Body {
    Full::new(bytes).map_err(|never| match never {}).boxed()
}
