//! How Kubernetes asks a container whether it is well.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::scalar::{IntOrString, Opaque};

/// Of the ways to ask, those over HTTP and gRPC meet the container's proxy.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Probe {
    pub http_get: Option<HttpGet>,
    #[serde(default)]
    pub exec: Opaque,
    #[serde(default)]
    pub tcp_socket: Opaque,
    pub grpc: Option<Grpc>,
    #[serde(default)]
    pub initial_delay_seconds: Opaque,
    #[serde(default)]
    pub period_seconds: Opaque,
    #[serde(default)]
    pub timeout_seconds: Opaque,
    #[serde(default)]
    pub success_threshold: Opaque,
    #[serde(default)]
    pub failure_threshold: Opaque,
    #[serde(default)]
    pub termination_grace_period_seconds: Opaque,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpGet {
    #[serde(default)]
    pub path: String,
    /// A number, or the name of one of the container's ports.
    pub port: Option<IntOrString>,
    #[serde(default)]
    pub host: Opaque,
    #[serde(default)]
    pub scheme: Opaque,
    #[serde(default)]
    pub http_headers: Opaque,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Grpc {
    /// Always a number.
    pub port: Option<IntOrString>,
    #[serde(default)]
    pub service: Opaque,
}
