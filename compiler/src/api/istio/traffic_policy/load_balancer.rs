//! Which endpoint gets a request.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{LocalityLbSetting, ZoneAwareLbSetting};
use crate::api::scalar::Duration;

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LoadBalancerSettings {
    /// One of the three.
    pub simple: Option<SimpleLoadBalancer>,
    /// The same client gets the same endpoint.
    pub consistent_hash: Option<ConsistentHash>,
    /// Endpoints report how busy they are.
    pub backend_utilization: Option<BackendUtilization>,
    /// Absent: the mesh's.
    pub locality_lb_setting: Option<LocalityLbSetting>,
    pub zone_aware_lb_setting: Option<ZoneAwareLbSetting>,
    /// An older way to say `warmup.duration`.
    pub warmup_duration_secs: Option<Duration>,
    /// How new endpoints get their share little by little.
    pub warmup: Option<WarmupConfiguration>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum SimpleLoadBalancer {
    /// As the mesh decides, which is `LEAST_REQUEST`.
    #[default]
    Unspecified,
    /// An older name of `LEAST_REQUEST`.
    LeastConn,
    Random,
    /// The address that the client was going to.
    Passthrough,
    RoundRobin,
    /// The less busy of two taken at random.
    LeastRequest,
}

/// What is hashed (one of four), and how.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConsistentHash {
    pub http_header_name: Option<String>,
    pub http_cookie: Option<HttpCookie>,
    pub use_source_ip: Option<bool>,
    pub http_query_parameter_name: Option<String>,
    pub ring_hash: Option<RingHash>,
    pub maglev: Option<Maglev>,
    /// An older way to say `ring_hash.minimum_ring_size`.
    #[serde(default)]
    pub minimum_ring_size: u64,
}

/// A cookie; one that the proxy makes if the request has none and there is a `ttl`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpCookie {
    pub name: String,
    #[serde(default)]
    pub path: String,
    /// Zero: until the browser is closed.
    pub ttl: Option<Duration>,
    /// Of the cookie that the proxy makes.
    #[serde(default)]
    pub attributes: Vec<CookieAttribute>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CookieAttribute {
    pub name: String,
    #[serde(default)]
    pub value: String,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RingHash {
    /// The least number of points on the ring. Zero: 1024.
    #[serde(default)]
    pub minimum_ring_size: u64,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Maglev {
    /// A prime. Zero: 65537.
    #[serde(default)]
    pub table_size: u64,
}

/// Weights from what endpoints report (ORCA).
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackendUtilization {
    pub error_utilization_penalty_percent: Option<f64>,
    #[serde(default)]
    pub metric_names_for_computing_utilization: Vec<String>,
    pub weight_expiration_period: Option<Duration>,
    pub weight_stabilization_period: Option<Duration>,
    pub weight_update_period: Option<Duration>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WarmupConfiguration {
    pub duration: Duration,
    /// The share that an endpoint begins with, 0 to 100. Absent: 10.
    pub minimum_percent: Option<f64>,
    /// How the share grows: 1 is evenly, more is later. Absent: 1.
    pub aggression: Option<f64>,
}
