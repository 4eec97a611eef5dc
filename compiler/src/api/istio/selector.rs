//! Which workloads a policy is for.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

/// Labels that a workload's pods must all have. Source: Istio, `WorkloadSelector` of `type/v1beta1`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkloadSelector {
    /// Empty: all workloads of the namespace.
    #[serde(default)]
    pub match_labels: BTreeMap<String, String>,
}

/// The resource that a policy is for: a Gateway, a `GatewayClass`, a Service or a `ServiceEntry` of the same namespace.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TargetReference {
    /// Empty: Kubernetes' core group.
    #[serde(default)]
    pub group: String,
    pub kind: String,
    pub name: String,
    /// Must be empty, or that of the policy.
    #[serde(default)]
    pub namespace: String,
}
