//! What runs: the unit that has an identity, a slice and a proxy.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::is_default;

/// Kubernetes labels: what selectors select by.
pub type Labels = BTreeMap<String, String>;

/// Which traffic a workload's proxy serves.
#[derive(
    Clone, Copy, Debug, Default, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// The workload's own: what it sends and what it receives.
    #[default]
    Sidecar,
    /// Others': a standing proxy that serves the `Gateway` objects that select it.
    Gateway,
}

/// A Deployment, `StatefulSet`, `DaemonSet` or Pod, or what joined as one: that which slices are cut for. No part of a
/// snapshot: a workload may join that no inventory lists, and a new label on one is no new policy.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Workload {
    pub namespace: String,
    pub name: String,
    /// Of its pods, not of the object that makes them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub labels: Labels,
    pub service_account: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub role: Role,
    /// Container ports by name; the unnamed ones under their number.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ports: BTreeMap<String, u16>,
    /// Addresses of its own that authors may list as endpoints (a machine, a pod with a fixed address). Those that a
    /// cluster gives to instances are world.
    #[serde(default, skip_serializing_if = "is_default")]
    pub addresses: BTreeSet<IpAddr>,
}

impl Workload {
    /// What it is called in its mesh: `shop/reviews-v1`.
    #[must_use]
    pub fn full_name(&self) -> String {
        format!("{}/{}", self.namespace, self.name)
    }

    /// Whether all of `selector` are among the labels; an empty selector selects everything.
    #[must_use]
    pub fn has(&self, selector: &Labels) -> bool {
        selector.iter().all(|(name, value)| self.labels.get(name) == Some(value))
    }
}
