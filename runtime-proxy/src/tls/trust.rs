//! Whom a proxy believes: roots, and the trust domains that they speak for.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;

use super::pem::{self, PemError};

/// The roots of the mesh, and its trust domains.
#[derive(Clone, Debug)]
pub struct Trust {
    pub(super) roots: Arc<RootCertStore>,
    pub(super) domains: TrustDomains,
}

impl Trust {
    /// # Errors
    ///
    /// When `roots`, in PEM, are not certificates that can be trusted, all of them.
    pub fn new(roots: &[u8], domains: TrustDomains) -> Result<Self, TrustError> {
        Ok(Self { roots: Arc::new(read_roots(roots)?), domains })
    }

    /// # Errors
    ///
    /// When one of `roots` cannot be trusted.
    pub fn in_certificates(
        roots: &[CertificateDer<'static>],
        domains: TrustDomains,
    ) -> Result<Self, TrustError> {
        Ok(Self { roots: Arc::new(store(roots.iter().cloned())?), domains })
    }
}

/// All certificates of a text, as roots.
pub(super) fn read_roots(text: &[u8]) -> Result<RootCertStore, TrustError> {
    store(pem::certificates(text)?)
}

fn store(
    certificates: impl IntoIterator<Item = CertificateDer<'static>>,
) -> Result<RootCertStore, TrustError> {
    let mut roots = RootCertStore::empty();
    for (index, certificate) in certificates.into_iter().enumerate() {
        roots.add(certificate).map_err(|_| TrustError::Root { number: index + 1 })?;
    }
    Ok(roots)
}

/// What is wrong with a set of roots.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TrustError {
    #[error(transparent)]
    Pem(#[from] PemError),
    #[error("certificate {number} cannot be a root")]
    Root {
        /// From 1.
        number: usize,
    },
}

/// The mesh's trust domain and its aliases. Source: Istio, `MeshConfig.trustDomain`, `trustDomainAliases`.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TrustDomains(BTreeSet<String>);

impl TrustDomains {
    pub fn new(own: &str, aliases: impl IntoIterator<Item = String>) -> Self {
        Self(aliases.into_iter().chain([own.to_owned()]).collect())
    }

    #[must_use]
    pub fn contains(&self, domain: &str) -> bool {
        self.0.contains(domain)
    }
}
