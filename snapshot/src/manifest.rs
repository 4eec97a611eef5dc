//! The root of a snapshot and its sections: who gets which object.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use crate::object::{Labels, Role, Workload, is_default};
use crate::{Digest, Reference, canonical};

/// The version of everything in this crate that has bytes. A reader refuses any other.
pub const FORMAT: u32 = 1;

/// The root: its digest is the snapshot's, and what is signed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    pub format: u32,
    /// Every feature that some object needs: see [`crate::feature`]. Which of them a proxy needs its own
    /// slice tells; this list tells what an object that cannot be read may be about.
    pub features: BTreeSet<String>,
    /// The section that concerns workloads of every namespace.
    pub mesh: Digest,
    /// The sections of single namespaces. One that is absent here has no policy of its own.
    pub namespaces: BTreeMap<String, Digest>,
}

impl Manifest {
    /// The snapshot's name.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(&canonical::encode(self))
    }
}

/// The objects that concern workloads of one namespace, or of the mesh as a whole. What only other objects
/// refer to is not listed. Sorted by key.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Section {
    pub entries: Vec<Entry>,
}

impl Section {
    /// The labels that its entries select workloads by: each that has all of one of them is selected.
    pub fn selectors(&self) -> impl Iterator<Item = &Labels> {
        self.entries.iter().flat_map(|entry| match &entry.applies {
            Applies::Selected(selectors) => selectors.as_slice(),
            Applies::All | Applies::Gateways(_) | Applies::Addressed(_) => &[],
        })
    }
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    pub reference: Reference,
    pub applies: Applies,
    /// The place among the entries of its kind in the section, where they exclude each other or their order
    /// counts (`PeerAuthentication`, `Egress`, `RequestFilters`, `Gateway`): the least wins, or comes first. By Istio's rule
    /// that is age, then name, then namespace; whoever compiled it knew them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub rank: u32,
}

/// Which workloads an object concerns, among those that read its section: all workloads read the mesh's
/// and their own namespace's.
#[derive(Clone, Debug, Deserialize, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Applies {
    All,
    /// Those with all labels of at least one of these sets, none of which is empty.
    Selected(Vec<Labels>),
    /// The gateways that run one of these Gateway API `Gateway`s of the section's namespace (`targetRefs`).
    Gateways(BTreeSet<String>),
    /// Those with one of these addresses of their own: an author listed it.
    Addressed(BTreeSet<IpAddr>),
}

/// The label by which a pod says which Gateway API `Gateway` it runs. Source: Istio, `gateway.networking.k8s.io/gateway-name`.
pub const GATEWAY_NAME_LABEL: &str = "gateway.networking.k8s.io/gateway-name";

impl Applies {
    #[must_use]
    pub fn to(&self, workload: &Workload) -> bool {
        match self {
            Self::All => true,
            Self::Selected(selectors) => selectors.iter().any(|labels| workload.has(labels)),
            Self::Gateways(names) => {
                let runs = workload.labels.get(GATEWAY_NAME_LABEL);
                workload.role == Role::Gateway && runs.is_some_and(|name| names.contains(name))
            }
            Self::Addressed(addresses) => !addresses.is_disjoint(&workload.addresses),
        }
    }
}
