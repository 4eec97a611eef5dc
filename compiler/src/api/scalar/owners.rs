//! What a resource belongs to, as an API server writes it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

/// Source: Kubernetes, `ObjectMeta.ownerReferences`, of which the rest is nobody's question here.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(transparent)]
pub struct Owners(pub Vec<Owner>);

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
pub struct Owner {
    #[serde(default)]
    pub kind: String,
    #[serde(default)]
    pub name: String,
}

impl JsonSchema for Owners {
    fn schema_name() -> Cow<'static, str> {
        "Owners".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!(true)
    }
}
