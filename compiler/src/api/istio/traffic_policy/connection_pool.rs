//! Limits towards one upstream, in one proxy.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::scalar::Duration;

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConnectionPoolSettings {
    pub tcp: Option<TcpSettings>,
    pub http: Option<HttpSettings>,
}

/// For all connections.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TcpSettings {
    /// Zero: no limit.
    #[serde(default)]
    pub max_connections: i32,
    /// Absent: the mesh's.
    pub connect_timeout: Option<Duration>,
    pub tcp_keepalive: Option<TcpKeepalive>,
    /// After which a connection is closed, whatever happens on it.
    pub max_connection_duration: Option<Duration>,
    /// After which a silent connection is closed. Absent: one hour.
    pub idle_timeout: Option<Duration>,
}

/// `SO_KEEPALIVE`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TcpKeepalive {
    /// After how many without answer the connection is dead. Zero: the system's.
    #[serde(default)]
    pub probes: u32,
    /// Of silence before the first probe.
    pub time: Option<Duration>,
    /// Between probes.
    pub interval: Option<Duration>,
}

/// For HTTP.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpSettings {
    /// How many requests may wait for a connection. Zero: no limit.
    #[serde(default)]
    pub http1_max_pending_requests: i32,
    /// How many requests may be in flight. Zero: no limit.
    #[serde(default)]
    pub http2_max_requests: i32,
    /// After how many requests a connection is closed. Zero: no limit.
    #[serde(default)]
    pub max_requests_per_connection: i32,
    /// How many retries may be in flight. Zero: no limit.
    #[serde(default)]
    pub max_retries: i32,
    /// After which a connection without requests is closed. Absent: one hour.
    pub idle_timeout: Option<Duration>,
    #[serde(default)]
    pub h2_upgrade_policy: H2UpgradePolicy,
    /// Whether the upstream is spoken to as the client spoke.
    #[serde(default)]
    pub use_client_protocol: bool,
    /// How many streams an HTTP/2 connection may have. Zero: no limit.
    #[serde(default)]
    pub max_concurrent_streams: i32,
    pub http2_keep_alive: Option<ConnectionKeepalive>,
}

/// Whether plain HTTP/1.1 becomes HTTP/2 on its way.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum H2UpgradePolicy {
    /// As the mesh says.
    #[default]
    Default,
    DoNotUpgrade,
    Upgrade,
}

/// PING frames.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConnectionKeepalive {
    pub interval: Option<Duration>,
    /// For the answer; then the connection is closed.
    pub timeout: Option<Duration>,
}
