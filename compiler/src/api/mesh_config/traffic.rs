//! The mesh's defaults for traffic.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::istio::{ClientTlsSettings, ConnectionPoolSettings, OutlierDetection};
use crate::api::kubernetes::LabelSelector;

/// What becomes of requests to hosts that the mesh does not know.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutboundTrafficPolicy {
    /// Absent: `ALLOW_ANY`.
    pub mode: Option<OutboundMode>,
    /// For those that pass.
    pub tls: Option<ClientTlsSettings>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum OutboundMode {
    /// They are refused.
    RegistryOnly,
    /// They pass, to where the client wanted to go.
    AllowAny,
    AllowAnyDynamicDns,
}

/// Where a sidecar hands connections on to.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InboundTrafficPolicy {
    #[serde(default)]
    pub mode: InboundMode,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InboundMode {
    /// The address that the client was going to.
    #[default]
    Passthrough,
    /// `127.0.0.1`.
    Localhost,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DefaultTrafficPolicy {
    pub connection_pool: Option<ConnectionPoolSettings>,
    pub outlier_detection: Option<OutlierDetection>,
}

/// Hosts whose endpoints stay in their cluster.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceSetting {
    #[serde(default)]
    pub settings: ClusterScope,
    #[serde(default)]
    pub hosts: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClusterScope {
    #[serde(default)]
    pub cluster_local: bool,
}

/// Services that other clusters see, by label.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceScopeConfig {
    pub namespace_selector: Option<LabelSelector>,
    pub services_selector: Option<LabelSelector>,
    #[serde(default)]
    pub scope: Scope,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Scope {
    #[default]
    Local,
    Global,
}
