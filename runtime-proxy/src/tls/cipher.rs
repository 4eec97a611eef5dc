//! Cipher suites of TLS 1.2, by the names that policies use.

use rustls::SupportedCipherSuite;
use rustls::crypto::aws_lc_rs::cipher_suite as suite;

/// IANA's name, OpenSSL's name, the suite. Those without forward secrecy or AEAD are not served.
static SUITES: &[(&str, &str, SupportedCipherSuite)] = &[
    (
        "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "ECDHE-RSA-AES128-GCM-SHA256",
        suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        "ECDHE-RSA-AES256-GCM-SHA384",
        suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    ),
    (
        "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
    (
        "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "ECDHE-RSA-CHACHA20-POLY1305",
        suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    ),
];

/// The suites of TLS 1.2 that `names` ask for, in their order, and the names that are not served.
pub(super) fn named(names: &[String]) -> (Vec<SupportedCipherSuite>, Vec<&str>) {
    let mut found = Vec::new();
    let mut unknown = Vec::new();
    for name in names {
        match SUITES.iter().find(|(iana, openssl, _)| name == iana || name == openssl) {
            Some((_, _, suite)) => found.push(*suite),
            None => unknown.push(name.as_str()),
        }
    }
    (found, unknown)
}

#[cfg(test)]
mod tests {
    use super::{SUITES, named};

    #[test]
    fn a_suite_has_two_names_and_an_old_one_none() {
        for (iana, openssl, suite) in SUITES {
            assert_eq!(named(&[(*iana).to_owned(), (*openssl).to_owned()]).0, [*suite, *suite]);
            assert_eq!(format!("{:?}", suite.suite()), *iana);
        }
        assert_eq!(named(&["AES128-SHA".to_owned()]).1, ["AES128-SHA"]);
    }
}
