//! Names of other resources.

use schemars::JsonSchema;
use serde::Deserialize;

/// What a route is attached to.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ParentReference {
    /// Absent: the Gateway API's own.
    pub group: Option<String>,
    /// Absent: `Gateway`. A `Service` makes it a route of the mesh.
    pub kind: Option<String>,
    /// Absent: the route's.
    pub namespace: Option<String>,
    pub name: String,
    /// A listener of the Gateway, or a port of the Service by name.
    pub section_name: Option<String>,
    pub port: Option<i32>,
}

/// A Secret. Another namespace must allow it with a `ReferenceGrant`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretReference {
    /// Absent: Kubernetes' core group.
    pub group: Option<String>,
    /// Absent: `Secret`.
    pub kind: Option<String>,
    pub name: String,
    /// Absent: the Gateway's.
    pub namespace: Option<String>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ObjectReference {
    pub group: String,
    pub kind: String,
    pub name: String,
    pub namespace: Option<String>,
}

/// What a policy is for, in its own namespace.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PolicyTarget {
    pub group: String,
    pub kind: String,
    pub name: String,
    /// A port of the Service, by name. Absent: all of them.
    pub section_name: Option<String>,
}

/// Something of the same namespace.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LocalReference {
    pub group: String,
    pub kind: String,
    pub name: String,
}
