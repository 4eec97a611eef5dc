//! A small HTTP/1.1 client: one connection a request, or several requests on one.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HttpError {
    #[error("cannot connect: {0}")]
    Connect(io::Error),
    #[error("no answer: {0}")]
    Broken(#[from] hyper::Error),
    #[error("no answer within {} s", .0.as_secs())]
    Late(Duration),
}

/// A connection on which requests follow one another.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    patience: Duration,
}

impl Client {
    /// A request or a handshake may take `patience`, each.
    pub(crate) async fn connect(at: SocketAddr, patience: Duration) -> Result<Self, HttpError> {
        let stream = within(patience, TcpStream::connect(at)).await?.map_err(HttpError::Connect)?;
        Self::over(stream, patience).await
    }

    pub(crate) async fn over<S>(stream: S, patience: Duration) -> Result<Self, HttpError>
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let (sender, connection) = within(patience, handshake(TokioIo::new(stream))).await??;
        // It ends with the sender, or when the other side closes: the next request tells of that.
        tokio::spawn(async { drop(connection.await) });
        Ok(Self { sender, patience })
    }

    pub(crate) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Bytes>, HttpError> {
        let answered = async {
            self.sender.ready().await?;
            let response = self.sender.send_request(request).await?;
            let (head, body) = response.into_parts();
            let body = body.collect().await?.to_bytes();
            Ok::<_, HttpError>(Response::from_parts(head, body))
        };
        within(self.patience, answered).await?
    }

    /// Whether another request can go this way.
    pub(crate) fn is_open(&self) -> bool {
        !self.sender.is_closed()
    }
}

async fn within<T>(patience: Duration, work: impl Future<Output = T>) -> Result<T, HttpError> {
    timeout(patience, work).await.map_err(|_| HttpError::Late(patience))
}
