//! A `ConfigMap`: which keys it has. The mesh configuration in the one named `istio` is a document of its own.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::field::{FieldTable, METADATA};
use crate::api::metadata::Metadata;
use crate::api::read::{Fields, Read, bare_fields};
use crate::api::scalar::{AnyText, Opaque};
use crate::api::{Mesh, Resource};

#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ConfigMap {
    /// Of `data` and `binaryData`.
    pub keys: BTreeSet<String>,
    /// Of the `ConfigMap`s of Istio's injector: the settings that its templates are filled in with, JSON. Else empty.
    pub injector_values: String,
}

/// What the names of the injector's `ConfigMap`s begin with; a revision may follow.
const INJECTOR: &str = "istio-sidecar-injector";

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
    pub data: BTreeMap<String, AnyText>,
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
        let Document { metadata, mut data, binary_data, .. } = document;
        let values = data.get_mut("values").filter(|_| metadata.name.starts_with(INJECTOR));
        let injector_values = values.map(|AnyText(text)| std::mem::take(text)).unwrap_or_default();
        let keys = data.into_keys().chain(binary_data.into_keys()).collect();
        (metadata, Some(Self { keys, injector_values }))
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.config_maps
    }
}
