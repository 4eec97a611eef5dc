//! Public keys, of certificates and of the private keys that belong to them.

use rustls_pki_types::PrivateKeyDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::asn1_rs::{Any, BitString, Class, FromDer, Integer, OctetString, Sequence};
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
    /// curves. Source: RFC 8017 A.1.2, RFC 5915 §3, RFC 5958 §2.
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
    let (rest, _algorithm) = Sequence::from_der(rest).ok()?;
    let (rest, key) = OctetString::from_der(rest).ok()?;
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
