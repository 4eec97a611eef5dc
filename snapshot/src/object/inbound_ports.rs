//! The ports at which a workload is reached, where an author says so.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use super::{ConnectionPool, Protocol, Termination, is_default};

/// In place of what the workload's Services say. Source: Istio, `Sidecar.ingress` and `Sidecar.inboundConnectionPool`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InboundPorts {
    /// By number. Empty: those that the Services say. Otherwise no other port is known, whatever they say.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ports: BTreeMap<u16, InboundPort>,
    /// Limits towards the application, at ports that have none of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_pool: Option<ConnectionPool>,
}

/// A port of a workload.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct InboundPort {
    /// As declared. Where the port ends TLS of its own, [`Protocol::Https`] is HTTP inside of it, and all else are bytes.
    #[serde(default, skip_serializing_if = "is_default")]
    pub protocol: Protocol,
    #[serde(default, skip_serializing_if = "is_default")]
    pub application: Application,
    /// How the port ends the TLS of its clients, where it takes no mutual TLS of the mesh (`PeerAuthentication` with
    /// mode `DISABLE`); what is no TLS is refused there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tls: Option<Termination>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_pool: Option<ConnectionPool>,
}

/// Where the application listens. Source: Istio, `IstioIngressListener.defaultEndpoint`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Application {
    /// Where the client was going.
    #[default]
    Destination,
    /// At this port of the address that the client was going to.
    Port(u16),
    /// Of this machine.
    Address(SocketAddr),
    /// An absolute path.
    Unix(String),
}
