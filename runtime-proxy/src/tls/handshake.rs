//! A handshake, bounded in time, and what came of it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use mesh_snapshot::wire::Attributes;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::Acceptor;
use rustls::{CertificateError, ClientConfig, ServerConfig};
use tokio::time::timeout;
use tokio_rustls::{LazyConfigAcceptor, StartHandshake, TlsConnector};

use super::alpn::Agreed;
use super::spiffe::SpiffeId;
use super::svid::SvidError;
use crate::listener::host;
use crate::stream::Stream;

/// How long a client may take for its handshake.
pub(super) const ACCEPT_TIME_MAX: Duration = Duration::from_secs(15);

/// A connection after its handshake.
#[derive(Debug)]
pub struct Secured {
    pub stream: Stream,
    pub agreed: Agreed,
    /// The name that the client asked for (SNI), in lower case.
    pub server_name: Option<String>,
    /// Who is at the other end; `None`: it did not say.
    pub peer: Option<Peer>,
}

/// The other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// What it has proved under the mesh's own trust. A certificate from elsewhere proves none, whatever URI it bears.
    pub identity: Option<SpiffeId>,
    /// What the mesh's authority says of the holder of that identity.
    pub attributes: Option<Attributes>,
    /// The leaf, for what is told of it in headers and logs.
    pub certificate: CertificateDer<'static>,
}

/// Why there is no secured connection.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    #[error("no handshake within {0:?}")]
    TimedOut(Duration),
    /// The connection broke, or the peer ended it.
    #[error("the connection broke: {0}")]
    Broken(io::Error),
    #[error(transparent)]
    Tls(rustls::Error),
    /// Somebody, but not who it should be.
    #[error("the peer is refused: {0}")]
    Peer(SvidError),
    /// The proxy has no identity yet.
    #[error("there is no identity of the mesh to show")]
    NoIdentity,
    /// The server has no certificate that can be used.
    #[error("there is no certificate to show: {0}")]
    NoCertificate(Arc<str>),
    /// No server has the name that the client asked for.
    #[error("no server has the name that was asked for: {0:?}")]
    UnknownName(Option<String>),
}

/// Waits for what the client has to say first, so that a configuration can be chosen by it.
pub(super) async fn hello(stream: Stream) -> Result<StartHandshake<Stream>, HandshakeError> {
    let hello = LazyConfigAcceptor::new(Acceptor::default(), stream);
    bounded(ACCEPT_TIME_MAX, hello).await
}

/// Goes through with it.
pub(super) async fn accept(
    start: StartHandshake<Stream>,
    config: Arc<ServerConfig>,
) -> Result<Secured, HandshakeError> {
    let stream = bounded(ACCEPT_TIME_MAX, start.into_stream(config)).await?;
    let (_, session) = stream.get_ref();
    let agreed = Agreed::of(session.alpn_protocol());
    let server_name = session.server_name().and_then(|name| host(name.as_bytes()));
    let peer = peer(session.peer_certificates());
    Ok(Secured {
        stream: Stream::from(tokio_rustls::TlsStream::from(stream)),
        agreed,
        server_name,
        peer,
    })
}

/// Makes a handshake as the client. How long it may take is up to the caller.
pub(super) async fn connect(
    stream: Stream,
    name: ServerName<'static>,
    config: Arc<ClientConfig>,
) -> Result<Secured, HandshakeError> {
    let stream = TlsConnector::from(config).connect(name, stream).await.map_err(failure)?;
    let (_, session) = stream.get_ref();
    let agreed = Agreed::of(session.alpn_protocol());
    let peer = peer(session.peer_certificates());
    Ok(Secured {
        stream: Stream::from(tokio_rustls::TlsStream::from(stream)),
        agreed,
        server_name: None,
        peer,
    })
}

fn peer(certificates: Option<&[CertificateDer<'static>]>) -> Option<Peer> {
    let certificate = certificates?.first()?.clone().into_owned();
    Some(Peer { identity: None, attributes: None, certificate })
}

/// The time, for judging certificates after a handshake.
pub(super) fn now() -> UnixTime {
    UnixTime::now()
}

async fn bounded<T>(
    limit: Duration,
    handshake: impl Future<Output = io::Result<T>>,
) -> Result<T, HandshakeError> {
    timeout(limit, handshake).await.map_err(|_| HandshakeError::TimedOut(limit))?.map_err(failure)
}

/// What lies behind the `io::Error` that a failed handshake is reported as.
fn failure(error: io::Error) -> HandshakeError {
    let Some(tls) = error.get_ref().and_then(|source| source.downcast_ref::<rustls::Error>())
    else {
        return HandshakeError::Broken(error);
    };
    if let rustls::Error::InvalidCertificate(CertificateError::Other(other)) = tls
        && let Some(refused) = other.0.downcast_ref::<SvidError>()
    {
        return HandshakeError::Peer(refused.clone());
    }
    HandshakeError::Tls(tls.clone())
}
