//! The service that was asked, as labels name it.

/// A service that metrics know. Process-wide, and never used again for another.
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
    /// There are more than metrics may know.
    pub(super) const OVERFLOW: Self = Self(4);
}

/// What is empty is not known.
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub(super) struct Service {
    pub(super) host: String,
    pub(super) name: String,
    pub(super) namespace: String,
}

impl Service {
    pub(super) fn new(host: &str, name: &str, namespace: &str) -> Self {
        Self { host: host.to_owned(), name: name.to_owned(), namespace: namespace.to_owned() }
    }

    /// Those whose numbers are constants, in their order. The names are those of Istio's clusters.
    pub(super) fn constants() -> [Self; 5] {
        [
            Self::default(),
            Self::new("", "PassthroughCluster", ""),
            Self::new("", "BlackHoleCluster", ""),
            Self::new("", "InboundPassthroughCluster", ""),
            Self::new("__overflow__", "__overflow__", ""),
        ]
    }
}
