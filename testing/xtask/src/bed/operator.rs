//! What the control runtime tells operators, as any program reads it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1::handshake;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpStream;

/// Of `GET /v1/rollout`, what the suites look at.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Overview {
    pub(crate) confirmed: Option<Version>,
    pub(crate) candidate: Option<Version>,
    pub(crate) serving: usize,
    pub(crate) total: usize,
    pub(crate) proxies: Vec<Proxy>,
    pub(crate) last_ended: Option<Ended>,
    /// Place → what is wrong there.
    pub(crate) problems: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub(crate) struct Version {
    pub(crate) epoch: u64,
    pub(crate) snapshot: String,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Proxy {
    pub(crate) version: Option<Version>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Ended {
    pub(crate) version: Version,
    pub(crate) refusals: Vec<Refusal>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Refusal {
    pub(crate) proxy: String,
    pub(crate) reason: String,
    pub(crate) detail: String,
    pub(crate) source: Option<String>,
}

impl Overview {
    /// Whether all of `proxies` proxies serve `snapshot`, for good.
    pub(crate) fn is_settled_on(&self, snapshot: &str, proxies: usize) -> bool {
        let serves = |version: Option<&Version>| version.is_some_and(|it| it.snapshot == snapshot);
        serves(self.confirmed.as_ref())
            && self.candidate.is_none()
            && (self.serving, self.total) == (proxies, proxies)
            && self.proxies.iter().all(|proxy| serves(proxy.version.as_ref()))
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum AskError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error(transparent)]
    Http(#[from] hyper::Error),
    #[error("the answer of the control runtime: {0}")]
    Json(#[from] serde_json::Error),
    #[error("no answer of the control runtime")]
    TooLate,
}

pub(crate) async fn overview(admin: SocketAddr) -> Result<Overview, AskError> {
    let asked = tokio::time::timeout(Duration::from_secs(5), ask(admin)).await;
    Ok(serde_json::from_slice(&asked.map_err(|_| AskError::TooLate)??)?)
}

async fn ask(admin: SocketAddr) -> Result<Bytes, AskError> {
    let stream = TcpStream::connect(admin).await?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.uri_mut() = http::Uri::from_static("/v1/rollout");
    let host = http::HeaderValue::from_static("localhost");
    request.headers_mut().insert(http::header::HOST, host);
    let response = sender.send_request(request).await?;
    Ok(response.into_body().collect().await?.to_bytes())
}
