//! What can be called.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Labels, is_default};

/// A host of the registry, from a Kubernetes Service or a `ServiceEntry`. How a client treats it is not
/// here ([`super::ClientPolicy`]), so that it is the same for all who see it and for those who serve it.
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
    /// Virtual addresses and CIDR blocks that an author gave it, sorted. Those that a cluster assigns are world.
    #[serde(default, skip_serializing_if = "is_default")]
    pub addresses: BTreeSet<String>,
    /// By number.
    pub ports: Vec<ServicePort>,
    pub discovery: Discovery,
    /// Identities that a server may prove besides that of the endpoint it is. Source: Istio,
    /// `ServiceEntry.subjectAltNames`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub subject_alt_names: BTreeSet<String>,
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
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
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
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Discovery {
    /// The world streams the members of a set that policy names: which workloads back a service changes
    /// with the snapshot, which of them are up does not.
    World {
        set: EndpointSet,
        /// Each endpoint is called by its own address too (`clusterIP: None`).
        #[serde(default, skip_serializing_if = "is_default")]
        headless: bool,
    },
    /// The author lists them (`ServiceEntry` with `resolution: STATIC`).
    Declared { endpoints: Vec<DeclaredEndpoint> },
    /// The proxy resolves these names and balances over every address (`DNS`), or uses one address a
    /// connection (`DNS_ROUND_ROBIN`). Without endpoints of its own, the service's host is the name.
    Dns {
        #[serde(default, skip_serializing_if = "is_default")]
        endpoints: Vec<DeclaredEndpoint>,
        #[serde(default, skip_serializing_if = "is_default")]
        round_robin: bool,
    },
    /// Where the client was going (`NONE`). A client that names the host instead of an address has it resolved by DNS.
    OriginalDestination,
}

/// What is subscribed to in the world. Instances are named by it and by nothing else, so that two
/// services, or one service in two snapshots, cannot be given each other's endpoints.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum EndpointSet {
    /// The instances of workloads of a namespace with all of these labels, of which there is at least one.
    Selected { namespace: String, labels: Labels },
    /// What the registry itself lists under a Service without a selector.
    Listed { namespace: String, service: String },
}

impl EndpointSet {
    #[must_use]
    pub fn namespace(&self) -> &str {
        match self {
            Self::Selected { namespace, .. } | Self::Listed { namespace, .. } => namespace,
        }
    }
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
    /// Not zero.
    pub weight: u32,
    /// `region/zone/subzone`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub locality: String,
    /// Meshed, with this service account of the service's namespace; empty: not meshed.
    #[serde(default, skip_serializing_if = "is_default")]
    pub service_account: String,
}
