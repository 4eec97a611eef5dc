//! A `ConfigMap`: which keys it has. The mesh configuration in the one named `istio` is a document of its own.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::field::{FieldTable, METADATA};
use crate::api::metadata::Metadata;
use crate::api::read::{Fields, Read, bare_fields};
use crate::api::scalar::Opaque;
use crate::api::{Mesh, Resource};

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ConfigMap {
    /// Of `data` and `binaryData`.
    pub keys: BTreeSet<String>,
}

/// As it stands in a file.
#[expect(dead_code, reason = "fields that are known by name and read by nobody")]
#[expect(
    clippy::zero_sized_map_values,
    reason = "the keys alone are read, and the schema says a map"
)]
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
    pub data: BTreeMap<String, Opaque>,
    #[serde(default)]
    pub binary_data: BTreeMap<String, Opaque>,
    #[serde(default)]
    pub immutable: Opaque,
}

static FIELDS: Fields = Fields::new(|| bare_fields(&[METADATA, include_str!("config_map.fields")]));

impl Read for ConfigMap {
    type Document = Document;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Document) -> (Metadata, Option<Self>) {
        let keys = document.data.into_keys().chain(document.binary_data.into_keys()).collect();
        (document.metadata, Some(Self { keys }))
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.config_maps
    }
}
