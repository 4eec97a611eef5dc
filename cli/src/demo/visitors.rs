//! Visitors: they look at products through the ingress gateway, over TLS, as long as the tour lasts.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, StatusCode};
use http_body_util::Full;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_rustls::TlsConnector;

use super::tally::{Seen, Tally};
use crate::http::{Client, HttpError};

/// How to get into the shop.
#[derive(Clone)]
pub(crate) struct Door {
    pub at: SocketAddr,
    pub host: String,
    pub tls: Arc<ClientConfig>,
}

pub(crate) struct Visitors {
    tally: Arc<Mutex<Tally>>,
    _visitors: JoinSet<()>,
}

const VISITORS: u32 = 5;
/// Between two requests of one visitor.
const PAUSE: Duration = Duration::from_millis(50);
const PATIENCE: Duration = Duration::from_secs(5);

/// Believes the authority at `roots` and nobody else.
///
/// # Errors
///
/// When the file is no certificate.
pub(crate) fn tls(roots: &Path) -> io::Result<Arc<ClientConfig>> {
    let wrong =
        |error: &dyn std::fmt::Display| io::Error::other(format!("{}: {error}", roots.display()));
    let root = CertificateDer::from_pem_file(roots).map_err(|error| wrong(&error))?;
    let mut store = RootCertStore::empty();
    store.add(root).map_err(|error| wrong(&error))?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| wrong(&error))?
        .with_root_certificates(store)
        .with_no_client_auth();
    Ok(Arc::new(config))
}

impl Door {
    /// A new connection.
    pub(crate) async fn enter(&self) -> Result<Client, HttpError> {
        let name = ServerName::try_from(self.host.clone())
            .map_err(|error| HttpError::Connect(io::Error::other(error)))?;
        let connected = async {
            let stream = TcpStream::connect(self.at).await?;
            TlsConnector::from(self.tls.clone()).connect(name, stream).await
        };
        let stream = timeout(PATIENCE, connected).await.map_err(|_| HttpError::Late(PATIENCE))?;
        Client::over(stream.map_err(HttpError::Connect)?, PATIENCE).await
    }

    /// A request to the shop.
    pub(crate) async fn get(
        &self,
        client: &mut Client,
        path: &str,
        headers: &HeaderMap,
    ) -> Result<Response<Bytes>, HttpError> {
        let mut request = Request::new(Full::default());
        *request.uri_mut() = path.parse().unwrap_or_default();
        *request.headers_mut() = headers.clone();
        if let Ok(host) = self.host.parse() {
            request.headers_mut().insert(http::header::HOST, host);
        }
        client.send(request).await
    }
}

impl Visitors {
    /// Nobody, yet.
    pub(crate) fn wait_outside() -> Self {
        Self { tally: Arc::default(), _visitors: JoinSet::new() }
    }

    pub(crate) fn come(door: &Door) -> Self {
        let tally = Arc::<Mutex<Tally>>::default();
        let mut visitors = JoinSet::new();
        for number in 0..VISITORS {
            let (door, tally) = (door.clone(), tally.clone());
            visitors.spawn(async move {
                // Not all at once.
                tokio::time::sleep(PAUSE / VISITORS * number).await;
                visit(&door, &tally).await;
            });
        }
        Self { tally, _visitors: visitors }
    }

    /// Up to now.
    pub(crate) fn tally(&self) -> Tally {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns once so many more requests were answered, or after `patience`; what happened meanwhile.
    pub(crate) async fn wait_for(&self, requests: u64, patience: Duration) -> Tally {
        let (before, deadline) = (self.tally(), Instant::now() + patience);
        loop {
            let since = &self.tally() - &before;
            if since.requests() >= requests || Instant::now() >= deadline {
                return since;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

async fn visit(door: &Door, tally: &Mutex<Tally>) {
    let mut client: Option<Client> = None;
    let mut pace = interval(PAUSE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        pace.tick().await;
        let seen = look(door, &mut client).await;
        tally.lock().unwrap_or_else(PoisonError::into_inner).count(seen);
    }
}

/// Looks at one product. A connection is kept as long as it lasts.
async fn look(door: &Door, kept: &mut Option<Client>) -> Seen {
    let started = Instant::now();
    let answered = async {
        let mut client = match kept.take().filter(Client::is_open) {
            Some(client) => client,
            None => door.enter().await?,
        };
        let answer = door.get(&mut client, "/products/1", &HeaderMap::new()).await?;
        *kept = Some(client);
        Ok::<_, HttpError>(answer)
    };
    let Ok(answer) = answered.await else { return Seen::Failure };
    match version(&answer) {
        Some(version) => Seen::Page { version, took: started.elapsed() },
        None => Seen::Failure,
    }
}

/// Of the reviews on a page; `None`: it is no page.
pub(crate) fn version(answer: &Response<Bytes>) -> Option<String> {
    let page = page(answer)?;
    page.pointer("/reviews/version").and_then(Value::as_str).map(str::to_owned)
}

pub(crate) fn page(answer: &Response<Bytes>) -> Option<Value> {
    if answer.status() != StatusCode::OK {
        return None;
    }
    serde_json::from_slice(answer.body()).ok()
}
