//! What a workload may see and reach.

use serde::{Deserialize, Serialize};

use super::{Labels, OutboundPolicy, is_default};
use crate::Reference;

/// The view of one namespace, or of the workloads that an Istio `Sidecar` selects. Visibility (`exportTo`,
/// `Sidecar` imports) and precedence (whose `VirtualService`, whose `DestinationRule`) are resolved here,
/// once, by the compiler.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Egress {
    #[serde(default, skip_serializing_if = "is_default")]
    pub outbound: OutboundPolicy,
    /// One a namespace that owns visible hosts: views that see the same of a namespace share its scope.
    /// No host stands in two of them.
    pub scopes: Vec<Reference>,
    /// Exceptions for some workloads (`DestinationRule.workloadSelector`). All that select one apply to it, in order:
    /// an entry replaces the one of the same host.
    #[serde(default, skip_serializing_if = "is_default")]
    pub overlays: Vec<Overlay>,
    /// Hosts that the workload is certain to call, so that their endpoints are fetched before the first
    /// request arrives; those of others may be fetched when one does. Sorted.
    #[serde(default, skip_serializing_if = "is_default")]
    pub certain: Vec<String>,
}

impl Egress {
    pub(crate) fn references(&self) -> impl Iterator<Item = &Reference> {
        self.overlays.iter().map(|overlay| &overlay.scope).chain(&self.scopes)
    }
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Overlay {
    pub labels: Labels,
    pub scope: Reference,
}

/// Hosts with one owner, as some view sees them; or those that a gateway's routes lead to. Sorted by name.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Scope {
    pub hosts: Vec<Host>,
}

impl Scope {
    pub(crate) fn references(&self) -> impl Iterator<Item = &Reference> {
        self.hosts.iter().flat_map(|host| host.routes.iter().chain(&host.service))
    }
}

/// A host, what it is and how requests for it are routed.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Host {
    /// Fully qualified, in lower case; `*.example.com` or `*` where a route or service is for all such hosts.
    pub name: String,
    /// Absent: no such service, but routes for the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Reference>,
    /// Absent: every request goes to the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes: Option<Reference>,
    /// Only a route may lead here: the view itself does not show the host.
    #[serde(default, skip_serializing_if = "is_default")]
    pub hidden: bool,
}
