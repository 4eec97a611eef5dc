//! A certificate authority for one trust domain, and the certificates of a control runtime.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mesh_snapshot::wire::{SignRequest, SignResponse};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateSigningRequestParams, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, string::Ia5String,
};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

pub const TRUST_DOMAIN: &str = "cluster.local";
pub const CONTROL: &str = "spiffe://cluster.local/ns/mesh-system/sa/control";
pub const WEB: &str = "spiffe://cluster.local/ns/shop/sa/web";

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub root: CertificateDer<'static>,
    pub root_pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        params.distinguished_name.push(rcgen::DnType::CommonName, key.public_key_pem());
        let root = params.self_signed(&key).unwrap();
        let (root_pem, der) = (root.pem(), root.der().clone());
        Self { issuer: Issuer::new(params, key), root: der, root_pem }
    }

    pub fn write_root(&self, path: &Path) {
        std::fs::write(path, &self.root_pem).unwrap();
    }

    /// Signs for `id`, valid from `valid.0` to `valid.1`, in seconds since 1970.
    pub fn sign(&self, request: &SignRequest, id: &str, valid: (u64, u64)) -> SignResponse {
        let mut csr =
            CertificateSigningRequestParams::from_der(&request.csr.clone().into()).unwrap();
        csr.params = params(id, valid);
        let certificate = csr.signed_by(&self.issuer).unwrap();
        SignResponse {
            certificate_chain: certificate.pem().into_bytes(),
            roots: self.root_pem.clone().into_bytes(),
            trust_domain: TRUST_DOMAIN.to_owned(),
        }
    }

    /// What a server proves itself with.
    pub fn server(&self, id: &str) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let key = KeyPair::generate().unwrap();
        let certificate = params(id, (0, 4_000_000_000)).signed_by(&key, &self.issuer).unwrap();
        (vec![certificate.der().clone()], PrivateKeyDer::Pkcs8(key.serialize_der().into()))
    }

    /// Takes connections with a certificate of this authority, and without one.
    pub fn tls(&self, id: &str) -> Arc<rustls::ServerConfig> {
        self.tls_believing(id, &[self])
    }

    /// The same, with certificates of others.
    pub fn tls_believing(&self, id: &str, believed: &[&Self]) -> Arc<rustls::ServerConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        for authority in believed {
            roots.add(authority.root.clone()).unwrap();
        }
        let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(
            Arc::new(roots),
            Arc::clone(&provider),
        );
        let verifier = verifier.allow_unauthenticated().build().unwrap();
        let (chain, key) = self.server(id);
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain, key)
            .unwrap();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Arc::new(config)
    }
}

fn params(id: &str, (begin, end): (u64, u64)) -> CertificateParams {
    let time = |seconds| rcgen::date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds);
    let mut params = CertificateParams::default();
    params.subject_alt_names = vec![SanType::URI(Ia5String::try_from(id).unwrap())];
    params.not_before = time(begin);
    params.not_after = time(end);
    params
}
