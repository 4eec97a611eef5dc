//! HTTP/2 without TLS: many requests on one connection, and a gRPC stream that stays open.

use std::net::SocketAddr;

use bytes::Bytes;
use http::Request;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, StreamBody};
use hyper::body::Frame;
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpStream;
use tokio::sync::mpsc;

use super::http1::judge;
use super::stream::Echo;
use super::{Client, Failure, class};

type Body = UnsyncBoxBody<Bytes, std::convert::Infallible>;
type Sender = SendRequest<Body>;

/// At once, a turn.
const REQUESTS: usize = 4;

pub(super) async fn requests(client: Client) {
    let (mut done, mut sender) = (0, None);
    while let Some(turn) = client.turn(&mut done).await {
        let connected = async {
            match sender.take() {
                Some(sender) => Ok(sender),
                None => connect(client.target.proxy).await,
            }
        };
        let Some(connected) = client.attempt("http/2 connection", connected).await else {
            continue;
        };
        let asked = (0..REQUESTS)
            .map(|_| client.attempt("http/2", ask(connected.clone(), &client.target.http, turn)));
        futures_util::future::join_all(asked).await;
        sender = (!connected.is_closed()).then_some(connected);
    }
}

async fn connect(proxy: SocketAddr) -> Result<Sender, Failure> {
    let stream = TcpStream::connect(proxy).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    sender.ready().await?;
    Ok(sender)
}

async fn ask(mut sender: Sender, authority: &str, turn: u32) -> Result<(), Failure> {
    let request = Request::get(format!("http://{authority}/probe"))
        .header("x-class", class(turn))
        .body(Empty::new().boxed_unsync());
    let request = request.map_err(|_| Failure::Garbled)?;
    judge(sender.send_request(request).await?).await
}

/// One stream for the whole time; a message each turn, which has to come back.
pub(super) async fn grpc(client: Client) {
    let opened = client.attempt("grpc stream", open(&client.target.proxy, &client.target.http));
    let Some((mut echo, _sender)) = opened.await else { return };
    let mut done = 0;
    while let Some(turn) = client.turn(&mut done).await {
        if client.attempt("grpc message", echo.say(turn)).await.is_none() {
            return;
        }
    }
    client.attempt("grpc end", echo.end()).await;
}

async fn open(proxy: &SocketAddr, authority: &str) -> Result<(Echo, Sender), Failure> {
    let mut sender = connect(*proxy).await?;
    let (say, mut said) = mpsc::channel::<Bytes>(1);
    let frames = futures_util::stream::poll_fn(move |context| {
        said.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
    });
    let body = StreamBody::new(frames).boxed_unsync();
    let request = Request::post(format!("http://{authority}/echo.Echo/Stream"))
        .header(http::header::CONTENT_TYPE, "application/grpc")
        .header(http::header::TE, "trailers")
        .header("x-class", "a")
        .body(body);
    let response = sender.send_request(request.map_err(|_| Failure::Garbled)?).await?;
    // One that is refused has its status in the head: gRPC, “Trailers-Only”.
    if !response.status().is_success() || response.headers().contains_key("grpc-status") {
        let said = response.headers().get("grpc-message").map(http::HeaderValue::as_bytes);
        let body = String::from_utf8_lossy(said.unwrap_or_default()).into_owned();
        return Err(Failure::Status { status: response.status(), body });
    }
    Ok((Echo::new(say, response.into_body()), sender))
}
