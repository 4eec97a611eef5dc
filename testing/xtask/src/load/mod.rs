//! Clients of many kinds, who keep asking and take note of everything that goes wrong.
//!
//! Each goes through a proxy's outbound port, as any program does that is told `http_proxy=`. None retries: what fails,
//! fails. All end when they are told to, and in any case after [`Target::requests_max`].

mod http1;
mod http2;
mod stream;
mod tally;
mod tcp;
mod web_socket;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(crate) use tally::{Report, Tally};

/// Whom to ask, and through whom.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The outbound port of the client's proxy.
    pub(crate) proxy: SocketAddr,
    /// `host:port` of an HTTP service.
    pub(crate) http: String,
    /// `host:port` of a TCP service that sends back what it gets.
    pub(crate) tcp: String,
    /// Of each client.
    pub(crate) requests_max: u32,
    /// Between two requests of one client.
    pub(crate) pause: Duration,
}

/// Requests are of one of two classes, in turn: see [`crate::repository`].
fn class(turn: u32) -> &'static str {
    if turn.is_multiple_of(2) { "a" } else { "b" }
}

/// How long one answer may take. Longer is a failure.
const PATIENCE: Duration = Duration::from_secs(10);
/// Kinds of results, if every client gets one.
pub(crate) const KINDS: usize = 14;

/// One of each kind, at work.
#[derive(Debug)]
pub(crate) struct Load {
    clients: JoinSet<()>,
    stop: CancellationToken,
    tally: Arc<Tally>,
}

impl Load {
    pub(crate) fn start(target: &Target) -> Self {
        let (stop, tally) = (CancellationToken::new(), Arc::<Tally>::default());
        let client =
            || Client { target: target.clone(), stop: stop.clone(), tally: Arc::clone(&tally) };
        let mut clients = JoinSet::new();
        clients.spawn(http1::kept(client()));
        clients.spawn(http1::fresh(client()));
        clients.spawn(http2::requests(client()));
        clients.spawn(http2::grpc(client()));
        clients.spawn(web_socket::messages(client()));
        clients.spawn(tcp::kept(client()));
        clients.spawn(tcp::fresh(client()));
        Self { clients, stop, tally }
    }

    /// Lets everybody finish what is under way.
    pub(crate) async fn stop(self) -> Report {
        self.stop.cancel();
        self.finish().await
    }

    /// Waits until everybody has made all of their requests.
    pub(crate) async fn finish(mut self) -> Report {
        while self.clients.join_next().await.is_some() {}
        self.tally.report()
    }
}

/// What a client goes by.
struct Client {
    target: Target,
    stop: CancellationToken,
    tally: Arc<Tally>,
}

impl Client {
    /// Waits for its next turn; none: it is over. What is looked at may be over sooner than the first one.
    async fn turn(&self, done: &mut u32) -> Option<u32> {
        if (self.stop.is_cancelled() && *done > 0) || self.target.requests_max <= *done {
            return None;
        }
        tokio::time::sleep(self.target.pause).await;
        *done += 1;
        Some(*done)
    }

    /// Does one thing, and takes note of what came of it.
    async fn attempt<T>(
        &self,
        kind: &'static str,
        asked: impl Future<Output = Result<T, Failure>>,
    ) -> Option<T> {
        let result = tokio::time::timeout(PATIENCE, asked).await;
        match result.unwrap_or(Err(Failure::TooLate)) {
            Ok(value) => {
                self.tally.succeeded(kind);
                Some(value)
            }
            Err(failure) => {
                self.tally.failed(kind, &failure);
                None
            }
        }
    }
}

/// What can go wrong for a client.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error("no answer within {PATIENCE:?}")]
    TooLate,
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("HTTP: {}", told(.0))]
    Http(#[from] hyper::Error),
    #[error("WebSocket: {0}")]
    WebSocket(#[from] tokio_tungstenite::tungstenite::Error),
    #[error("status {status}: {body}")]
    Status { status: http::StatusCode, body: String },
    #[error("judged by two snapshots: routed by `{routed}`, answered by `{answered}`")]
    Mixed { routed: String, answered: String },
    #[error("what came back is not what was sent")]
    Garbled,
    #[error("the stream ended")]
    Ended,
}

/// With its cause, which hyper keeps to itself.
fn told(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
