//! What a route does to headers.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Headers {
    /// Before the request goes on.
    pub request: Option<HeaderOperations>,
    /// Before the answer goes back.
    pub response: Option<HeaderOperations>,
}

/// Name → value; values may hold Envoy's `%REQ(name)%` and the like.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeaderOperations {
    /// In place of what is there.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// Beside what is there.
    #[serde(default)]
    pub add: BTreeMap<String, String>,
    #[serde(default)]
    pub remove: Vec<String>,
}
