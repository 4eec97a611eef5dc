//! Which workloads a policy is for.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{AuthorizationPolicy, RequestAuthentication, Telemetry, TrafficExtension, WasmPlugin};
use crate::diagnostic::FieldPath;

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

/// What a policy says that it is for: one of the three; none: all workloads of the namespace, and in the root namespace of
/// the mesh.
#[derive(Clone, Copy, Debug, Default)]
pub struct Attachment<'a> {
    pub selector: Option<&'a WorkloadSelector>,
    /// An older way to say `targets`, which win.
    pub target: Option<&'a TargetReference>,
    pub targets: &'a [TargetReference],
}

impl<'a> Attachment<'a> {
    #[must_use]
    pub const fn is_targeted(self) -> bool {
        self.target.is_some() || !self.targets.is_empty()
    }

    /// The targets that count, with where each is written.
    pub fn targeted(self) -> impl Iterator<Item = (FieldPath, &'a TargetReference)> {
        let spec = || FieldPath::default().field("spec");
        let one = self.target.filter(|_| self.targets.is_empty());
        let several = self.targets.iter().enumerate();
        let several = several.map(move |(at, it)| (spec().field("targetRefs").index(at), it));
        one.into_iter().map(move |it| (spec().field("targetRef"), it)).chain(several)
    }
}

/// A policy that is for workloads, or for what they serve.
pub trait Attached {
    fn attachment(&self) -> Attachment<'_>;
}

macro_rules! attached {
    ($($policy:ty),*) => {$(
        impl Attached for $policy {
            fn attachment(&self) -> Attachment<'_> {
                let (selector, target) = (self.selector.as_ref(), self.target_ref.as_ref());
                Attachment { selector, target, targets: &self.target_refs }
            }
        }
    )*};
}

attached!(AuthorizationPolicy, RequestAuthentication, Telemetry, WasmPlugin);

impl Attached for TrafficExtension {
    fn attachment(&self) -> Attachment<'_> {
        let selector = self.selector.as_ref();
        Attachment { selector, target: None, targets: &self.target_refs }
    }
}
