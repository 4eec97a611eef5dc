//! Who a peer of the mesh must be: its chain leads to the mesh's roots, its certificate is an SVID, its trust domain
//! is the mesh's, and, where this side calls, its SPIFFE ID is one that was expected. The name that TLS asks for
//! (SNI) says nothing about identity here and is not checked.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{CertificateError, Error, OtherError};

use super::provider::provider;
use super::spiffe::SpiffeId;
use super::svid::{Svid, SvidError};
use super::trust::{Trust, TrustDomains};
use super::verifier::{ClientRule, ClientVerifier, ServerRule, ServerVerifier, Shown};

/// The identities that a server may prove, of which it must prove one.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Expected(pub BTreeSet<SpiffeId>);

impl Expected {
    /// Two IDs that differ only in the trust domain are the same where both domains are the mesh's.
    fn admits(&self, id: &SpiffeId, domains: &TrustDomains) -> bool {
        self.0.contains(id)
            || domains.contains(id.trust_domain())
                && self.0.iter().any(|expected| {
                    expected.path() == id.path() && domains.contains(expected.trust_domain())
                })
    }
}

/// What an SVID must say to be believed.
pub(super) fn admit(
    certificate: &CertificateDer<'_>,
    domains: &TrustDomains,
    expected: Option<&Expected>,
    now: UnixTime,
) -> Result<Svid, SvidError> {
    let svid = Svid::read(certificate)?;
    if !svid.is_valid_at(now) {
        return Err(SvidError::NotValidNow);
    }
    if !domains.contains(svid.id.trust_domain()) {
        return Err(SvidError::ForeignTrustDomain(svid.id));
    }
    match expected {
        Some(expected) if !expected.admits(&svid.id, domains) => {
            Err(SvidError::Unexpected { found: svid.id })
        }
        _ => Ok(svid),
    }
}

/// Any peer of the mesh that calls.
#[derive(Debug)]
pub(super) struct ClientOfMesh {
    domains: TrustDomains,
}

impl ClientOfMesh {
    pub(super) fn verifier(
        trust: &Trust,
    ) -> Result<ClientVerifier<Self>, rustls::server::VerifierBuilderError> {
        let roots = Arc::clone(&trust.roots);
        let chain = WebPkiClientVerifier::builder_with_provider(roots, provider())
            // Which roots there are is nobody's business, and clients of the mesh have one certificate.
            .clear_root_hint_subjects()
            .build()?;
        Ok(ClientVerifier { chain, rule: Self { domains: trust.domains.clone() } })
    }
}

impl ClientRule for ClientOfMesh {
    fn judge(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
        admit(certificate, &self.domains, None, now).map(drop).map_err(refusal)
    }
}

/// A peer of the mesh that is called.
#[derive(Debug)]
pub(super) struct ServerOfMesh {
    trust: Trust,
    expected: Arc<Expected>,
}

impl ServerOfMesh {
    pub(super) fn verifier(trust: &Trust, expected: &Arc<Expected>) -> ServerVerifier<Self> {
        ServerVerifier::new(Self { trust: trust.clone(), expected: Arc::clone(expected) })
    }
}

impl ServerRule for ServerOfMesh {
    fn judge(&self, server: &Shown<'_>) -> Result<(), Error> {
        server.vouched_for(&self.trust.roots)?;
        let domains = &self.trust.domains;
        let admitted = admit(server.certificate, domains, Some(&self.expected), server.now);
        admitted.map(drop).map_err(refusal)
    }
}

/// As rustls reports what a verifier has against a certificate.
fn refusal(error: SvidError) -> Error {
    CertificateError::Other(OtherError(Arc::new(error))).into()
}
