//! The mesh's defaults for TLS, authorities and paths.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::istio::{ClientTlsSettings, TlsProtocol};
use crate::api::scalar::Duration;

/// The normal form of a path that policies and routes see.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PathNormalization {
    #[serde(default)]
    pub normalization: NormalizationType,
}

/// Each does what the one before it does, and more.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum NormalizationType {
    /// `BASE`.
    #[default]
    Default,
    None,
    /// RFC 3986, and `\` to `/`.
    Base,
    MergeSlashes,
    DecodeAndMergeSlashes,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TlsConfig {
    #[serde(default)]
    pub min_protocol_version: TlsProtocol,
    #[serde(default)]
    pub ecdh_curves: Vec<String>,
    #[serde(default)]
    pub cipher_suites: Vec<String>,
}

/// Authorities: one of `pem` and `spiffe_bundle_url`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CertificateData {
    #[serde(default)]
    pub pem: String,
    #[serde(default)]
    pub spiffe_bundle_url: String,
    #[serde(default)]
    pub cert_signers: Vec<String>,
    #[serde(default)]
    pub trust_domains: Vec<String>,
}

/// Who signs the workloads' certificates.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CertificateAuthority {
    #[serde(default)]
    pub address: String,
    pub tls_settings: Option<ClientTlsSettings>,
    pub request_timeout: Option<Duration>,
    #[serde(default)]
    pub istiod_side: bool,
}
