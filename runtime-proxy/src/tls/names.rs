//! The names that a certificate from outside the mesh proves.

use std::collections::BTreeSet;
use std::net::{Ipv4Addr, Ipv6Addr};

use rustls::client::verify_server_name;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::ParsedCertificate;
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

/// Whether a certificate has one of the `expected` names: a URI, a DNS name, an address or a mail address, to the letter;
/// for a DNS name also by a wildcard in the certificate (RFC 6125 §6.4.3).
pub(super) fn proves_any(certificate: &CertificateDer<'_>, expected: &BTreeSet<String>) -> bool {
    let names = alternative_names(certificate);
    expected.iter().any(|name| names.contains(name) || is_host_of(certificate, name))
}

fn is_host_of(certificate: &CertificateDer<'_>, name: &str) -> bool {
    let (Ok(parsed), Ok(name)) =
        (ParsedCertificate::try_from(certificate), ServerName::try_from(name))
    else {
        return false;
    };
    verify_server_name(&parsed, &name).is_ok()
}

fn alternative_names(certificate: &CertificateDer<'_>) -> BTreeSet<String> {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else {
        return BTreeSet::new();
    };
    let names = certificate.subject_alternative_name().ok().flatten();
    let names = names.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
    names.iter().filter_map(text).collect()
}

fn text(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::URI(text) | GeneralName::DNSName(text) | GeneralName::RFC822Name(text) => {
            Some((*text).to_owned())
        }
        GeneralName::IPAddress(bytes) => <[u8; 4]>::try_from(*bytes)
            .map(|bytes| Ipv4Addr::from(bytes).to_string())
            .or_else(|_| {
                <[u8; 16]>::try_from(*bytes).map(|bytes| Ipv6Addr::from(bytes).to_string())
            })
            .ok(),
        _ => None,
    }
}
