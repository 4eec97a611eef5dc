//! An `EndpointSlice`: that a Service has endpoints which its selector does not tell. Where they are is the world's to say.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::field::{FieldTable, METADATA};
use crate::api::metadata::Metadata;
use crate::api::read::{Fields, Read, bare_fields};
use crate::api::scalar::Opaque;
use crate::api::{Mesh, Resource};

#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndpointSlice(Vec<Endpoint>);

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoint {
    #[serde(default)]
    pub addresses: Vec<String>,
    #[serde(default)]
    pub conditions: Opaque,
    #[serde(default)]
    pub hostname: Opaque,
    #[serde(default)]
    pub target_ref: Opaque,
    #[serde(default)]
    pub node_name: Opaque,
    #[serde(default)]
    pub zone: Opaque,
    #[serde(default)]
    pub hints: Opaque,
    #[serde(default)]
    pub deprecated_topology: Opaque,
    /// Of `v1beta1`.
    #[serde(default)]
    pub topology: Opaque,
}

/// The label by which a slice says whose it is. Source: Kubernetes, `LabelServiceName`.
const SERVICE_NAME: &str = "kubernetes.io/service-name";

impl EndpointSlice {
    /// Whether any address is in it.
    #[must_use]
    pub fn has_endpoints(&self) -> bool {
        self.0.iter().any(|endpoint| !endpoint.addresses.is_empty())
    }
}

impl Resource<EndpointSlice> {
    /// The Service of its namespace whose endpoints these are.
    #[must_use]
    pub fn service(&self) -> Option<&str> {
        self.metadata.labels.get(SERVICE_NAME).map(String::as_str)
    }
}

/// As it stands in a file.
#[expect(dead_code, reason = "fields that are known by name and read by nobody")]
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Document {
    #[serde(default)]
    pub api_version: Opaque,
    #[serde(default)]
    pub kind: Opaque,
    #[serde(default)]
    pub metadata: Metadata,
    #[serde(default)]
    pub address_type: Opaque,
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
    #[serde(default)]
    pub ports: Opaque,
}

static FIELDS: Fields =
    Fields::new(|| bare_fields(&[METADATA, include_str!("endpoint_slice.fields")]));

impl Read for EndpointSlice {
    type Document = Document;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Document) -> (Metadata, Option<Self>) {
        (document.metadata, Some(Self(document.endpoints)))
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.endpoint_slices
    }
}
