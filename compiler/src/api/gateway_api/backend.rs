//! `XBackend`: a host outside of the cluster, and how to reach it.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{BackendTlsValidation, SecretReference};
use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_spec};
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Backend {
    pub r#type: BackendType,
    pub port: BackendPort,
    /// Absent: what the route or the listener speaks.
    pub protocol: Option<BackendProtocol>,
    pub external_hostname: Option<ExternalHostname>,
    pub tls: Option<BackendTls>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
pub enum BackendType {
    #[default]
    ExternalHostname,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackendPort {
    #[serde(default)]
    pub name: String,
    pub port: i32,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
pub enum BackendProtocol {
    Tcp,
    Http,
    Http2,
    Http11,
    H2c,
    Mcp,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExternalHostname {
    /// No address, and no host of the cluster.
    pub hostname: String,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackendTls {
    pub mode: BackendTlsMode,
    pub validation: Option<BackendTlsValidation>,
    /// With `ClientAndServer`, and only then.
    pub client_certificate_ref: Option<SecretReference>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
pub enum BackendTlsMode {
    #[default]
    None,
    ServerOnly,
    ClientAndServer,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("backend.fields")));

impl Read for Backend {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.backends
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::gateway_api::check_backend(resource, at, out);
    }
}
