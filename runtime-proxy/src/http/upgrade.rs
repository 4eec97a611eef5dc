//! Connections that stop being HTTP: `upgrade` (RFC 9110 §7.8), as for WebSocket, and `CONNECT` (§9.3.6).
//!
//! Whether a client may is for the filters to say. One that may puts its [`Upgrade`] into the extensions of the request that
//! goes to the server, which is asked for it then; else the wish ends at this hop.

use http::header::{CONNECTION, HeaderMap, HeaderValue, UPGRADE};
use http::{Request, Response, StatusCode, Version};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;

use super::activity::Watched;
use super::body::{Body, Held};
use super::hop::has_token;
use crate::stream::{CopyLimits, End, Meter, Stream, copy};

/// What a client would like to speak instead.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Upgrade {
    protocol: HeaderValue,
}

impl Upgrade {
    /// What `request` asks for, if anything. HTTP/2 knows no such thing.
    #[must_use]
    pub fn wanted(request: &Request<Body>) -> Option<Self> {
        let is_asked = request.version() == Version::HTTP_11
            && has_token(request.headers(), &CONNECTION, b"upgrade");
        let protocol = request.headers().get(UPGRADE).filter(|_| is_asked)?;
        Some(Self { protocol: protocol.clone() })
    }

    /// For instance `websocket`, in whatever case the client wrote it.
    #[must_use]
    pub const fn protocol(&self) -> &HeaderValue {
        &self.protocol
    }

    pub(super) fn ask(self, headers: &mut HeaderMap) {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, self.protocol);
    }
}

/// Whether a server switches protocols for a client that has not asked for it. What follows would be bytes that
/// the client takes for answers, so the answer must not be passed on.
#[must_use]
pub fn is_unasked_switch(response: &Response<Body>, asked: Option<&Upgrade>) -> bool {
    response.status() == StatusCode::SWITCHING_PROTOCOLS
        && !asked.is_some_and(|asked| {
            response.headers().get(UPGRADE).is_some_and(|switched| {
                switched.as_bytes().eq_ignore_ascii_case(asked.protocol.as_bytes())
            })
        })
}

/// One end of a connection that is to become a stream of bytes.
pub struct Side(OnUpgrade);

impl Side {
    /// The client's, taken from a request that asks for an upgrade or is a `CONNECT`, both over HTTP/1.1.
    #[must_use]
    pub fn of_client(request: &mut Request<Body>) -> Self {
        Self(hyper::upgrade::on(request))
    }

    /// Waits until the answer that grants it has gone out.
    ///
    /// # Errors
    ///
    /// When the connection ends before, or was never to be upgraded.
    pub async fn stream(self) -> Result<TokioIo<Upgraded>, UpgradeError> {
        self.0.await.map(TokioIo::new).map_err(|error| UpgradeError(Some(error)))
    }
}

impl Side {
    /// The client's connection itself, when the answer that grants it has gone out. What was read of it already is read again.
    ///
    /// # Errors
    ///
    /// As [`Side::stream`].
    pub async fn connection(self) -> Result<Stream, UpgradeError> {
        let upgraded = self.0.await.map_err(|error| UpgradeError(Some(error)))?;
        let parts = upgraded.downcast::<TokioIo<Watched>>().map_err(|_| UpgradeError(None))?;
        Ok(parts.io.into_inner().stream.replaying(parts.read_buf))
    }
}

/// An upgrade did not come about.
#[derive(Debug, thiserror::Error)]
#[error("the connection was not upgraded")]
pub struct UpgradeError(#[source] Option<hyper::Error>);

/// A client and a server that have agreed to speak something else.
pub struct Tunnel {
    client: Side,
    server: Side,
    held: Option<Box<dyn Held>>,
}

impl Tunnel {
    /// Of a `response` that switches protocols. What its body holds, the tunnel holds from now on.
    #[must_use]
    pub fn new(client: Side, response: &mut Response<Body>) -> Self {
        let server = Side(hyper::upgrade::on(&mut *response));
        Self { client, server, held: response.body_mut().take_held() }
    }

    /// Passes bytes between the two. To be run on its own while the response goes to the client.
    ///
    /// # Errors
    ///
    /// When one of them goes away before the protocols are switched.
    pub async fn run(self, limits: CopyLimits, meter: &Meter) -> Result<End, UpgradeError> {
        let Self { client, server, held } = self;
        let (client, server) = tokio::join!(client.stream(), server.stream());
        let end = copy(&mut client?, &mut server?, limits, meter).await;
        drop(held);
        Ok(end)
    }
}

#[cfg(test)]
mod tests {
    use http::{Request, Response, StatusCode, Version};

    use super::{Upgrade, is_unasked_switch};
    use crate::http::Body;

    fn asking(connection: &str, version: Version) -> Request<Body> {
        let builder = Request::builder().version(version).header("upgrade", "WebSocket");
        builder.header("connection", connection).body(Body::empty()).unwrap()
    }

    #[test]
    fn a_wish_needs_both_fields_and_the_version() {
        assert!(Upgrade::wanted(&asking("keep-alive, Upgrade", Version::HTTP_11)).is_some());
        assert_eq!(Upgrade::wanted(&asking("keep-alive", Version::HTTP_11)), None);
        assert_eq!(Upgrade::wanted(&asking("upgrade", Version::HTTP_10)), None);
        assert_eq!(Upgrade::wanted(&asking("upgrade", Version::HTTP_2)), None);
    }

    #[test]
    fn a_switch_must_be_the_one_that_was_asked_for() {
        let asked = Upgrade::wanted(&asking("upgrade", Version::HTTP_11));
        let switch = |protocol: &str| {
            let builder = Response::builder().status(StatusCode::SWITCHING_PROTOCOLS);
            builder.header("upgrade", protocol).body(Body::empty()).unwrap()
        };
        assert!(!is_unasked_switch(&switch("websocket"), asked.as_ref()));
        assert!(is_unasked_switch(&switch("h2c"), asked.as_ref()));
        assert!(is_unasked_switch(&switch("websocket"), None));
        assert!(!is_unasked_switch(&Response::new(Body::empty()), None));
    }
}
