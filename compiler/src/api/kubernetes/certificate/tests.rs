use rcgen::{
    CertificateParams, KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256,
    SignatureAlgorithm,
};

use super::*;

fn made(hosts: &[&str], algorithm: &'static SignatureAlgorithm) -> (String, String) {
    let key = KeyPair::generate_for(algorithm).unwrap();
    let hosts: Vec<String> = hosts.iter().map(|it| (*it).to_owned()).collect();
    let mut params = CertificateParams::new(hosts).unwrap();
    params.not_before = rcgen::date_time_ymd(2024, 2, 29);
    params.not_after = rcgen::date_time_ymd(2031, 12, 31);
    (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
}

#[test]
fn a_certificate_says_until_when_and_for_which_hosts() {
    let (pem, _) = made(&["Shop.example.com", "*.example.org"], &PKCS_ECDSA_P256_SHA256);
    let read = Certificate::of(pem.as_bytes()).unwrap();
    assert_eq!((read.not_before, read.not_after), (date("2024-02-29"), date("2031-12-31")));
    assert!(read.is_for("shop.example.com") && read.is_for("a.example.org"));
    assert!(
        read.is_for("*.example.org"),
        "a host with a star is for what the certificate's is for"
    );
    assert!(!read.is_for("a.b.example.org") && !read.is_for("example.org"));
    assert!(!read.is_for("*.example.com"));
}

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

#[test]
fn a_key_is_known_as_its_certificates() {
    for algorithm in [&PKCS_ECDSA_P256_SHA256, &PKCS_RSA_SHA256, &PKCS_ED25519] {
        let (certificate, key) = made(&["a"], algorithm);
        let (_, other) = made(&["a"], algorithm);
        let certificate = Certificate::of(certificate.as_bytes()).unwrap();
        assert_eq!(PublicKey::of_private(key.as_bytes()), Some(certificate.key.clone()));
        assert_ne!(PublicKey::of_private(other.as_bytes()), Some(certificate.key));
    }
}

#[test]
fn what_is_no_certificate_is_unreadable() {
    for text in
        ["", "Hello world", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    {
        assert_eq!(Certificate::of(text.as_bytes()), Err(Unreadable), "{text}");
    }
    assert_eq!(
        PublicKey::of_private(b"-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----"),
        None
    );
}
