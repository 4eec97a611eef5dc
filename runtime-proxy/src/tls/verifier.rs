//! rustls' verifiers without what is different in each: who a peer must be, which a rule says. The rest is the same for
//! all of them, and is left to rustls: whether a chain leads to a root, and whether who shows a certificate has its key.

use std::fmt::Debug;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};

use super::provider::provider;

/// What a server shows of itself.
pub(crate) struct Shown<'a> {
    pub(crate) certificate: &'a CertificateDer<'a>,
    intermediates: &'a [CertificateDer<'a>],
    /// What it was asked for.
    pub(crate) name: &'a ServerName<'a>,
    pub(crate) now: UnixTime,
}

impl Shown<'_> {
    /// The certificate, whose chain leads to one of `roots`.
    pub(crate) fn vouched_for(
        &self,
        roots: &RootCertStore,
    ) -> Result<ParsedCertificate<'_>, Error> {
        let parsed = ParsedCertificate::try_from(self.certificate)?;
        let algorithms = provider().signature_verification_algorithms.all;
        let (intermediates, now) = (self.intermediates, self.now);
        verify_server_cert_signed_by_trust_anchor(&parsed, roots, intermediates, now, algorithms)?;
        Ok(parsed)
    }
}

/// Whom a client calls.
pub(crate) trait ServerRule: Debug + Send + Sync {
    /// Whether the server may be talked to: who vouches for it, too, is the rule's.
    fn judge(&self, server: &Shown<'_>) -> Result<(), Error>;
}

/// Believes the servers that a rule lets pass.
#[derive(Debug)]
pub(crate) struct ServerVerifier<R> {
    rule: R,
    algorithms: WebPkiSupportedAlgorithms,
}

impl<R> ServerVerifier<R> {
    pub(crate) fn new(rule: R) -> Self {
        Self { rule, algorithms: provider().signature_verification_algorithms }
    }
}

impl<R: ServerRule> ServerCertVerifier for ServerVerifier<R> {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.rule.judge(&Shown { certificate, intermediates, name, now })?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

/// Whom a server lets in, of those whose chain leads to a root.
pub(super) trait ClientRule: Debug + Send + Sync {
    fn judge(&self, certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error>;
}

/// Believes the clients that `chain` and then a rule let pass.
#[derive(Debug)]
pub(super) struct ClientVerifier<R> {
    pub(super) chain: Arc<dyn ClientCertVerifier>,
    pub(super) rule: R,
}

impl<R: ClientRule> ClientCertVerifier for ClientVerifier<R> {
    fn client_auth_mandatory(&self) -> bool {
        self.chain.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.chain.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.chain.verify_client_cert(certificate, intermediates, now)?;
        self.rule.judge(certificate, now)?;
        Ok(verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.chain.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chain.supported_verify_schemes()
    }
}
