//! The definition of a kind: which one, and of which release. Its schema is not looked into.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_spec};
use crate::api::scalar::Opaque;
use crate::api::{Mesh, Resource};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CustomResourceDefinition {
    pub group: String,
    pub names: CustomResourceNames,
    #[serde(default)]
    pub scope: Opaque,
    #[serde(default)]
    pub versions: Opaque,
    #[serde(default)]
    pub conversion: Opaque,
    #[serde(default)]
    pub preserve_unknown_fields: Opaque,
    /// Of `v1beta1`, as the fields that follow.
    #[serde(default)]
    pub version: Opaque,
    #[serde(default)]
    pub validation: Opaque,
    #[serde(default)]
    pub subresources: Opaque,
    #[serde(default)]
    pub additional_printer_columns: Opaque,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CustomResourceNames {
    pub kind: String,
    #[serde(default)]
    pub plural: Opaque,
    #[serde(default)]
    pub singular: Opaque,
    #[serde(default)]
    pub list_kind: Opaque,
    #[serde(default)]
    pub short_names: Opaque,
    #[serde(default)]
    pub categories: Opaque,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("custom_resource.fields")));

impl Read for CustomResourceDefinition {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.custom_resources
    }
}
