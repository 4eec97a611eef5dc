//! What this proxy proves to others, and by whom others are believed.

use std::ops::Range;

use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// An X.509-SVID with its key, and the roots of the mesh. Replaced whole: key and certificate always belong together.
#[derive(Debug)]
pub struct Identity {
    /// `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`.
    pub id: String,
    pub trust_domain: String,
    /// The proxy's own certificate, then its issuers without the root.
    pub chain: Vec<CertificateDer<'static>>,
    /// ECDSA, P-256.
    pub key: PrivateKeyDer<'static>,
    /// More than one while they change.
    pub roots: Vec<CertificateDer<'static>>,
    /// From the certificate, in seconds since 1970.
    pub valid: Range<u64>,
}

impl Clone for Identity {
    fn clone(&self) -> Self {
        Self {
            id: self.id.clone(),
            trust_domain: self.trust_domain.clone(),
            chain: self.chain.clone(),
            key: self.key.clone_key(),
            roots: self.roots.clone(),
            valid: self.valid.clone(),
        }
    }
}
