//! Secrets in folders: `<namespace>/<name>/`, with the file names of a Kubernetes TLS secret.
//!
//! No rollout tries a secret before it is served, so what cannot be meant is not handed on: half a file, or the key of another certificate.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::aws_lc_rs::default_provider;
use rustls::sign::SigningKey;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer as _;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::Secret;

const CERTIFICATE_CHAIN: &str = "tls.crt";
const PRIVATE_KEY: &str = "tls.key";
const CA: &str = "ca.crt";

/// Why a folder is no secret. What it was before stands.
#[derive(Debug, thiserror::Error)]
pub(super) enum SecretError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("tls.crt and tls.key belong together")]
    Half,
    #[error("{0} is empty")]
    Blank(&'static str),
    #[error("it has none of tls.crt, tls.key and ca.crt")]
    Empty,
    #[error("{file}: {reason}")]
    Content { file: &'static str, reason: String },
    #[error("the key in tls.key is not that of the first certificate in tls.crt")]
    Mismatch,
}

impl Secret {
    /// What it may consist of.
    pub(super) fn files(folder: &Path) -> [PathBuf; 3] {
        [CERTIFICATE_CHAIN, PRIVATE_KEY, CA].map(|name| folder.join(name))
    }

    pub(super) fn read(folder: &Path) -> Result<Self, SecretError> {
        // What is not there is meant; what is there and empty is about to be written.
        let file = |name| match fs::read(folder.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Ok(text) if text.is_empty() => Err(SecretError::Blank(name)),
            read => Ok(read?),
        };
        let secret = Self {
            certificate_chain: file(CERTIFICATE_CHAIN)?,
            private_key: file(PRIVATE_KEY)?,
            ca: file(CA)?,
        };
        if secret.certificate_chain.is_empty() != secret.private_key.is_empty() {
            return Err(SecretError::Half);
        }
        if secret == Self::default() {
            return Err(SecretError::Empty);
        }
        secret.check()?;
        Ok(secret)
    }

    /// Stands for one that is there and cannot be read: whoever has a good one keeps that, and nobody takes it for one that was taken
    /// away.
    pub(super) fn unusable() -> Self {
        Self { certificate_chain: b"it cannot be read".to_vec(), ..Self::default() }
    }

    fn check(&self) -> Result<(), SecretError> {
        if !self.ca.is_empty() {
            certificates(CA, &self.ca)?;
        }
        if self.certificate_chain.is_empty() {
            return Ok(());
        }
        let chain = certificates(CERTIFICATE_CHAIN, &self.certificate_chain)?;
        let key = signer(&self.private_key)?;
        let (Some(own), Some(key)) = (chain.first(), key.public_key()) else { return Ok(()) };
        let of_certificate = X509Certificate::from_der(own);
        let of_certificate = of_certificate.map(|(_, it)| bits(it.public_key()));
        let of_key = SubjectPublicKeyInfo::from_der(&key).map(|(_, it)| bits(&it));
        match (of_certificate, of_key) {
            (Ok(one), Ok(other)) if one != other => Err(SecretError::Mismatch),
            _ => Ok(()),
        }
    }
}

/// Of one algorithm there may be several names; the key itself is written in one way.
fn bits(key: &SubjectPublicKeyInfo<'_>) -> Vec<u8> {
    key.subject_public_key.data.to_vec()
}

/// One at least, and nothing that is none.
fn certificates(
    file: &'static str,
    pem: &[u8],
) -> Result<Vec<CertificateDer<'static>>, SecretError> {
    let content = |reason: String| SecretError::Content { file, reason };
    let read = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    let read = read.map_err(|error| content(error.to_string()))?;
    if read.is_empty() {
        return Err(content("no certificate in PEM".to_owned()));
    }
    for (index, certificate) in read.iter().enumerate() {
        let parsed = X509Certificate::from_der(certificate);
        parsed.map_err(|error| content(format!("certificate {}: {error}", index + 1)))?;
    }
    Ok(read)
}

fn signer(pem: &[u8]) -> Result<Arc<dyn SigningKey>, SecretError> {
    let content = |reason: String| SecretError::Content { file: PRIVATE_KEY, reason };
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|error| content(error.to_string()))?;
    let loaded = default_provider().key_provider.load_private_key(key);
    loaded.map_err(|error| content(error.to_string()))
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey, generate_simple_self_signed};

    use super::*;

    fn pair() -> (String, String) {
        let CertifiedKey { cert, signing_key } =
            generate_simple_self_signed(["front.test".to_owned()]).unwrap();
        (cert.pem(), signing_key.serialize_pem())
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_file() {
        let folder = tempfile::tempdir().unwrap();
        let read = |chain: &str, key: &str, ca: &str| {
            for (name, text) in [(CERTIFICATE_CHAIN, chain), (PRIVATE_KEY, key), (CA, ca)] {
                let path = folder.path().join(name);
                if text.is_empty() {
                    let _ = fs::remove_file(path);
                } else {
                    fs::write(path, text).unwrap();
                }
            }
            Secret::read(folder.path()).err().map(|error| error.to_string()).unwrap_or_default()
        };
        let ((chain, key), (_, other)) = (pair(), pair());
        assert_eq!(read(&chain, &key, &chain), "");
        assert_eq!(read("", "", &chain), "");
        let half = &chain[..chain.len() / 2];
        assert!(read(half, &key, "").starts_with("tls.crt: "));
        assert!(read(&chain, "no key", "").starts_with("tls.key: "));
        assert!(read("", "", half).starts_with("ca.crt: "));
        let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let refused = read(&format!("{chain}{no_certificate}"), &key, "");
        assert!(refused.starts_with("tls.crt: certificate 2: "), "{refused}");
        assert!(read(&chain, &other, "").contains("is not that of the first certificate"));
        fs::write(folder.path().join(CERTIFICATE_CHAIN), "").unwrap();
        let half_written = Secret::read(folder.path()).unwrap_err();
        assert_eq!(half_written.to_string(), "tls.crt is empty");
    }
}
