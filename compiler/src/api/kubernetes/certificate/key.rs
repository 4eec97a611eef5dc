//! Public keys, of certificates and of the private keys that belong to them.

use ed25519_dalek::SigningKey;
use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::asn1_rs::{Any, BitString, Class, FromDer, Integer, OctetString, Oid, Sequence};
use x509_parser::oid_registry::OID_SIG_ED25519;
use x509_parser::prelude::X509Certificate;
use x509_parser::public_key;

/// As far as it tells one key from another: the modulus of RSA, the point of a curve.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PublicKey(Vec<u8>);

impl PublicKey {
    pub(super) fn of_certificate(certificate: &X509Certificate<'_>) -> Self {
        let info = certificate.public_key();
        match info.parsed() {
            Ok(public_key::PublicKey::RSA(key)) => Self(unsigned(key.modulus).to_vec()),
            _ => Self(info.subject_public_key.data.to_vec()),
        }
    }

    /// That of a private key, where it is written beside it, as it is in every RSA key and in what OpenSSL and Go write of
    /// curves, or is computed with little effort, as for Ed25519. Source: RFC 8017 A.1.2, RFC 5915 §3, RFC 5958 §2, RFC 8410 §7.
    #[must_use]
    pub fn of_private(pem: &[u8]) -> Option<Self> {
        match PrivateKeyDer::from_pem_slice(pem).ok()? {
            PrivateKeyDer::Pkcs1(key) => of_rsa(key.secret_pkcs1_der()),
            PrivateKeyDer::Sec1(key) => of_curve(key.secret_sec1_der()),
            PrivateKeyDer::Pkcs8(key) => of_any(key.secret_pkcs8_der()),
            _ => None,
        }
    }
}

/// `PrivateKeyInfo`: the version, the algorithm, the key in its own form; of newer ones, the public key.
fn of_any(der: &[u8]) -> Option<PublicKey> {
    let (_, all) = Sequence::from_der(der).ok()?;
    let (rest, _version) = Integer::from_der(&all.content).ok()?;
    let (rest, algorithm) = Sequence::from_der(rest).ok()?;
    let (_, algorithm) = Oid::from_der(&algorithm.content).ok()?;
    let (rest, key) = OctetString::from_der(rest).ok()?;
    if algorithm == OID_SIG_ED25519 {
        return of_ed25519(key.as_ref());
    }
    of_rsa(key.as_ref()).or_else(|| of_curve(key.as_ref())).or_else(|| tagged(rest, 1, false))
}

/// `RSAPrivateKey`: the version, the modulus, and seven numbers more.
fn of_rsa(der: &[u8]) -> Option<PublicKey> {
    let (_, all) = Sequence::from_der(der).ok()?;
    let (rest, _version) = Integer::from_der(&all.content).ok()?;
    let (_, modulus) = Integer::from_der(rest).ok()?;
    Some(PublicKey(unsigned(modulus.as_ref()).to_vec()))
}

/// `ECPrivateKey`: the version, the number, which curve, the point.
fn of_curve(der: &[u8]) -> Option<PublicKey> {
    let (_, all) = Sequence::from_der(der).ok()?;
    let (rest, _version) = Integer::from_der(&all.content).ok()?;
    let (rest, _number) = OctetString::from_der(rest).ok()?;
    tagged(rest, 1, true)
}

/// `CurvePrivateKey`: 32 bytes, of which both keys are made.
fn of_ed25519(der: &[u8]) -> Option<PublicKey> {
    let (_, seed) = OctetString::from_der(der).ok()?;
    let key = SigningKey::from_bytes(&seed.as_ref().try_into().ok()?);
    Some(PublicKey(key.verifying_key().to_bytes().to_vec()))
}

/// The first of `fields` with this tag, which holds bits: whole, or in place of their own tag.
fn tagged(mut fields: &[u8], tag: u32, is_explicit: bool) -> Option<PublicKey> {
    while let Ok((rest, field)) = Any::from_der(fields) {
        if field.class() == Class::ContextSpecific && field.tag().0 == tag {
            if is_explicit {
                let (_, bits) = BitString::from_der(field.data).ok()?;
                return Some(PublicKey(bits.data.to_vec()));
            }
            // How many bits of the last byte are unused, and the bytes.
            return field.data.get(1..).map(|bytes| PublicKey(bytes.to_vec()));
        }
        fields = rest;
    }
    None
}

/// Without the zero by which a number with a high first bit is told from a negative one.
fn unsigned(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, PKCS_ED25519};
    use x509_parser::prelude::{FromDer, X509Certificate};

    use super::PublicKey;

    /// Without the public key, as `openssl genpkey` writes it. Source: RFC 8410 §10.3.
    fn bare(pair: &KeyPair) -> String {
        use base64::prelude::{BASE64_STANDARD, Engine};
        // Both forms begin alike: 16 bytes, and the seed.
        let seed = &pair.serialize_der()[16..48];
        let head = [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];
        let der = [&head[..], seed].concat();
        format!(
            "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
            BASE64_STANDARD.encode(der)
        )
    }

    #[test]
    fn a_key_of_ed25519_is_told_from_another() {
        let pair = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let certificate = CertificateParams::default().self_signed(&pair).unwrap();
        let (_, certificate) = X509Certificate::from_der(certificate.der()).unwrap();
        let public = Some(PublicKey::of_certificate(&certificate));
        assert_eq!(PublicKey::of_private(bare(&pair).as_bytes()), public);
        assert_eq!(PublicKey::of_private(pair.serialize_pem().as_bytes()), public);
        let other = KeyPair::generate_for(&PKCS_ED25519).unwrap();
        let other = PublicKey::of_private(bare(&other).as_bytes());
        assert!(other.is_some() && other != public);
    }
}
