//! The blocks of a `trafficPolicy`, and what they become.

mod connection_pool;
mod load_balancer;
mod outlier_detection;
mod tls;

use mesh_snapshot::object::{ConnectionPool, TrafficPolicy};

use crate::api::istio::{
    self, ClientTlsSettings, ConnectionPoolSettings, LoadBalancerSettings, OutlierDetection,
    TcpKeepalive,
};
use crate::resolve::Settings;

/// What the mesh configuration says of every upstream.
#[derive(Clone, Copy, Debug)]
pub(super) struct Defaults<'a> {
    tcp_keepalive: Option<&'a TcpKeepalive>,
    upgrades_to_http2: bool,
    /// For hosts without a `DestinationRule`.
    connection_pool: Option<&'a ConnectionPoolSettings>,
    /// The same.
    outlier_detection: Option<&'a OutlierDetection>,
}

impl<'a> Defaults<'a> {
    pub(super) fn of(settings: &Settings<'a>) -> Self {
        let spec = settings.config.map(|config| &config.spec);
        let policy = spec.map(|spec| &spec.default_traffic_policy);
        Self {
            tcp_keepalive: spec.and_then(|spec| spec.tcp_keepalive.as_ref()),
            upgrades_to_http2: settings.upgrades_to_http2,
            connection_pool: policy.and_then(|policy| policy.connection_pool.as_ref()),
            outlier_detection: policy.and_then(|policy| policy.outlier_detection.as_ref()),
        }
    }

    /// Limits towards a workload's own application, which is spoken to as it declares.
    pub(super) fn towards_application(&self, settings: &ConnectionPoolSettings) -> ConnectionPool {
        connection_pool::lower(Some(settings), self.tcp_keepalive, false)
    }

    /// For a host without a `DestinationRule`.
    pub(super) fn without_rule(&self) -> TrafficPolicy {
        let blocks = Blocks {
            connection_pool: self.connection_pool,
            outlier_detection: self.outlier_detection,
            ..Blocks::default()
        };
        blocks.lower(self)
    }
}

/// The blocks that are in force somewhere.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Blocks<'a> {
    load_balancer: Option<&'a LoadBalancerSettings>,
    connection_pool: Option<&'a ConnectionPoolSettings>,
    outlier_detection: Option<&'a OutlierDetection>,
    tls: Option<&'a ClientTlsSettings>,
}

impl<'a> Blocks<'a> {
    /// Those of a policy for a port; for the ports that it does not name, where there is none.
    pub(super) fn of(policy: Option<&'a istio::TrafficPolicy>, port: Option<u16>) -> Self {
        let Some(policy) = policy else { return Self::default() };
        match Self::of_port(policy, port) {
            Some(of_port) => of_port,
            None => Self {
                load_balancer: policy.load_balancer.as_ref(),
                connection_pool: policy.connection_pool.as_ref(),
                outlier_detection: policy.outlier_detection.as_ref(),
                tls: policy.tls.as_ref(),
            },
        }
    }

    /// These of a `subset`, and what is missing of `whole`; a port that the subset names stays as it is.
    pub(super) fn or_blocks_of(
        self,
        whole: Self,
        subset: &'a istio::TrafficPolicy,
        port: Option<u16>,
    ) -> Self {
        if Self::of_port(subset, port).is_some() {
            return self;
        }
        Self {
            load_balancer: self.load_balancer.or(whole.load_balancer),
            connection_pool: self.connection_pool.or(whole.connection_pool),
            outlier_detection: self.outlier_detection.or(whole.outlier_detection),
            tls: self.tls.or(whole.tls),
        }
    }

    /// Of several settings for one port the first.
    fn of_port(policy: &'a istio::TrafficPolicy, port: Option<u16>) -> Option<Self> {
        let wanted = port?;
        let settings = policy.port_level_settings.iter();
        let own = settings.into_iter().find(|settings| number(settings) == Some(wanted))?;
        Some(Self {
            load_balancer: own.load_balancer.as_ref(),
            connection_pool: own.connection_pool.as_ref(),
            outlier_detection: own.outlier_detection.as_ref(),
            tls: own.tls.as_ref(),
        })
    }

    pub(super) fn named_ports(policy: &istio::TrafficPolicy) -> impl Iterator<Item = u16> {
        policy.port_level_settings.iter().filter_map(number)
    }

    pub(super) fn lower(self, defaults: &Defaults<'_>) -> TrafficPolicy {
        TrafficPolicy {
            load_balancer: load_balancer::lower(self.load_balancer),
            connection_pool: connection_pool::lower(
                self.connection_pool,
                defaults.tcp_keepalive,
                defaults.upgrades_to_http2,
            ),
            outlier_detection: self.outlier_detection.map(outlier_detection::lower),
            tls: tls::lower(self.tls),
        }
    }
}

fn number(settings: &istio::PortTrafficPolicy) -> Option<u16> {
    settings.port.as_ref().and_then(|port| u16::try_from(port.number).ok())
}
