//! HTTP/1.1, as through any HTTP proxy: the target in absolute form.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use super::{Client, Failure, class};

type Sender = SendRequest<Empty<Bytes>>;

/// One connection, for as long as the proxy keeps it: it may close it in order, between two requests.
pub(super) async fn kept(client: Client) {
    let (mut done, mut sender) = (0, None);
    while let Some(turn) = client.turn(&mut done).await {
        let asked = async {
            let mut sender = match sender.take() {
                Some(sender) => usable(sender).await,
                None => None,
            };
            let mut sender = match sender.take() {
                Some(sender) => sender,
                None => connect(client.target.proxy).await?,
            };
            ask(&mut sender, &client.target.http, turn).await?;
            Ok(sender)
        };
        sender = client.attempt("http/1.1", asked).await;
    }
}

/// A connection a request.
pub(super) async fn fresh(client: Client) {
    let mut done = 0;
    while let Some(turn) = client.turn(&mut done).await {
        let asked = async {
            let mut sender = connect(client.target.proxy).await?;
            ask(&mut sender, &client.target.http, turn).await
        };
        client.attempt("http/1.1 once", asked).await;
    }
}

async fn usable(mut sender: Sender) -> Option<Sender> {
    sender.ready().await.is_ok().then_some(sender)
}

async fn connect(proxy: SocketAddr) -> Result<Sender, Failure> {
    let stream = TcpStream::connect(proxy).await?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn ask(sender: &mut Sender, authority: &str, turn: u32) -> Result<(), Failure> {
    let request = Request::get(format!("http://{authority}/probe"))
        .header(http::header::HOST, authority)
        .header("x-class", class(turn))
        .body(Empty::new());
    let request = request.map_err(|_| Failure::Garbled)?;
    judge(sender.send_request(request).await?).await
}

/// Whether it is an answer, and all of one snapshot: the number that the route writes into the request, which the application
/// repeats, is the one that it writes into the answer.
pub(super) async fn judge(response: Response<Incoming>) -> Result<(), Failure> {
    let (head, body) = response.into_parts();
    let body = body.collect().await?.to_bytes();
    if !head.status.is_success() {
        let body = String::from_utf8_lossy(&body).trim().to_owned();
        return Err(Failure::Status { status: head.status, body });
    }
    let header =
        |name| head.headers.get(name).map(|value| value.to_str().unwrap_or("?").to_owned());
    match (header("x-seen-x-route"), header("x-answer")) {
        (routed, answered) if routed == answered => Ok(()),
        (routed, answered) => Err(Failure::Mixed {
            routed: routed.unwrap_or_default(),
            answered: answered.unwrap_or_default(),
        }),
    }
}
