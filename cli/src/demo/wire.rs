//! How the shop's services speak: plain HTTP/1.1 on loopback, to callers and to their own proxies.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::http::{Client, HttpError};

pub(super) type Reply = Response<Full<Bytes>>;

/// How long a service waits for another; longer than any timeout of the shop's policy.
const PATIENCE: Duration = Duration::from_secs(10);

/// The way to others: a service's own outbound proxy.
#[derive(Clone)]
pub(crate) struct Outbound {
    proxy: SocketAddr,
    idle: Arc<Mutex<Vec<Client>>>,
}

impl Outbound {
    pub(crate) fn new(proxy: SocketAddr) -> Self {
        Self { proxy, idle: Arc::default() }
    }

    /// Sends a request to `url` as to an HTTP proxy.
    ///
    /// # Errors
    ///
    /// When there is no whole answer.
    pub(crate) async fn send(
        &self,
        method: &str,
        url: &str,
        headers: &HeaderMap,
    ) -> Result<Response<Bytes>, HttpError> {
        let mut request = Request::new(Full::default());
        let uri: http::Uri = url.parse().unwrap_or_default();
        *request.method_mut() = method.parse().unwrap_or_default();
        *request.headers_mut() = headers.clone();
        if let Some(host) = uri.authority().and_then(|it| it.as_str().parse().ok()) {
            request.headers_mut().insert(http::header::HOST, host);
        }
        *request.uri_mut() = uri;
        let mut client = match self.take() {
            Some(client) => client,
            None => Client::connect(self.proxy, PATIENCE).await?,
        };
        let response = client.send(request).await?;
        self.idle().push(client);
        Ok(response)
    }

    fn take(&self) -> Option<Client> {
        let mut idle = self.idle();
        idle.retain(Client::is_open);
        idle.pop()
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Client>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Answers requests at `at` for as long as it is polled.
///
/// # Errors
///
/// When the address cannot be had.
pub(super) async fn serve<H, F>(at: SocketAddr, handle: H) -> io::Result<()>
where
    H: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Reply> + Send + 'static,
{
    let listener = TcpListener::bind(at).await?;
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_) = connections.join_next() => continue,
        };
        // A connection that is gone before it was accepted is nobody's loss.
        let Ok((stream, _)) = accepted else { continue };
        let handle = handle.clone();
        let service = service_fn(move |request| {
            let answer = handle(request);
            async { Ok::<_, Infallible>(answer.await) }
        });
        connections.spawn(async move {
            let http = hyper::server::conn::http1::Builder::new();
            drop(http.serve_connection(TokioIo::new(stream), service).await);
        });
    }
}
