//! `IstioOperator`: how Istio is installed. Known by name, so that nobody waits for what it sets; its `meshConfig` is a document of its own
//! ([`crate::parse`]).

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_optional};
use crate::api::scalar::Opaque;
use crate::api::{Mesh, Resource};

/// Source: Istio, `operator/pkg/apis`, `IstioOperatorSpec`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IstioOperator {
    #[serde(default)]
    pub profile: String,
    #[serde(default)]
    pub install_package_path: String,
    #[serde(default)]
    pub hub: String,
    /// A text, or a number that was meant as one.
    #[serde(default)]
    pub tag: Opaque,
    #[serde(default)]
    pub resource_suffix: String,
    #[serde(default)]
    pub namespace: String,
    #[serde(default)]
    pub revision: String,
    #[serde(default)]
    pub default_revision: bool,
    #[serde(default)]
    pub compatibility_version: Opaque,
    #[serde(default)]
    pub mesh_config: Opaque,
    #[serde(default)]
    pub components: Opaque,
    #[serde(default)]
    pub addon_components: Opaque,
    #[serde(default)]
    pub values: Opaque,
    #[serde(default)]
    pub unvalidated_values: Opaque,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("istio_operator.fields")));

impl Read for IstioOperator {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_optional(document)
    }

    fn may_be_unnamed() -> bool {
        true
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.operators
    }
}
