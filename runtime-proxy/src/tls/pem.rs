//! Certificates and keys out of PEM text.

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// What is wrong with a PEM text.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum PemError {
    #[error("there is no certificate in it")]
    NoCertificate,
    #[error("certificate {number} of it cannot be read")]
    Certificate {
        /// From 1.
        number: usize,
    },
    #[error("there is no private key in it that can be read")]
    PrivateKey,
}

/// All certificates of a text: at least one.
pub(super) fn certificates(text: &[u8]) -> Result<Vec<CertificateDer<'static>>, PemError> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(text)
        .enumerate()
        .map(|(index, read)| read.map_err(|_| PemError::Certificate { number: index + 1 }))
        .collect::<Result<_, _>>()?;
    if certificates.is_empty() { Err(PemError::NoCertificate) } else { Ok(certificates) }
}

/// The first private key of a text: PKCS #8, SEC 1 or PKCS #1.
pub(super) fn private_key(text: &[u8]) -> Result<PrivateKeyDer<'static>, PemError> {
    PrivateKeyDer::from_pem_slice(text).map_err(|_| PemError::PrivateKey)
}

#[cfg(test)]
mod tests {
    use super::{PemError, certificates, private_key};

    #[test]
    fn a_broken_certificate_is_named_by_its_number() {
        let good = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let bad = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n";
        let error = certificates(format!("{good}{bad}").as_bytes()).unwrap_err();
        assert_eq!(error, PemError::Certificate { number: 2 });
        assert_eq!(certificates(b"hello").unwrap_err(), PemError::NoCertificate);
        assert_eq!(private_key(good.as_bytes()).unwrap_err(), PemError::PrivateKey);
    }
}
