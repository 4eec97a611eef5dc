//! X.509-SVIDs: certificates that prove a SPIFFE ID. Source: X509-SVID, sections 2, 4 and 5.2.

use mesh_snapshot::wire::{ATTRIBUTES_OID, Attributes};
use rustls::pki_types::{CertificateDer, UnixTime};
use x509_parser::extensions::GeneralName;
use x509_parser::oid_registry::Oid;
use x509_parser::prelude::{FromDer, X509Certificate};

use super::spiffe::{SpiffeId, SpiffeIdError};

/// Why a certificate proves no SPIFFE ID, whoever has signed it.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SvidError {
    #[error("its certificate cannot be read")]
    Unreadable,
    #[error("its certificate is a CA's, which must not authenticate")]
    Authority,
    #[error("its certificate has no URI among its alternative names")]
    NoUri,
    #[error("its certificate has more than one URI among its alternative names")]
    SeveralUris,
    #[error("`{uri}` in its certificate is no SPIFFE ID: {error}")]
    Malformed { uri: String, error: SpiffeIdError },
    #[error("`{0}` is not of this mesh: neither its trust domain nor an alias")]
    ForeignTrustDomain(SpiffeId),
    #[error("`{found}` is not who was expected")]
    Unexpected { found: SpiffeId },
    #[error("its certificate is not valid now")]
    NotValidNow,
}

/// What a certificate says about its holder.
#[derive(Clone, Debug)]
pub(super) struct Svid {
    pub(super) id: SpiffeId,
    /// What the authority says of the holder beside that; `None`: nothing that can be understood.
    pub(super) attributes: Option<Attributes>,
    not_before: i64,
    not_after: i64,
}

impl Svid {
    /// Reads a leaf certificate. Signatures are not looked at.
    pub(super) fn read(certificate: &CertificateDer<'_>) -> Result<Self, SvidError> {
        let (_, certificate) =
            X509Certificate::from_der(certificate).map_err(|_| SvidError::Unreadable)?;
        refuse_authority(&certificate)?;
        let uri = only_uri(&certificate)?;
        let id = SpiffeId::parse(uri)
            .map_err(|error| SvidError::Malformed { uri: uri.to_owned(), error })?;
        let validity = certificate.validity();
        let (not_before, not_after) =
            (validity.not_before.timestamp(), validity.not_after.timestamp());
        Ok(Self { id, attributes: attributes(&certificate), not_before, not_after })
    }

    pub(super) fn is_valid_at(&self, now: UnixTime) -> bool {
        i64::try_from(now.as_secs())
            .is_ok_and(|now| self.not_before <= now && now <= self.not_after)
    }
}

fn refuse_authority(certificate: &X509Certificate<'_>) -> Result<(), SvidError> {
    let constraints = certificate.basic_constraints().map_err(|_| SvidError::Unreadable)?;
    let usage = certificate.key_usage().map_err(|_| SvidError::Unreadable)?;
    let is_authority = constraints.is_some_and(|extension| extension.value.ca)
        || usage
            .is_some_and(|extension| extension.value.key_cert_sign() || extension.value.crl_sign());
    if is_authority { Err(SvidError::Authority) } else { Ok(()) }
}

/// Never an error: telemetry alone hangs on it.
fn attributes(certificate: &X509Certificate<'_>) -> Option<Attributes> {
    let oid = Oid::from(&ATTRIBUTES_OID).ok()?;
    let extension = certificate.get_extension_unique(&oid).ok()??;
    Attributes::decode(extension.value)
}

fn only_uri<'a>(certificate: &'a X509Certificate<'_>) -> Result<&'a str, SvidError> {
    let names = certificate.subject_alternative_name().map_err(|_| SvidError::Unreadable)?;
    let names = names.map(|extension| extension.value.general_names.as_slice()).unwrap_or_default();
    let mut uris = names.iter().filter_map(|name| match name {
        GeneralName::URI(uri) => Some(*uri),
        _ => None,
    });
    match (uris.next(), uris.next()) {
        (None, _) => Err(SvidError::NoUri),
        (Some(uri), None) => Ok(uri),
        (Some(_), Some(_)) => Err(SvidError::SeveralUris),
    }
}
