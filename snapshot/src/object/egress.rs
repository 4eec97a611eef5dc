//! What a workload may see and reach.

use std::collections::{BTreeMap, BTreeSet};

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
    /// To which all goes that would pass to where the client wanted to go. Source: Istio,
    /// `Sidecar.outboundTrafficPolicy.egressProxy`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<EgressProxy>,
    /// Ports, sorted, at which HTTP is looked for although no host that is shown there speaks it.
    #[serde(default, skip_serializing_if = "is_default")]
    pub listening: Vec<u16>,
    /// [`HostSet`]s, or [`HostSets`] of them. No host stands in two of them.
    pub hosts: Vec<Reference>,
    /// Exceptions for some workloads (`DestinationRule.workloadSelector`). All that select one apply to it,
    /// in order: an entry replaces the one of the same host.
    #[serde(default, skip_serializing_if = "is_default")]
    pub overlays: Vec<Overlay>,
    /// Hosts that the workload is certain to call, so that their endpoints are fetched before the first
    /// request arrives; those of others may be fetched when one does.
    #[serde(default, skip_serializing_if = "is_default")]
    pub preload: BTreeSet<String>,
}

impl Egress {
    pub(crate) fn references(&self) -> impl Iterator<Item = &Reference> {
        self.overlays.iter().map(|overlay| &overlay.hosts).chain(&self.hosts)
    }
}

/// A service by which requests to unknown hosts go; one that the view does not show leads nowhere.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EgressProxy {
    /// Fully qualified.
    pub host: String,
    pub port: u16,
    /// Empty: the whole service.
    #[serde(default, skip_serializing_if = "is_default")]
    pub subset: String,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Overlay {
    pub labels: Labels,
    /// A [`HostSet`].
    pub hosts: Reference,
}

/// Hosts of one namespace, as some view sees them: views that see the same share the set. Of a large
/// namespace, a part, so that a change to one host does not send them all.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostSet {
    /// By name: fully qualified, in lower case; `*.example.com` or `*` where a route or a service is for all
    /// such hosts.
    pub hosts: BTreeMap<String, Host>,
    /// Meshed endpoints of the namespace that refuse mutual TLS (`PeerAuthentication` with mode `DISABLE`). The first entry that has an
    /// endpoint's labels decides; none: it accepts.
    #[serde(default, skip_serializing_if = "is_default")]
    pub plaintext: Vec<PlaintextEndpoints>,
}

impl HostSet {
    pub(crate) fn references(&self) -> impl Iterator<Item = &Reference> {
        self.hosts
            .values()
            .flat_map(|host| host.routes.iter().chain(&host.service).chain(&host.policy))
    }
}

/// Several [`HostSet`]s under one name. Where there are many of them, views that differ in few share the rest in bundles, so that a
/// mesh takes no space by the square of its namespaces.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HostSets {
    /// In order of their names.
    pub sets: Vec<Reference>,
}

/// What a host is, and how requests for it are treated.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Host {
    /// Absent: no such service, but routes for the host.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<Reference>,
    /// A [`super::ClientPolicy`]. Absent: the defaults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<Reference>,
    /// A [`super::RouteTable`]. Absent: every request goes to the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routes: Option<Reference>,
    /// Of a host without a service: the ports that its routes are for, sorted; none: port 80. Of one with a service:
    /// those that the service does not have, on which the host is its name alone. Source: Istio gives a host that has
    /// no service on a port the ports of the services that its `VirtualService` names beside it, and port 80.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ports: Vec<u16>,
    /// The ports of the service that the view shows, sorted; absent: all of them. To others only a route may lead, as to
    /// the whole service where there are none: then the view shows routes as those of a host without a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown_ports: Option<Vec<u16>>,
    /// Those of them at which requests go by `routes`, sorted; absent: all of them. At others they go to the service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub routed_ports: Option<Vec<u16>>,
}

/// Whether endpoints with `labels` speak plain text, by workload port.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlaintextEndpoints {
    #[serde(default, skip_serializing_if = "is_default")]
    pub labels: Labels,
    /// By workload port.
    #[serde(default, skip_serializing_if = "is_default")]
    pub ports: BTreeMap<u16, bool>,
    /// On the ports that `ports` does not name.
    #[serde(default, skip_serializing_if = "is_default")]
    pub other_ports: bool,
}
