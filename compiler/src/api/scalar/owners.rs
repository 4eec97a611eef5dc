//! What a resource belongs to, as an API server writes it.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use super::Opaque;

/// Source: Kubernetes, `ObjectMeta.ownerReferences`, of which the rest is nobody's question here.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(transparent)]
pub struct Owners(pub Vec<Owner>);

#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Owner {
    #[serde(default)]
    pub kind: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub api_version: Opaque,
    #[serde(default)]
    pub uid: Opaque,
    #[serde(default)]
    pub controller: Opaque,
    #[serde(default)]
    pub block_owner_deletion: Opaque,
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

#[cfg(test)]
mod tests {
    use crate::testing::{Folder, findings};

    #[test]
    fn an_owner_is_read_as_a_cluster_writes_it() {
        let folder = Folder::new();
        folder.write("a.yaml", "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n  namespace: shop\n  ownerReferences:\n  - {apiVersion: apps/v1, kind: ReplicaSet, name: a, uid: 0a9d2b9e-779e, controller: true, blockOwnerDeletion: true}\nspec: {containers: [{name: a, image: a}]}\n");
        let found = findings(folder.path());
        assert!(found.iter().all(|it| it.check.name != "unknown-field"), "{found:?}");
    }
}
