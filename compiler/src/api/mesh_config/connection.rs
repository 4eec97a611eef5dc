//! Limits and times of a proxy's connections, and what uses its keys.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::scalar::Duration;

/// For all listeners and clusters of a proxy. Absent: as `profile` has it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConnectionSettings {
    #[serde(default)]
    pub profile: String,
    pub listener_per_connection_buffer_limit_bytes: Option<i32>,
    pub cluster_per_connection_buffer_limit_bytes: Option<i32>,
    pub http_idle_timeout: Option<Duration>,
    pub http_max_connection_duration: Option<Duration>,
    pub http_drain_timeout: Option<Duration>,
    pub http_request_timeout: Option<Duration>,
    pub http_request_headers_timeout: Option<Duration>,
    pub http_stream_idle_timeout: Option<Duration>,
    pub http_max_stream_duration: Option<Duration>,
    pub http_max_concurrent_streams: Option<i32>,
    pub http2_initial_stream_window_size: Option<i32>,
    pub http2_initial_connection_window_size: Option<i32>,
    #[serde(default)]
    pub http_headers_with_underscores_action: String,
    pub http_merge_slashes: Option<bool>,
    #[serde(default)]
    pub http_path_with_escaped_slashes_action: String,
    pub listener_connection_limit: Option<i32>,
    pub global_downstream_connection_limit: Option<i32>,
}

/// Hardware that signs: one of the two.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PrivateKeyProvider {
    pub cryptomb: Option<KeyAccelerator>,
    pub qat: Option<KeyAccelerator>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyAccelerator {
    /// How long operations are collected.
    pub poll_delay: Option<Duration>,
    /// Whether software signs where the hardware is missing.
    pub fallback: Option<bool>,
}
