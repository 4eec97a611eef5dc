//! What a controller would write into the `status` of the Gateway API's resources, in Istio's words.
//!
//! A status tells what `resolve` has decided: whether a listener is opened, whom a route is attached to, where a backend
//! is. Findings read the same decisions, so that the two never disagree. It is plain data: whoever has a cluster writes it
//! there, and adds the time.
//!
//! What only a running mesh knows is taken from what the input holds, as if that were the cluster:
//!
//! - a Gateway is programmed where the Service in front of its proxies is among the input and has the listeners' ports;
//!   Istio would make `NAME-istio`, and here nothing is made that the input does not hold;
//! - its addresses are those that this Service has, in `spec.externalIPs` or in its own status;
//! - a Secret or a `ConfigMap` is missing only where the input holds others of its sort (see `resolve::Held`);
//! - what a `status` already says is kept where it is another controller's.

mod address;
mod backend;
mod class;
mod condition;
mod existing;
mod gateway;
mod listener;
mod listener_set;
mod material;
mod policy;
mod reference;
mod route;

#[cfg(test)]
mod tests;

use serde::Serialize;

pub use address::{Address, AddressKind};
pub use class::ClassStatus;
pub use condition::{Condition, Truth};
pub use gateway::GatewayStatus;
pub use listener::{ListenerStatus, SupportedKind};
pub use listener_set::ListenerSetStatus;
pub use policy::{AncestorStatus, PolicyStatus};
pub use reference::Reference;
pub use route::{ParentStatus, RouteStatus};

use crate::api::Resource;
use crate::parse::{DocumentId, Parsed};
use crate::resolve;
use existing::Existing;

/// Who writes the statuses of what is at the edge.
pub(crate) const GATEWAY_CONTROLLER: &str = "istio.io/gateway-controller";
/// Who writes those of what is for the whole mesh.
pub(crate) const MESH_CONTROLLER: &str = "istio.io/mesh-controller";
/// The Gateway API's group.
const GROUP: &str = "gateway.networking.k8s.io";

/// A resource, and its status.
#[derive(Clone, Debug, PartialEq)]
pub struct ResourceStatus {
    /// As its author wrote it, `gateway.networking.k8s.io/v1`.
    pub api_version: String,
    pub kind: &'static str,
    /// Empty for a `GatewayClass`.
    pub namespace: String,
    pub name: String,
    pub document: DocumentId,
    pub status: Status,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Status {
    Class(ClassStatus),
    Gateway(GatewayStatus),
    ListenerSet(ListenerSetStatus),
    Route(RouteStatus),
    Policy(PolicyStatus),
}

/// The statuses of all resources that have one here: by kind, namespace and name. What is another controller's has none.
#[must_use]
pub(crate) fn statuses(mesh: &resolve::Mesh<'_>, parsed: &Parsed) -> Vec<ResourceStatus> {
    let facts = Facts { mesh, parsed };
    let mut all = Vec::new();
    facts.classes(&mut all);
    facts.gateways(&mut all);
    facts.listener_sets(&mut all);
    facts.routes(&mut all);
    facts.policies(&mut all);
    all.sort_by(|a, b| {
        (a.kind, &a.namespace, &a.name, a.document).cmp(&(
            b.kind,
            &b.namespace,
            &b.name,
            b.document,
        ))
    });
    all
}

/// What statuses are made of.
struct Facts<'m, 'a> {
    mesh: &'m resolve::Mesh<'a>,
    parsed: &'m Parsed,
}

impl Facts<'_, '_> {
    fn existing(&self, document: DocumentId) -> Existing {
        Existing::of(self.parsed, document)
    }

    fn of<T>(&self, resource: &Resource<T>, kind: &'static str, status: Status) -> ResourceStatus {
        self.of_document(resource.id, (&resource.namespace, resource.name()), kind, status)
    }

    fn of_document(
        &self,
        document: DocumentId,
        (namespace, name): (&str, &str),
        kind: &'static str,
        status: Status,
    ) -> ResourceStatus {
        let identity = &self.parsed.document(document).identity;
        ResourceStatus {
            api_version: identity.api_version.to_string(),
            kind,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            document,
            status,
        }
    }
}

/// With `apiVersion`, `kind` and `metadata`, as `kubectl` shows a resource.
impl Serialize for ResourceStatus {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Metadata<'s> {
            name: &'s str,
            #[serde(skip_serializing_if = "str::is_empty")]
            namespace: &'s str,
        }
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Document<'s> {
            api_version: &'s str,
            kind: &'s str,
            metadata: Metadata<'s>,
            status: &'s Status,
        }
        let metadata = Metadata { name: &self.name, namespace: &self.namespace };
        let (api_version, kind, status) = (&self.api_version, self.kind, &self.status);
        Document { api_version, kind, metadata, status }.serialize(serializer)
    }
}
