//! The two sides of a request, as labels name them.

use std::collections::BTreeMap;

use mesh_snapshot::object::{Labels, Workload};

/// The workload that this proxy is for, and the process.
#[derive(Clone, Debug, Default)]
pub struct Local {
    pub workload: Workload,
    /// The cluster's name, `Kubernetes` unless it has another.
    pub cluster: String,
    /// `spiffe://<trust domain>/ns/<namespace>/sa/<service account>`.
    pub principal: String,
    /// Of the proxy, as builds are told apart.
    pub version: String,
    pub hostname: String,
    /// For `%ENVIRONMENT(…)%` in access logs.
    pub environment: BTreeMap<String, String>,
}

/// The workload on the other side, as far as it is known; what is empty is not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Peer<'a> {
    pub workload: &'a str,
    pub namespace: &'a str,
    pub cluster: &'a str,
    /// The SPIFFE ID. Shown only of connections over which it was proved.
    pub principal: &'a str,
    /// Of its pods; none: not known.
    pub labels: Option<&'a Labels>,
}

/// A [`Peer`] that metrics know. Process-wide, and never used again for another.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PeerId(pub(super) u32);

impl PeerId {
    pub const UNKNOWN: Self = Self(0);
}

/// A service that metrics know.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ServiceId(pub(super) u32);

impl ServiceId {
    pub const UNKNOWN: Self = Self(0);
    /// Not of the mesh, and passed on to where the client was going.
    pub const PASSTHROUGH: Self = Self(1);
    /// Not of the mesh, and refused.
    pub const BLACK_HOLE: Self = Self(2);
    /// Came for a port of the workload that no service leads to.
    pub const INBOUND_PASSTHROUGH: Self = Self(3);
}
