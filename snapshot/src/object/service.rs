//! What can be called.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{Labels, TrafficPolicy, is_default};

/// A host of the registry, from a Kubernetes Service or a `ServiceEntry`, with the traffic policy that
/// applies to a client of one view: Istio's `DestinationRule` is resolved into it, inheritance and all.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Service {
    /// Fully qualified, in lower case; may begin with `*.`.
    pub host: String,
    pub namespace: String,
    /// The short name: of the Service, or of the `ServiceEntry` (where it is the host again).
    pub name: String,
    /// Outside the mesh (`MESH_EXTERNAL`): never mutual TLS of the mesh, no peer metadata.
    #[serde(default, skip_serializing_if = "is_default")]
    pub external: bool,
    /// Virtual addresses and CIDR blocks that an author gave it. Those that a cluster assigns are world.
    #[serde(default, skip_serializing_if = "is_default")]
    pub addresses: Vec<String>,
    /// By number.
    pub ports: Vec<ServicePort>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub discovery: Discovery,
    /// For the ports that `port_policies` does not name.
    #[serde(default, skip_serializing_if = "is_default")]
    pub policy: TrafficPolicy,
    /// Complete in itself: nothing is inherited from `policy`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub port_policies: BTreeMap<u16, TrafficPolicy>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub subsets: BTreeMap<String, Subset>,
    /// Endpoints that refuse mutual TLS although they are meshed (`PeerAuthentication` mode `DISABLE`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub plaintext: Vec<PlaintextEndpoints>,
    /// Identities that a server may prove besides that of the endpoint it is. Source: Istio,
    /// `ServiceEntry.subjectAltNames`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub subject_alt_names: Vec<String>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServicePort {
    pub number: u16,
    #[serde(default, skip_serializing_if = "is_default")]
    pub name: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub protocol: Protocol,
    /// The endpoints' port.
    pub target: TargetPort,
}

#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum TargetPort {
    Number(u16),
    /// Of a container port, which each workload may number as it likes.
    Name(String),
}

/// What a port speaks. Source: Istio's protocol selection: `appProtocol`, then the prefix of the port's
/// name, then detection.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "camelCase")]
pub enum Protocol {
    /// Undeclared: HTTP where the client's first bytes are, TCP otherwise.
    #[default]
    Detect,
    Http,
    Http2,
    Grpc,
    GrpcWeb,
    /// HTTP inside TLS that the application speaks: to the proxy, [`Protocol::Tls`].
    Https,
    /// Opaque, routed by SNI.
    Tls,
    /// Opaque. Also what the mesh treats as such: Mongo, MySQL, Redis.
    Tcp,
    Udp,
}

impl Protocol {
    #[must_use]
    pub const fn is_http(self) -> bool {
        matches!(self, Self::Http | Self::Http2 | Self::Grpc | Self::GrpcWeb)
    }

    /// Whether the proxy speaks HTTP/2 to such a port.
    #[must_use]
    pub const fn is_http2(self) -> bool {
        matches!(self, Self::Http2 | Self::Grpc)
    }
}

/// Where a service's endpoints come from.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Discovery {
    /// The world streams them.
    #[default]
    World,
    /// The author lists them (`ServiceEntry` with `resolution: STATIC`).
    Declared(Vec<DeclaredEndpoint>),
    /// The proxy resolves these names and balances over every address (`DNS`), or uses one address a
    /// connection (`DNS_ROUND_ROBIN`). Without endpoints of its own, the service's host is the name.
    Dns { endpoints: Vec<DeclaredEndpoint>, round_robin: bool },
    /// Where the client was going (`NONE`, and headless services).
    OriginalDestination,
}

/// An endpoint that an author wrote into a `ServiceEntry`: policy, not world.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DeclaredEndpoint {
    /// An IP address, a DNS name, or `unix://` and an absolute path.
    pub address: String,
    /// Service port number → endpoint port. A port that is absent has the service's target.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ports: BTreeMap<u16, u16>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub labels: Labels,
    /// Zero is the same as one.
    #[serde(default, skip_serializing_if = "is_default")]
    pub weight: u32,
    /// `region/zone/subzone`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub locality: String,
    /// Meshed, with this service account of the service's namespace; empty: not meshed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub service_account: String,
}

/// Some of a service's endpoints, by label. `policy` and `port_policies` are complete in themselves.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Subset {
    #[serde(default, skip_serializing_if = "is_default")]
    pub labels: Labels,
    #[serde(default, skip_serializing_if = "is_default")]
    pub policy: TrafficPolicy,
    #[serde(default, skip_serializing_if = "is_default")]
    pub port_policies: BTreeMap<u16, TrafficPolicy>,
}

/// Whether endpoints with `labels` speak plain text, by workload port.
/// The first entry that has an endpoint's labels decides for it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlaintextEndpoints {
    #[serde(default, skip_serializing_if = "is_default")]
    pub labels: Labels,
    /// Workload port → whether it speaks plain text.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ports: BTreeMap<u16, bool>,
    /// For the ports that `ports` does not name.
    pub plaintext: bool,
}
