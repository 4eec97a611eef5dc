//! `BackendTLSPolicy`: how those who send requests to a Service secure their connections.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{LocalReference, PolicyTarget};
use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_spec};
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackendTlsPolicy {
    /// Services of its own namespace, or ports of them.
    pub target_refs: Vec<PolicyTarget>,
    pub validation: BackendTlsValidation,
    #[serde(default)]
    pub options: BTreeMap<String, String>,
}

/// Whom a client believes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackendTlsValidation {
    /// `ConfigMap`s with `ca.crt`, in the policy's namespace.
    #[serde(default)]
    pub ca_certificate_refs: Vec<LocalReference>,
    /// `System`, or a name of the implementation's own.
    #[serde(rename = "wellKnownCACertificates")]
    pub well_known_ca_certificates: Option<String>,
    /// The server name that is asked for, which its certificate must have unless `subject_alt_names` says otherwise.
    #[serde(default)]
    pub hostname: String,
    /// Any of them must be in the certificate.
    #[serde(default)]
    pub subject_alt_names: Vec<SubjectAltName>,
}

/// The type, and the one field that goes with it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SubjectAltName {
    pub r#type: SubjectAltNameType,
    pub hostname: Option<String>,
    pub uri: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
pub enum SubjectAltNameType {
    #[default]
    Hostname,
    #[serde(rename = "URI")]
    Uri,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("backend_tls_policy.fields")));

impl Read for BackendTlsPolicy {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.backend_tls_policies
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::gateway_api::check_backend_tls_policy(resource, at, out);
    }
}
