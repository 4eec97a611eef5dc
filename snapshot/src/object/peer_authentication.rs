//! What a workload asks of its callers' connections. Source: Istio `PeerAuthentication`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::is_default;

/// Rules for the workloads that its entry in the section selects. The engine reads a workload's from the
/// narrowest to the widest; `None` leaves the question to the next.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PeerAuthentication {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<MtlsMode>,
    /// By workload port, not service port. A port that is not here has `mode`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ports: BTreeMap<u16, MtlsMode>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum MtlsMode {
    Disable,
    /// Both: what Istio does where nobody says.
    #[default]
    Permissive,
    Strict,
}
