//! Ends the mesh's mutual TLS: any peer of the mesh may call, and says who it is.

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use rustls::ServerConfig;
use rustls::server::NoServerSessionStorage;
use rustls::sign::SingleCertAndKey;
use tokio_rustls::StartHandshake;

use super::alpn;
use super::handshake::{self, HandshakeError, Secured};
use super::identity::Identity;
use super::mesh_verifier::{ClientOfMesh, admit};
use super::provider::provider;
use super::ticket;
use super::trust::TrustDomains;
use crate::stream::Stream;
use crate::world::{Version, Watched};

/// Shared by the threads of a process.
pub struct MeshServer {
    identity: Arc<Watched<Identity>>,
    built: ArcSwapOption<Built>,
}

/// What was made from one version of the identity.
struct Built {
    version: Version,
    domains: TrustDomains,
    /// Agrees on a protocol.
    agreeing: Arc<ServerConfig>,
    /// For clients that offer nothing it knows: rustls would refuse them, where Envoy goes on without.
    silent: Arc<ServerConfig>,
}

impl MeshServer {
    #[must_use]
    pub fn new(identity: Arc<Watched<Identity>>) -> Self {
        Self { identity, built: ArcSwapOption::empty() }
    }

    /// Makes the handshake. The peer of the connection has an identity.
    ///
    /// # Errors
    ///
    /// When the handshake fails, the peer is not of the mesh, or this proxy has no identity yet.
    pub async fn accept(&self, stream: Stream) -> Result<Secured, HandshakeError> {
        self.go_on(handshake::hello(stream).await?).await
    }

    /// The same, after the client's first message.
    pub(super) async fn go_on(
        &self,
        start: StartHandshake<Stream>,
    ) -> Result<Secured, HandshakeError> {
        let built = self.built()?;
        let is_known = |offered: &[u8]| alpn::SERVER.contains(&offered);
        let agrees = start.client_hello().alpn().is_none_or(|mut offers| offers.any(is_known));
        let config = Arc::clone(if agrees { &built.agreeing } else { &built.silent });
        let mut secured = handshake::accept(start, config).await?;
        if let Some(peer) = &mut secured.peer {
            // Again, since a resumed session has not been verified.
            let svid = admit(&peer.certificate, &built.domains, None, handshake::now());
            let svid = svid.map_err(HandshakeError::Peer)?;
            (peer.identity, peer.attributes) = (Some(svid.id), svid.attributes);
        }
        Ok(secured)
    }

    fn built(&self) -> Result<Arc<Built>, HandshakeError> {
        let version = self.identity.version();
        if let Some(built) = self.built.load_full()
            && built.version == version
        {
            return Ok(built);
        }
        let identity = self.identity.get().ok_or(HandshakeError::NoIdentity)?;
        let built = Arc::new(Built::new(version, &identity)?);
        self.built.store(Some(Arc::clone(&built)));
        Ok(built)
    }
}

impl fmt::Debug for MeshServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeshServer").finish_non_exhaustive()
    }
}

impl Built {
    fn new(version: Version, identity: &Identity) -> Result<Self, HandshakeError> {
        let verifier = ClientOfMesh::verifier(&identity.trust)
            .map_err(|error| HandshakeError::Tls(rustls::Error::General(error.to_string())))?;
        let resolver = SingleCertAndKey::from(Arc::clone(&identity.certified));
        let mut silent = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(HandshakeError::Tls)?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_cert_resolver(Arc::new(resolver));
        silent.ticketer = ticket::short_lived().map_err(HandshakeError::Tls)?;
        silent.session_storage = Arc::new(NoServerSessionStorage {});
        silent.send_tls13_tickets = 1; // each bears the client's whole chain
        let mut agreeing = silent.clone();
        agreeing.alpn_protocols = alpn::owned(alpn::SERVER);
        let domains = identity.trust.domains.clone();
        Ok(Self { version, domains, agreeing: Arc::new(agreeing), silent: Arc::new(silent) })
    }
}
