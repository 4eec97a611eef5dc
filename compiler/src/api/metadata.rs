//! What every resource says of itself.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::rules::is_read_annotation;
use super::scalar::{AnyText, Opaque, Owners};

/// Kubernetes' `ObjectMeta`. What an API server writes into it is known by name.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metadata {
    /// Unique among the resources of one kind and namespace.
    #[serde(default)]
    pub name: String,
    /// Absent: the project's default namespace.
    pub namespace: Option<String>,
    /// What selectors select by.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Settings of tools, among them the mesh.
    #[serde(default, deserialize_with = "annotations")]
    pub annotations: BTreeMap<String, String>,
    /// When the resource was made, RFC 3339. Of two that contend, Istio prefers the older.
    pub creation_timestamp: Option<String>,
    /// A prefix from which an API server makes a name.
    pub generate_name: Option<String>,
    #[serde(default)]
    pub uid: Opaque,
    #[serde(default)]
    pub resource_version: Opaque,
    #[serde(default)]
    pub generation: Opaque,
    #[serde(default)]
    pub deletion_timestamp: Opaque,
    #[serde(default)]
    pub deletion_grace_period_seconds: Opaque,
    #[serde(default)]
    pub finalizers: Opaque,
    #[serde(default)]
    pub owner_references: Owners,
    #[serde(default)]
    pub managed_fields: Opaque,
    #[serde(default)]
    pub self_link: Opaque,
    #[serde(default)]
    pub cluster_name: Opaque,
}

/// The frame of a kind that has a `spec`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(bound = "S: JsonSchema")]
pub struct Envelope<S> {
    /// Group and version, `networking.istio.io/v1`.
    pub api_version: Opaque,
    pub kind: Opaque,
    #[serde(default)]
    pub metadata: Metadata,
    pub spec: Option<S>,
    /// Written by controllers, never by authors.
    #[serde(default)]
    pub status: Opaque,
}

/// What is filled into another program's annotation later is nobody's question here.
fn annotations<'de, D: Deserializer<'de>>(from: D) -> Result<BTreeMap<String, String>, D::Error> {
    from.deserialize_map(Annotations)
}

struct Annotations;

impl<'de> Visitor<'de> for Annotations {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a mapping")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut read = BTreeMap::new();
        while let Some(name) = map.next_key::<String>()? {
            let text = if is_read_annotation(&name) {
                map.next_value()?
            } else {
                map.next_value::<AnyText>()?.0
            };
            read.insert(name, text);
        }
        Ok(read)
    }
}
