//! What anybody may know of a certificate that a Secret holds: until when it is good, for which hosts, and whose key it has.

mod key;

pub use key::PublicKey;

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::diagnostic::Date;

/// The first of a chain, which is the owner's (RFC 8446 §4.4.2). Source: RFC 5280.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    pub not_before: Date,
    /// The last day on which it is good for a while.
    pub not_after: Date,
    /// Its `dNSName`s, in lower case. Its common name counts for no client (RFC 9525 §2).
    pub hosts: Vec<String>,
    pub key: PublicKey,
}

/// Text in which there is no certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Unreadable;

impl Certificate {
    /// # Errors
    /// `pem` is not PEM (RFC 7468), has no certificate, or its first one is not in X.509.
    pub fn of(pem: &[u8]) -> Result<Self, Unreadable> {
        let first = CertificateDer::pem_slice_iter(pem).next();
        let first = first.ok_or(Unreadable)?.map_err(|_| Unreadable)?;
        let (_, read) = X509Certificate::from_der(&first).map_err(|_| Unreadable)?;
        let validity = read.validity();
        Ok(Self {
            not_before: day(validity.not_before.timestamp()),
            not_after: day(validity.not_after.timestamp()),
            hosts: hosts(&read),
            key: PublicKey::of_certificate(&read),
        })
    }

    /// Whether a client that asks for `host` takes it: a star stands for one label, the leftmost (RFC 9525 §6.3). A host with a
    /// star is for any name below it.
    #[must_use]
    pub fn is_for(&self, host: &str) -> bool {
        self.hosts.iter().any(|own| match (own.strip_prefix("*."), host.split_once('.')) {
            (Some(parent), Some((_, of_host))) => parent == of_host,
            _ => own == host,
        })
    }
}

/// Seconds since 1970. What was before it is long past.
fn day(timestamp: i64) -> Date {
    Date::at(std::time::Duration::from_secs(u64::try_from(timestamp).unwrap_or_default()))
}

fn hosts(certificate: &X509Certificate<'_>) -> Vec<String> {
    let Ok(Some(names)) = certificate.subject_alternative_name() else { return Vec::new() };
    let dns = names.value.general_names.iter().filter_map(|name| match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    });
    dns.collect()
}

#[cfg(test)]
mod tests;
