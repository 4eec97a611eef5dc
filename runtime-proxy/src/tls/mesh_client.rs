//! Calls peers of the mesh with mutual TLS, and believes only who was expected.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;

use super::alpn::{self, Offer};
use super::handshake::{self, HandshakeError, Secured};
use super::identity::Identity;
use super::mesh_verifier::{Expected, ServerOfMesh, admit};
use super::provider::provider;
use super::trust::TrustDomains;
use crate::stream::Stream;
use crate::world::{Version, Watched};

/// Of one thread. Keeps a configuration for each set of identities and each offer, until the proxy's own identity or
/// its trust changes.
pub struct MeshClient {
    identity: Arc<Watched<Identity>>,
    built: RefCell<Built>,
}

#[derive(Default)]
struct Built {
    version: Version,
    domains: TrustDomains,
    configs: HashMap<(Arc<Expected>, Offer), Arc<ClientConfig>>,
}

/// More are not kept.
const CONFIGS_MAX: usize = 1024;
/// For each configuration, and so towards one set of identities.
const SESSIONS_MAX: usize = 64;

impl MeshClient {
    #[must_use]
    pub fn new(identity: Arc<Watched<Identity>>) -> Self {
        Self { identity, built: RefCell::default() }
    }

    /// Makes the handshake. The peer of the connection has one of the `expected` identities.
    ///
    /// # Errors
    ///
    /// When the handshake fails, the peer is somebody else, or this proxy has no identity yet.
    pub async fn connect(
        &self,
        stream: Stream,
        name: ServerName<'static>,
        expected: &Arc<Expected>,
        offer: Offer,
    ) -> Result<Secured, HandshakeError> {
        let (config, domains) = self.config(expected, offer)?;
        let mut secured = handshake::connect(stream, name, config).await?;
        if let Some(peer) = &mut secured.peer {
            // Again, since a resumed session has not been verified.
            let svid = admit(&peer.certificate, &domains, Some(expected), handshake::now());
            peer.identity = Some(svid.map_err(HandshakeError::Peer)?.id);
        }
        Ok(secured)
    }

    fn config(
        &self,
        expected: &Arc<Expected>,
        offer: Offer,
    ) -> Result<(Arc<ClientConfig>, TrustDomains), HandshakeError> {
        let built = &mut *self.built.borrow_mut();
        let version = self.identity.version();
        let identity = self.identity.get().ok_or(HandshakeError::NoIdentity)?;
        if built.version != version || CONFIGS_MAX <= built.configs.len() {
            let domains = identity.trust.domains.clone();
            *built = Built { version, domains, configs: HashMap::new() };
        }
        let key = (Arc::clone(expected), offer);
        let config = if let Some(config) = built.configs.get(&key) {
            Arc::clone(config)
        } else {
            let config = Arc::new(config(&identity, expected, offer)?);
            built.configs.insert(key, Arc::clone(&config));
            config
        };
        Ok((config, built.domains.clone()))
    }
}

impl fmt::Debug for MeshClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MeshClient").finish_non_exhaustive()
    }
}

fn config(
    identity: &Identity,
    expected: &Arc<Expected>,
    offer: Offer,
) -> Result<ClientConfig, HandshakeError> {
    let verifier = ServerOfMesh::verifier(&identity.trust, expected);
    let certificate = SingleCertAndKey::from(Arc::clone(&identity.certified));
    let mut config = ClientConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .map_err(HandshakeError::Tls)?
        .dangerous() // rustls' word for a verifier that is not its own
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_client_cert_resolver(Arc::new(certificate));
    config.alpn_protocols = alpn::owned(offer.to_mesh());
    config.resumption = Resumption::in_memory_sessions(SESSIONS_MAX);
    Ok(config)
}
