//! Typed names of objects.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::Digest;

/// What sort of object a [`Key`] names. Ordered as a reader meets them.
#[derive(Clone, Copy, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
pub enum Kind {
    MeshDefaults,
    Service,
    ClientPolicy,
    RouteTable,
    HostSet,
    HostSets,
    Egress,
    Gateway,
    InboundPorts,
    RequestFilters,
    PeerAuthentication,
    RequestAuthentication,
    AuthorizationPolicy,
}

impl Kind {
    /// What objects of this kind may refer to. Each leads to kinds that lead less far, so that no tree is
    /// deep and none is circular.
    #[must_use]
    pub const fn may_hold(self) -> &'static [Self] {
        match self {
            Self::Egress => &[Self::HostSet, Self::HostSets],
            Self::HostSets => &[Self::HostSet],
            Self::Gateway => &[Self::HostSet, Self::RouteTable],
            Self::HostSet => &[Self::Service, Self::ClientPolicy, Self::RouteTable],
            Self::MeshDefaults
            | Self::Service
            | Self::ClientPolicy
            | Self::RouteTable
            | Self::InboundPorts
            | Self::RequestFilters
            | Self::PeerAuthentication
            | Self::RequestAuthentication
            | Self::AuthorizationPolicy => &[],
        }
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MeshDefaults => "MeshDefaults",
            Self::Service => "Service",
            Self::ClientPolicy => "ClientPolicy",
            Self::RouteTable => "RouteTable",
            Self::HostSet => "HostSet",
            Self::HostSets => "HostSets",
            Self::Egress => "Egress",
            Self::Gateway => "Gateway",
            Self::InboundPorts => "InboundPorts",
            Self::RequestFilters => "RequestFilters",
            Self::PeerAuthentication => "PeerAuthentication",
            Self::RequestAuthentication => "RequestAuthentication",
            Self::AuthorizationPolicy => "AuthorizationPolicy",
        }
    }
}

/// The name of one object: stable from one snapshot to the next. Everything that refers to it has a clone, so a clone is cheap.
///
/// `name` is what the object's kind makes of it: a resource's name, a host, or a host and the view it
/// was resolved for (`reviews.shop.svc.cluster.local@web`). Within what one workload gets, it is unique;
/// a `Gateway` may be resolved in several ways, for workloads of several namespaces.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    pub kind: Kind,
    /// Empty for what belongs to the mesh as a whole.
    #[serde(default, skip_serializing_if = "str::is_empty")]
    pub namespace: Arc<str>,
    pub name: Arc<str>,
}

impl Key {
    #[must_use]
    pub fn new(kind: Kind, namespace: impl AsRef<str>, name: impl AsRef<str>) -> Self {
        Self { kind, namespace: namespace.as_ref().into(), name: name.as_ref().into() }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, namespace, name } = self;
        if namespace.is_empty() {
            write!(f, "{} {name}", kind.name())
        } else {
            write!(f, "{} {namespace}/{name}", kind.name())
        }
    }
}

/// An edge of the tree: the object's name, and the digest of what it holds.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Reference {
    pub key: Key,
    pub digest: Digest,
}
