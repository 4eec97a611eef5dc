//! The root of a snapshot and its sections: who gets which object.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::object::{Labels, Workload, is_default};
use crate::{Digest, Key, Reference, canonical};

/// The version of everything in this crate that has bytes. A reader refuses any other.
pub const FORMAT: u32 = 1;

/// The root: its digest is the snapshot's, and what is signed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    pub format: u32,
    /// Every feature that some object needs: see [`crate::feature`].
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

/// The objects of one namespace, or of the mesh as a whole, and whom they concern. Sorted by key.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Section {
    pub entries: Vec<Entry>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    pub reference: Reference,
    #[serde(default, skip_serializing_if = "is_default")]
    pub applies: Applies,
    /// When the resource was created, in seconds since 1970; zero where the source does not say, which
    /// counts as oldest. Among entries that apply and exclude each other, the oldest wins, then the one with the
    /// lesser key. Source: Istio, `pilot/pkg/model`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub created: i64,
}

/// Which workloads an object concerns, among those that read its section: all workloads read the mesh's
/// and their own namespace's.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Applies {
    /// None by itself: other objects refer to it.
    #[default]
    Referenced,
    All,
    /// Those with all of these labels, of which there is at least one.
    Selected(Labels),
}

impl Applies {
    #[must_use]
    pub fn to(&self, workload: &Workload) -> bool {
        match self {
            Self::Referenced => false,
            Self::All => true,
            Self::Selected(labels) => workload.has(labels),
        }
    }
}

impl Section {
    /// The entry of that name.
    #[must_use]
    pub fn get(&self, key: &Key) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| entry.reference.key.cmp(key)).ok()?;
        self.entries.get(at)
    }
}
