//! One workload on this machine: where its proxy listens, and where its application should.

use std::net::SocketAddr;

use mesh_snapshot::object::{Credential, Workload};

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Station {
    pub workload: Workload,
    /// Of its one instance.
    pub instance: String,
    pub side: Side,
    /// Of its proxy, for operators and metrics.
    pub admin: SocketAddr,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Side {
    Sidecar {
        /// An HTTP proxy for what the application sends.
        outbound: SocketAddr,
        inbound: Vec<Inbound>,
    },
    Gateway {
        edges: Vec<Edge>,
    },
}

/// A port of the workload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Inbound {
    pub port: u16,
    /// Where the proxy takes what is for it.
    pub at: SocketAddr,
    /// Where the application is expected.
    pub application: SocketAddr,
}

/// A port that a gateway opens.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Edge {
    /// As the gateway would open it in a cluster.
    pub port: u16,
    /// What clients connect to in a cluster.
    pub server_port: u16,
    pub at: SocketAddr,
    pub tls: bool,
    /// Whom it answers for; `*`: everybody.
    pub hosts: Vec<String>,
    /// The secrets that its servers name.
    pub credentials: Vec<Credential>,
}

impl Station {
    /// `shop/reviews-v1`.
    pub(crate) fn name(&self) -> String {
        self.workload.full_name()
    }

    pub(crate) const fn is_gateway(&self) -> bool {
        matches!(self.side, Side::Gateway { .. })
    }

    /// The port of the workload, and where its proxy takes what is for it.
    pub(super) fn reached_at(&self) -> Vec<(u16, u16)> {
        match &self.side {
            Side::Sidecar { inbound, .. } => {
                inbound.iter().map(|inbound| (inbound.port, inbound.at.port())).collect()
            }
            Side::Gateway { edges } => {
                edges.iter().map(|edge| (edge.port, edge.at.port())).collect()
            }
        }
    }
}
