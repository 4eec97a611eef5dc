//! A key of one's own, and a certificate for it that is what it should be.

use std::time::Duration;

use mesh_snapshot::object::Bytes;
use mesh_snapshot::wire::SignResponse;
use rcgen::{CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, UnixTime};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;

use crate::agent::store::StoredIdentity;
use crate::agent::stream::spiffe_id;
use crate::world::Identity;

/// A key that nobody has certified yet.
pub(super) struct NewKey(KeyPair);

/// Why what came is no identity.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadIdentity {
    #[error("a key cannot be made: {0}")]
    Key(rcgen::Error),
    #[error("the answer has no certificate that can be read")]
    NoCertificate,
    #[error("the answer has no roots that can be read")]
    NoRoots,
    #[error("the certificate is for another key")]
    OtherKey,
    #[error("the certificate is for {found:?}, and this proxy is {expected}")]
    OtherIdentity { found: Option<String>, expected: String },
    #[error("the trust domain is {found}, and this proxy's is {expected}")]
    OtherTrustDomain { found: String, expected: String },
    #[error("the certificate leads to none of the roots: {0}")]
    Chain(webpki::Error),
}

impl NewKey {
    /// A new key: ECDSA, P-256.
    pub(super) fn make() -> Result<Self, BadIdentity> {
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).map(Self).map_err(BadIdentity::Key)
    }

    /// A request to sign it, in DER. It names nobody: who the proxy is, it proves otherwise.
    pub(super) fn request(&self) -> Result<Vec<u8>, BadIdentity> {
        let request = CertificateParams::default().serialize_request(&self.0);
        Ok(request.map_err(BadIdentity::Key)?.der().to_vec())
    }

    /// The identity that `response` makes of the key.
    pub(super) fn identity(
        self,
        response: &SignResponse,
        expected: &Expected,
    ) -> Result<Identity, BadIdentity> {
        let chain = certificates(&response.certificate_chain).ok_or(BadIdentity::NoCertificate)?;
        let roots = certificates(&response.roots).ok_or(BadIdentity::NoRoots)?;
        if response.trust_domain != expected.trust_domain {
            let (found, expected) = (response.trust_domain.clone(), expected.trust_domain.clone());
            return Err(BadIdentity::OtherTrustDomain { found, expected });
        }
        let key = PrivateKeyDer::Pkcs8(self.0.serialize_der().into());
        let identity = expected.check(chain, key, roots)?;
        let leaf = identity.chain.first().ok_or(BadIdentity::NoCertificate)?;
        let parsed = parse(leaf)?;
        if parsed.public_key().subject_public_key.data.as_ref() != self.0.public_key_raw() {
            return Err(BadIdentity::OtherKey);
        }
        Ok(identity)
    }
}

/// Who a proxy must be.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    pub(super) id: String,
    pub(super) trust_domain: String,
}

impl Expected {
    /// What the disk remembers, if it is this proxy's.
    pub(super) fn read(&self, stored: StoredIdentity) -> Result<Identity, BadIdentity> {
        let StoredIdentity { key, chain, trust_domain, roots } = stored;
        if trust_domain != self.trust_domain {
            let (found, expected) = (trust_domain, self.trust_domain.clone());
            return Err(BadIdentity::OtherTrustDomain { found, expected });
        }
        let der = |bytes: Bytes| CertificateDer::from(bytes.0);
        let key = PrivateKeyDer::Pkcs8(key.0.into());
        self.check(chain.into_iter().map(der).collect(), key, roots.into_iter().map(der).collect())
    }

    fn check(
        &self,
        chain: Vec<CertificateDer<'static>>,
        key: PrivateKeyDer<'static>,
        roots: Vec<CertificateDer<'static>>,
    ) -> Result<Identity, BadIdentity> {
        let leaf = chain.first().ok_or(BadIdentity::NoCertificate)?;
        let found = spiffe_id(leaf);
        if found.as_ref() != Some(&self.id) {
            return Err(BadIdentity::OtherIdentity { found, expected: self.id.clone() });
        }
        let validity = parse(leaf)?.validity().clone();
        let seconds = |time: i64| u64::try_from(time).unwrap_or(0);
        let valid =
            seconds(validity.not_before.timestamp())..seconds(validity.not_after.timestamp());
        // Half-way through its life: this proxy's clock may be wrong, and others judge by theirs.
        let then = valid.start.midpoint(valid.end);
        verify(&chain, &roots, then).map_err(BadIdentity::Chain)?;
        let (id, trust_domain) = (self.id.clone(), self.trust_domain.clone());
        Ok(Identity { id, trust_domain, chain, key, roots, valid })
    }
}

/// An identity, for the disk.
pub(super) fn store(identity: &Identity) -> StoredIdentity {
    let bytes = |der: &CertificateDer<'_>| Bytes(der.to_vec());
    StoredIdentity {
        key: Bytes(identity.key.secret_der().to_vec()),
        chain: identity.chain.iter().map(bytes).collect(),
        trust_domain: identity.trust_domain.clone(),
        roots: identity.roots.iter().map(bytes).collect(),
    }
}

/// The certificates in PEM text; none unless there is at least one, and all can be read.
pub(super) fn certificates(pem: &[u8]) -> Option<Vec<CertificateDer<'static>>> {
    let read: Vec<_> = CertificateDer::pem_slice_iter(pem).collect::<Result<_, _>>().ok()?;
    let readable = |der: &CertificateDer<'_>| X509Certificate::from_der(der).is_ok();
    (!read.is_empty() && read.iter().all(readable)).then_some(read)
}

fn parse<'a>(der: &'a CertificateDer<'_>) -> Result<X509Certificate<'a>, BadIdentity> {
    X509Certificate::from_der(der).map(|(_, parsed)| parsed).map_err(|_| BadIdentity::NoCertificate)
}

fn verify(
    chain: &[CertificateDer<'static>],
    roots: &[CertificateDer<'static>],
    at: u64,
) -> Result<(), webpki::Error> {
    let [leaf, issuers @ ..] = chain else { return Err(webpki::Error::UnknownIssuer) };
    let anchors: Vec<_> =
        roots.iter().filter_map(|root| webpki::anchor_from_trusted_cert(root).ok()).collect();
    let algorithms = aws_lc_rs::default_provider().signature_verification_algorithms.all;
    let at = UnixTime::since_unix_epoch(Duration::from_secs(at));
    let usage = webpki::KeyUsage::client_auth();
    webpki::EndEntityCert::try_from(leaf)?
        .verify_for_usage(algorithms, &anchors, issuers, at, usage, None, None)
        .map(drop)
}
