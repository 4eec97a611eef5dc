//! How clients treat an upstream: the part of a `DestinationRule` that stands at four levels of it, and of which the
//! mesh configuration has pieces.

mod connection_pool;
mod load_balancer;
mod locality;
mod outlier_detection;
mod tls;

pub use connection_pool::{
    ConnectionKeepalive, ConnectionPoolSettings, H2UpgradePolicy, HttpSettings, TcpKeepalive,
    TcpSettings,
};
pub use load_balancer::{
    BackendUtilization, ConsistentHash, CookieAttribute, HttpCookie, LoadBalancerSettings, Maglev,
    RingHash, SimpleLoadBalancer, WarmupConfiguration,
};
pub use locality::{Distribute, Failover, LocalityLbSetting, ZoneAwareLbSetting};
pub use outlier_detection::OutlierDetection;
pub use tls::{ClientTlsMode, ClientTlsSettings};

use schemars::JsonSchema;
use serde::Deserialize;

use super::PortSelector;
use crate::api::scalar::Duration;

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrafficPolicy {
    pub load_balancer: Option<LoadBalancerSettings>,
    pub connection_pool: Option<ConnectionPoolSettings>,
    /// When an endpoint is set aside.
    pub outlier_detection: Option<OutlierDetection>,
    /// How connections are secured. Absent: as the mesh decides (auto mTLS).
    pub tls: Option<ClientTlsSettings>,
    /// For single ports. One that is named takes nothing from the fields above.
    #[serde(default)]
    pub port_level_settings: Vec<PortTrafficPolicy>,
    /// Sends connections through an HTTP proxy.
    pub tunnel: Option<TunnelSettings>,
    /// Tells the upstream the client's address.
    pub proxy_protocol: Option<ProxyProtocol>,
    /// Bounds retries by a share of the requests.
    pub retry_budget: Option<RetryBudget>,
}

/// The policy of one port of the service.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PortTrafficPolicy {
    pub port: Option<PortSelector>,
    pub load_balancer: Option<LoadBalancerSettings>,
    pub connection_pool: Option<ConnectionPoolSettings>,
    pub outlier_detection: Option<OutlierDetection>,
    pub tls: Option<ClientTlsSettings>,
}

/// An HTTP proxy, and where it is asked to connect to.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TunnelSettings {
    /// `CONNECT` or `POST`. Empty: `CONNECT`.
    #[serde(default)]
    pub protocol: String,
    pub target_host: String,
    pub target_port: u32,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProxyProtocol {
    #[serde(default)]
    pub version: ProxyProtocolVersion,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
pub enum ProxyProtocolVersion {
    #[default]
    V1,
    V2,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetryBudget {
    /// Of the requests in flight, how many may be retries, 0 to 100. Absent: 20.
    pub percent: Option<f64>,
    /// So many retries are always allowed. Absent: 3.
    #[serde(default)]
    pub min_retry_concurrency: u32,
    /// Over what time the share is taken.
    pub budget_interval: Option<Duration>,
}
