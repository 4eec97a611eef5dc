//! Who a peer of the mesh must be: its chain leads to the mesh's roots, its certificate is an SVID, its trust domain
//! is the mesh's, and, where this side calls, its SPIFFE ID is one that was expected. The name that TLS asks for
//! (SNI) says nothing about identity here and is not checked.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme,
};

use super::provider::provider;
use super::spiffe::SpiffeId;
use super::svid::{Svid, SvidError};
use super::trust::{Trust, TrustDomains};

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
    chain: Arc<dyn ClientCertVerifier>,
    domains: TrustDomains,
}

impl ClientOfMesh {
    pub(super) fn new(trust: &Trust) -> Result<Self, rustls::server::VerifierBuilderError> {
        let roots = Arc::clone(&trust.roots);
        let chain = WebPkiClientVerifier::builder_with_provider(roots, provider())
            // Which roots there are is nobody's business, and clients of the mesh have one certificate.
            .clear_root_hint_subjects()
            .build()?;
        Ok(Self { chain, domains: trust.domains.clone() })
    }
}

impl ClientCertVerifier for ClientOfMesh {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.chain.verify_client_cert(end_entity, intermediates, now)?;
        admit(end_entity, &self.domains, None, now).map_err(refusal)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}

/// A peer of the mesh that is called.
#[derive(Debug)]
pub(super) struct ServerOfMesh {
    trust: Trust,
    expected: Arc<Expected>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl ServerOfMesh {
    pub(super) fn new(trust: &Trust, expected: &Arc<Expected>) -> Self {
        let algorithms = provider().signature_verification_algorithms;
        Self { trust: trust.clone(), expected: Arc::clone(expected), algorithms }
    }
}

impl ServerCertVerifier for ServerOfMesh {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let parsed = ParsedCertificate::try_from(end_entity)?;
        verify_server_cert_signed_by_trust_anchor(
            &parsed,
            &self.trust.roots,
            intermediates,
            now,
            self.algorithms.all,
        )?;
        admit(end_entity, &self.trust.domains, Some(&self.expected), now).map_err(refusal)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// As rustls reports what a verifier has against a certificate.
fn refusal(error: SvidError) -> Error {
    CertificateError::Other(OtherError(Arc::new(error))).into()
}
