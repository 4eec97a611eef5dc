//! `ProxyConfig`: how proxies run. Most of it is about Envoy and the container around it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{ConnectionSettings, PrivateKeyProvider, Tracing};
use crate::api::scalar::{Duration, Opaque};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProxyConfig {
    #[serde(default)]
    pub config_path: Opaque,
    #[serde(default)]
    pub binary_path: Opaque,
    #[serde(default)]
    pub service_cluster: Opaque,
    #[serde(default)]
    pub tracing_service_name: Opaque,
    /// How long connections may finish while a proxy is being replaced. Absent: 45 s.
    pub drain_duration: Option<Duration>,
    /// `host:port`.
    #[serde(default)]
    pub discovery_address: String,
    #[serde(default)]
    pub discovery_refresh_delay: Opaque,
    #[serde(default)]
    pub zipkin_address: Opaque,
    /// `host:port`.
    #[serde(default)]
    pub statsd_udp_address: String,
    #[serde(default)]
    pub envoy_metrics_service_address: Opaque,
    pub proxy_admin_port: Option<i32>,
    #[serde(default)]
    pub availability_zone: Opaque,
    #[serde(default)]
    pub control_plane_auth_policy: Opaque,
    #[serde(default)]
    pub custom_config_file: Opaque,
    #[serde(default)]
    pub stat_name_length: Opaque,
    /// How many threads a proxy has. Zero: one a core. Absent: by its CPU limit.
    pub concurrency: Option<i32>,
    #[serde(default)]
    pub proxy_bootstrap_template_path: Opaque,
    /// How connections are redirected to a sidecar.
    pub interception_mode: Option<InterceptionMode>,
    #[serde(default)]
    pub tracing: Tracing,
    #[serde(default)]
    pub sds: Opaque,
    #[serde(default)]
    pub envoy_access_log_service: Opaque,
    #[serde(default)]
    pub envoy_metrics_service: Opaque,
    /// Environment variables of a proxy.
    #[serde(default)]
    pub proxy_metadata: BTreeMap<String, String>,
    #[serde(default)]
    pub runtime_values: BTreeMap<String, String>,
    pub status_port: Option<i32>,
    #[serde(default)]
    pub extra_stat_tags: Vec<String>,
    /// What stands in front of gateways.
    #[serde(default)]
    pub gateway_topology: GatewayTopology,
    /// How long a proxy that ends waits for its connections. Absent: 5 s.
    pub termination_drain_duration: Option<Duration>,
    #[serde(default)]
    pub mesh_id: Opaque,
    #[serde(default)]
    pub readiness_probe: Opaque,
    #[serde(default)]
    pub proxy_stats_matcher: Opaque,
    pub hold_application_until_proxy_starts: Option<bool>,
    #[serde(default)]
    pub ca_certificates_pem: Vec<String>,
    #[serde(default)]
    pub image: ProxyImage,
    pub private_key_provider: Option<PrivateKeyProvider>,
    #[serde(default)]
    pub proxy_headers: ProxyHeaders,
    #[serde(default)]
    pub file_flush_interval: Opaque,
    #[serde(default)]
    pub file_flush_min_size_kb: Opaque,
    #[serde(default)]
    pub stats_compression: Opaque,
    pub connection_settings: Option<ConnectionSettings>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum InterceptionMode {
    Redirect,
    /// Keeps the client's address.
    Tproxy,
    None,
}

/// What stands in front of gateways.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GatewayTopology {
    /// How many proxies are trusted to append to `X-Forwarded-For`.
    #[serde(default)]
    pub num_trusted_proxies: u32,
    /// What becomes of `X-Forwarded-Client-Cert`.
    #[serde(default)]
    pub forward_client_cert_details: ForwardClientCertDetails,
    /// Whether connections begin with the PROXY header.
    pub proxy_protocol: Option<Opaque>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ForwardClientCertDetails {
    #[default]
    Undefined,
    Sanitize,
    ForwardOnly,
    AppendForward,
    SanitizeSet,
    AlwaysForwardOnly,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProxyImage {
    /// `default`, `debug` or `distroless`.
    #[serde(default)]
    pub image_type: String,
}

/// Headers that a proxy adds of its own.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProxyHeaders {
    #[serde(default)]
    pub forwarded_client_cert: Opaque,
    #[serde(default)]
    pub set_current_client_cert_details: Opaque,
    #[serde(default)]
    pub request_id: Opaque,
    #[serde(default)]
    pub server: Opaque,
    #[serde(default)]
    pub attempt_count: Opaque,
    #[serde(default)]
    pub envoy_debug_headers: Opaque,
    #[serde(default)]
    pub metadata_exchange_headers: Opaque,
    #[serde(default)]
    pub preserve_http1_header_case: Opaque,
    #[serde(default)]
    pub x_forwarded_host: Opaque,
    #[serde(default)]
    pub x_forwarded_port: Opaque,
}
