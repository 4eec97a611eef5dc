//! Servers and clients on loopback.

use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Frame;
use http_body_util::BodyExt;
use mesh_proxy::drain::Drain;
use mesh_proxy::http::{
    Abort, Body, BodyError, Http1Client, Http2Client, HttpLimits, Version, http1, http2, serve,
};
use mesh_proxy::stream::Stream;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

/// Serves every connection to the address that is returned, each request by `handle`.
pub(crate) async fn server<H, A>(version: Version, handle: H) -> SocketAddr
where
    H: Fn(Request<Body>) -> A + 'static,
    A: Future<Output = Result<Response<Body>, Abort>> + 'static,
{
    server_with(version, HttpLimits::default(), Drain::default(), handle).await
}

pub(crate) async fn server_with<H, A>(
    version: Version,
    limits: HttpLimits,
    drain: Drain,
    handle: H,
) -> SocketAddr
where
    H: Fn(Request<Body>) -> A + 'static,
    A: Future<Output = Result<Response<Body>, Abort>> + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let handle = Rc::new(handle);
    tokio::task::spawn_local(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).unwrap();
            let (handle, drain) = (Rc::clone(&handle), drain.clone());
            tokio::task::spawn_local(async move {
                let handle = move |request| handle(request);
                let _ = serve(Stream::from(stream), version, &limits, &drain, handle).await;
            });
        }
    });
    address
}

pub(crate) async fn connect(address: SocketAddr) -> Stream {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    Stream::from(stream)
}

/// A client of either version.
pub(crate) enum Client {
    Http1(Http1Client),
    Http2(Http2Client),
}

impl Client {
    pub(crate) async fn to(address: SocketAddr, version: Version) -> Self {
        let stream = connect(address).await;
        match version {
            Version::Http1 => {
                let (client, driver) = http1(stream).await.unwrap();
                tokio::task::spawn_local(driver);
                Self::Http1(client)
            }
            Version::Http2 => {
                let (client, driver) = http2(stream).await.unwrap();
                tokio::task::spawn_local(driver);
                Self::Http2(client)
            }
        }
    }

    pub(crate) async fn send(
        &self,
        request: Request<Body>,
    ) -> Result<Response<Body>, mesh_proxy::http::Unanswered> {
        match self {
            Self::Http1(client) => client.send(request).await,
            Self::Http2(client) => client.send(request).await,
        }
    }
}

/// A body of unknown length that says what it is sent, and ends when the sender is dropped.
pub(crate) fn streamed() -> (mpsc::Sender<Frame<Bytes>>, Body) {
    let (sender, receiver) = mpsc::channel(1);
    (sender, Body::made(Streamed(receiver)))
}

struct Streamed(mpsc::Receiver<Frame<Bytes>>);

impl http_body::Body for Streamed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.0.poll_recv(cx).map(|frame| frame.map(Ok))
    }
}

pub(crate) fn data(text: &'static str) -> Frame<Bytes> {
    Frame::data(Bytes::from_static(text.as_bytes()))
}

pub(crate) fn get(path: &str) -> Request<Body> {
    Request::get(path).header("host", "shop").body(Body::empty()).unwrap()
}

pub(crate) fn post(path: &str, body: Body) -> Request<Body> {
    Request::post(path).header("host", "shop").body(body).unwrap()
}

pub(crate) async fn text(response: Response<Body>) -> String {
    String::from_utf8(bytes(response).await.to_vec()).unwrap()
}

pub(crate) async fn bytes(response: Response<Body>) -> Bytes {
    response.into_body().collect().await.unwrap().to_bytes()
}
