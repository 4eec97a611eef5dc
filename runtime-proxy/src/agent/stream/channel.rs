//! One connection to the control runtime: TCP, TLS, HTTP/2, and gRPC on top of it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::str::FromStr as _;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use http::uri::PathAndQuery;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use mesh_snapshot::wire::{FromProxy, MESSAGE_MAX_BYTES, SignRequest, SignResponse, ToProxy};
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body;
use tonic::client::{Grpc, GrpcService};
use tonic::{Status, Streaming};
use tonic_prost::ProstCodec;

use super::tls;
use crate::agent::config::Control;
use crate::world::Identity;

const CONNECT: &str = "/mesh.v1.Distribution/Connect";
const SIGN: &str = "/mesh.v1.Identity/Sign";
/// A peer that answers no ping for so long is gone.
const PING: Duration = Duration::from_secs(10);
const WINDOW_BYTES: u32 = 1 << 20;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("the address `{0}` is not of the form `host:port`")]
    Address(String),
    #[error("it cannot be reached: {0}")]
    Tcp(io::Error),
    #[error("it is not trusted, or does not trust this proxy: {0}")]
    Tls(io::Error),
    #[error("the roots or the certificate of this proxy are no good: {0}")]
    Credentials(rustls::Error),
    #[error("it does not speak HTTP/2: {0}")]
    Http(hyper::Error),
    #[error("it did not answer within {} ms", .0.as_millis())]
    TimeOut(Duration),
}

/// The connection ends when this is dropped.
pub(crate) struct Channel {
    grpc: Grpc<Connection>,
}

impl Channel {
    /// Connects to the control runtime, and proves to be `identity`, if that is given.
    pub(crate) async fn connect(
        control: &Control,
        roots: &[CertificateDer<'static>],
        identity: Option<&Identity>,
        within: Duration,
    ) -> Result<Self, ConnectError> {
        let connecting = Self::connect_slowly(control, roots, identity);
        timeout(within, connecting).await.unwrap_or(Err(ConnectError::TimeOut(within)))
    }

    async fn connect_slowly(
        control: &Control,
        roots: &[CertificateDer<'static>],
        identity: Option<&Identity>,
    ) -> Result<Self, ConnectError> {
        let address = || ConnectError::Address(control.address.clone());
        let (host, _) = control.address.rsplit_once(':').ok_or_else(address)?;
        let host = mesh_engine::host::without_brackets(host).to_owned();
        let name = ServerName::try_from(host).map_err(|_| address())?;
        let origin =
            Uri::from_str(&format!("https://{}", control.address)).map_err(|_| address())?;
        let config =
            tls::config(&control.identity, roots, identity).map_err(ConnectError::Credentials)?;

        let tcp = TcpStream::connect(&control.address).await.map_err(ConnectError::Tcp)?;
        tcp.set_nodelay(true).map_err(ConnectError::Tcp)?;
        let connector = TlsConnector::from(Arc::new(config));
        let tls = connector.connect(name, tcp).await.map_err(ConnectError::Tls)?;
        let (requests, connection) = http2::Builder::new(TokioExecutor::new())
            .timer(TokioTimer::new())
            .keep_alive_interval(PING)
            .keep_alive_timeout(PING)
            .keep_alive_while_idle(true)
            .initial_stream_window_size(WINDOW_BYTES)
            .initial_connection_window_size(WINDOW_BYTES)
            .handshake(TokioIo::new(tls))
            .await
            .map_err(ConnectError::Http)?;
        let driver = tokio::spawn(async move {
            // Whoever waits for an answer is told why there is none.
            let _ = connection.await;
        });
        let connection = Connection { requests, driver: driver.abort_handle() };
        let grpc = Grpc::with_origin(connection, origin)
            .max_decoding_message_size(MESSAGE_MAX_BYTES)
            .max_encoding_message_size(MESSAGE_MAX_BYTES);
        Ok(Self { grpc })
    }

    /// Opens the stream. What `outgoing` gives is said, from the first message on.
    pub(crate) async fn open(
        &mut self,
        outgoing: mpsc::Receiver<FromProxy>,
    ) -> Result<Streaming<ToProxy>, Status> {
        self.ready().await?;
        let request = tonic::Request::new(ReceiverStream::new(outgoing));
        let path = PathAndQuery::from_static(CONNECT);
        let codec = ProstCodec::<FromProxy, ToProxy>::new();
        Ok(self.grpc.streaming(request, path, codec).await?.into_inner())
    }

    /// Has a certificate signed.
    pub(crate) async fn sign(&mut self, request: SignRequest) -> Result<SignResponse, Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static(SIGN);
        let codec = ProstCodec::<SignRequest, SignResponse>::new();
        Ok(self.grpc.unary(tonic::Request::new(request), path, codec).await?.into_inner())
    }

    async fn ready(&mut self) -> Result<(), Status> {
        self.grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))
    }
}

struct Connection {
    requests: SendRequest<Body>,
    driver: AbortHandle,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl GrpcService<Body> for Connection {
    type ResponseBody = Incoming;
    type Error = hyper::Error;
    type Future =
        Pin<Box<dyn Future<Output = Result<http::Response<Incoming>, hyper::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), hyper::Error>> {
        self.requests.poll_ready(context)
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        Box::pin(self.requests.send_request(request))
    }
}
