//! What holds for every proxy of the mesh. Source: Istio's `MeshConfig`.

use serde::{Deserialize, Serialize};

use super::{Microseconds, RetryPolicy, is_default};

/// The one object that every slice holds; a change to it concerns every proxy.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MeshDefaults {
    /// The SPIFFE trust domain of every identity of the mesh, `cluster.local` unless set.
    pub trust_domain: String,
    /// Domains whose identities are taken for those of `trust_domain`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub trust_domain_aliases: Vec<String>,
    /// The namespace whose policies hold for the whole mesh.
    pub root_namespace: String,
    /// The DNS suffix of Kubernetes services, without a leading dot.
    pub cluster_domain: String,
    /// Whether a client uses mutual TLS towards meshed endpoints when nobody says how to.
    pub auto_mtls: bool,
    pub path_normalization: PathNormalization,
    /// How requests are tried again where their route does not say.
    pub default_retry: RetryPolicy,
    pub connect_timeout: Microseconds,
    /// How long a port of unknown protocol waits for the client's first bytes; zero is for ever.
    pub protocol_detection_timeout: Microseconds,
    /// How many proxies in front of a gateway are trusted to append to `X-Forwarded-For`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub trusted_proxies: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub access_log: AccessLog,
}

/// What becomes of requests to hosts that the mesh does not know.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum OutboundPolicy {
    /// They pass, to where the client wanted to go (`PassthroughCluster`).
    #[default]
    AllowAny,
    /// They are answered with 502 (`BlackHoleCluster`).
    RegistryOnly,
}

/// The one normal form of a path that policy *and* routes see. Each mode does all that the one before it
/// does. Source: Istio, `MeshConfig.pathNormalization`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum PathNormalization {
    None,
    /// RFC 3986 normalisation, and `\` to `/`: Istio's default.
    #[default]
    Base,
    MergeSlashes,
    DecodeAndMergeSlashes,
}

/// Where and how requests are logged.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum AccessLog {
    #[default]
    Off,
    /// One line a request, in Envoy's format language; empty is Istio's default format.
    Text { file: String, format: String },
    /// One JSON object a request: the names and, in Envoy's format language, the values of its fields; none
    /// is Istio's default set.
    Json { file: String, fields: Vec<(String, String)> },
}
