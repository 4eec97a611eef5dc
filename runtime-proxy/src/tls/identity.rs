//! Who this proxy is, and whom it believes: what every connection of the mesh is secured with.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use super::pem::{self, PemError};
use super::provider::provider;
use super::spiffe::SpiffeId;
use super::svid::{Svid, SvidError};
use super::trust::Trust;

/// An SVID with its key, and the trust that goes with it. Whenever one of them changes there is a new identity, and
/// every configuration made from the old one ends.
#[derive(Clone)]
pub struct Identity {
    pub(super) certified: Arc<CertifiedKey>,
    pub(super) id: SpiffeId,
    pub(super) trust: Trust,
}

impl Identity {
    /// From PEM: the SVID and its issuers without the root, and its private key.
    ///
    /// # Errors
    ///
    /// When a text cannot be read, the certificate proves no SPIFFE ID, or the key is not its key.
    pub fn from_pem(chain: &[u8], key: &[u8], trust: Trust) -> Result<Self, IdentityError> {
        let chain = pem::certificates(chain).map_err(IdentityError::Chain)?;
        let key = pem::private_key(key).map_err(IdentityError::Key)?;
        Self::new(chain, key, trust)
    }

    /// The SVID and its issuers without the root, and its private key.
    ///
    /// # Errors
    ///
    /// When there is no certificate, it proves no SPIFFE ID, or the key is not its key.
    pub fn new(
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        trust: Trust,
    ) -> Result<Self, IdentityError> {
        let leaf = chain.first().ok_or(IdentityError::Chain(PemError::NoCertificate))?;
        let id = Svid::read(leaf)?.id;
        let certified = CertifiedKey::from_der(chain, key, &provider())
            .map_err(|_| IdentityError::KeyOfAnother)?;
        Ok(Self { certified: Arc::new(certified), id, trust })
    }

    #[must_use]
    pub const fn id(&self) -> &SpiffeId {
        &self.id
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Why a certificate and a key are no identity.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum IdentityError {
    #[error("the certificate chain: {0}")]
    Chain(PemError),
    #[error("the private key: {0}")]
    Key(PemError),
    #[error("the private key does not belong to the certificate, or is of an unknown kind")]
    KeyOfAnother,
    #[error(transparent)]
    Svid(#[from] SvidError),
}
