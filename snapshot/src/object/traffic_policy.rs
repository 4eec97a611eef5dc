//! How a client treats one upstream. Source: Istio, `DestinationRule`.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Credential, Labels, Microseconds, PartsPerMillion, is_default};

/// The `DestinationRule` that applies to a host for the clients of one view, looked up and with its
/// inheritance resolved.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientPolicy {
    #[serde(default, skip_serializing_if = "is_default")]
    pub ports: PortPolicies,
    #[serde(default, skip_serializing_if = "is_default")]
    pub subsets: BTreeMap<String, Subset>,
}

/// Some of a service's endpoints, by label. Nothing is inherited from the whole.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Subset {
    #[serde(default, skip_serializing_if = "is_default")]
    pub labels: Labels,
    #[serde(default, skip_serializing_if = "is_default")]
    pub ports: PortPolicies,
}

/// A policy for each port. Every one is complete in itself.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PortPolicies {
    /// For the ports that `by_number` does not name.
    #[serde(default, skip_serializing_if = "is_default")]
    pub others: TrafficPolicy,
    /// By service port.
    #[serde(default, skip_serializing_if = "is_default")]
    pub by_number: BTreeMap<u16, TrafficPolicy>,
}

impl PortPolicies {
    #[must_use]
    pub fn of(&self, port: u16) -> &TrafficPolicy {
        self.by_number.get(&port).unwrap_or(&self.others)
    }

    pub fn iter(&self) -> impl Iterator<Item = &TrafficPolicy> {
        std::iter::once(&self.others).chain(self.by_number.values())
    }
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrafficPolicy {
    #[serde(default, skip_serializing_if = "is_default")]
    pub load_balancer: LoadBalancer,
    #[serde(default, skip_serializing_if = "is_default")]
    pub connection_pool: ConnectionPool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outlier_detection: Option<OutlierDetection>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub tls: ClientTls,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum LoadBalancer {
    Simple(SimpleBalancer),
    ConsistentHash { hash: Hash, table: HashTable },
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum HashTable {
    Ring {
        points_min: u64,
    },
    /// `size` is a prime.
    Maglev {
        size: u64,
    },
}

impl Default for LoadBalancer {
    fn default() -> Self {
        Self::Simple(SimpleBalancer::LeastRequest)
    }
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum SimpleBalancer {
    /// The less busy of two endpoints taken at random: Istio's default.
    #[default]
    LeastRequest,
    RoundRobin,
    Random,
    /// No balancing: where the client was going.
    Passthrough,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Hash {
    Header(String),
    /// A cookie that the proxy sets when the request has none, unless `ttl` is absent.
    Cookie {
        name: String,
        path: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ttl: Option<Microseconds>,
    },
    SourceIp,
    QueryParameter(String),
}

/// Limits towards one upstream, in one proxy. Zero is no limit but for Envoy's own, 2³² − 1.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ConnectionPool {
    #[serde(default, skip_serializing_if = "is_default")]
    pub connections_max: u32,
    /// Absent: the mesh's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect_timeout: Option<Microseconds>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp_keepalive: Option<TcpKeepalive>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_duration_max: Option<Microseconds>,
    /// Of a TCP connection. Absent: one hour, Envoy's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tcp_idle_timeout: Option<Microseconds>,
    /// Requests that wait for a connection.
    #[serde(default, skip_serializing_if = "is_default")]
    pub pending_requests_max: u32,
    /// Requests in flight.
    #[serde(default, skip_serializing_if = "is_default")]
    pub requests_max: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub requests_per_connection_max: u32,
    /// Retries in flight.
    #[serde(default, skip_serializing_if = "is_default")]
    pub retries_max: u32,
    /// Of a pooled HTTP connection without requests. Absent: one hour, Envoy's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_idle_timeout: Option<Microseconds>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub concurrent_streams_max: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub http_version: HttpVersion,
}

/// Which HTTP version the proxy speaks to an upstream.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum HttpVersion {
    /// What the port's protocol says; HTTP/1.1 where it says only HTTP.
    #[default]
    AsDeclared,
    /// HTTP/2 also where the port says only HTTP (`h2UpgradePolicy: UPGRADE`).
    Http2,
    /// What the client spoke (`useClientProtocol`).
    AsClient,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TcpKeepalive {
    /// Zero: the system's.
    #[serde(default, skip_serializing_if = "is_default")]
    pub probes: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub time: Microseconds,
    #[serde(default, skip_serializing_if = "is_default")]
    pub interval: Microseconds,
}

/// When an endpoint is ejected. All counts are of one proxy.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutlierDetection {
    /// Zero switches this cause off, like the next two.
    pub consecutive_5xx: u32,
    /// 502, 503, 504 and what a TCP connection fails with.
    pub consecutive_gateway_errors: u32,
    /// Failures of the proxy's own making (connect, time-out, reset), counted apart from answers.
    #[serde(default, skip_serializing_if = "is_default")]
    pub consecutive_local_origin_failures: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub split_local_origin_errors: bool,
    pub interval: Microseconds,
    pub base_ejection_time: Microseconds,
    /// The largest share of the endpoints that may be ejected at once.
    pub ejected_max: PartsPerMillion,
    /// Below this share of healthy endpoints ejections are ignored (panic); zero: never.
    #[serde(default, skip_serializing_if = "is_default")]
    pub healthy_min: PartsPerMillion,
}

/// How the proxy secures connections to an upstream.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ClientTls {
    /// Mutual TLS of the mesh towards meshed endpoints that accept it, plain text to others: auto mTLS.
    #[default]
    Auto,
    /// Plain text.
    Disable,
    /// Mutual TLS with the mesh's own identities, always.
    IstioMutual {
        /// Empty: the mesh's own form, `outbound_.<port>_.<subset>_.<host>`.
        #[serde(default, skip_serializing_if = "is_default")]
        sni: String,
        #[serde(default, skip_serializing_if = "is_default")]
        subject_alt_names: BTreeSet<String>,
    },
    /// TLS towards a server outside the mesh; mutual where there is a `credential` or a certificate's file.
    Originate {
        /// Empty: the host of the request.
        #[serde(default, skip_serializing_if = "is_default")]
        sni: String,
        #[serde(default, skip_serializing_if = "is_default")]
        subject_alt_names: BTreeSet<String>,
        /// A secret with the certificate and key that the client shows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        credential: Option<Credential>,
        /// Secrets with the CAs that may vouch for the server, and nobody else; where none of them is there, connections fail.
        /// Absent: the CA of `ca_file`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        authorities: Option<BTreeSet<Credential>>,
        /// Files at the proxy: CA, certificate, key; empty CA: the system's.
        #[serde(default, skip_serializing_if = "is_default")]
        ca_file: String,
        #[serde(default, skip_serializing_if = "is_default")]
        certificate_file: String,
        #[serde(default, skip_serializing_if = "is_default")]
        key_file: String,
        #[serde(default, skip_serializing_if = "is_default")]
        skip_verify: bool,
    },
}
