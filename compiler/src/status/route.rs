//! The status of a route: what became of each of its parents. Source: Istio, `createRouteStatus`, `referenceAllowed`.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::condition::{Condition, Fault, update};
use super::existing::{self, Existing};
use super::reference::Reference;
use super::{Facts, GATEWAY_CONTROLLER, GROUP, ResourceStatus, Status, backend};
use crate::api::gateway_api::ParentReference;
use crate::resolve::gateway::{ApiGateway, Refusal};
use crate::resolve::route::{Leave, Parent, Refusals, RefusedParent};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RouteStatus {
    pub parents: Vec<ParentStatus>,
}

#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ParentStatus {
    #[serde(default)]
    pub conditions: Vec<Condition>,
    pub controller_name: String,
    pub parent_ref: Reference,
}

/// Whose route it is, for those that tell of it.
struct Route<'r> {
    kind: &'static str,
    namespace: &'r str,
}

impl Facts<'_, '_> {
    pub(super) fn routes(&self, all: &mut Vec<ResourceStatus>) {
        for (_, route) in self.mesh.http_routes.iter() {
            let resource = route.resource;
            let own = Route { kind: resource.spec.kind.name(), namespace: &resource.namespace };
            let fault = |leave| backend::of_http(route, leave);
            let parents = resource.spec.parent_refs.iter().zip(&route.parents);
            let parents = self.parents(&own, parents, &fault, &self.existing(resource.id));
            all.push(self.of(resource, own.kind, Status::Route(RouteStatus { parents })));
        }
        for route in self.mesh.stream_routes.iter() {
            let resource = route.resource;
            let own = Route { kind: resource.spec.kind.name(), namespace: &resource.namespace };
            let fault = |leave| backend::of_stream(route, leave);
            let parents = resource.spec.parent_refs.iter().zip(&route.parents);
            let parents = self.parents(&own, parents, &fault, &self.existing(resource.id));
            all.push(self.of(resource, own.kind, Status::Route(RouteStatus { parents })));
        }
    }

    /// What others have written stays; what is ours is written anew in its place, or at the end.
    fn parents<'r>(
        &self,
        route: &Route<'_>,
        parents: impl Iterator<Item = (&'r ParentReference, &'r Parent<'r>)>,
        fault: &dyn Fn(Leave) -> Option<Fault>,
        existing: &Existing,
    ) -> Vec<ParentStatus> {
        let mut new: Vec<(String, Reference, Vec<Condition>)> = Vec::new();
        for (reference, parent) in parents {
            let Some(accepted) = self.accepted(route, reference, parent) else { continue };
            let leave =
                if matches!(parent, Parent::Mesh(_)) { Leave::Needless } else { Leave::Needed };
            let resolved = Condition::unless(
                fault(leave),
                "ResolvedRefs",
                "ResolvedRefs",
                "All references resolved",
            );
            let reference = Reference::from(reference);
            let key = reference.key(route.namespace);
            if new.iter().all(|(before, ..)| *before != key) {
                new.push((key, reference, vec![accepted, resolved]));
            }
        }
        // As Istio orders them, backwards.
        new.sort_by(|(a, ..), (b, ..)| b.cmp(a));
        let mut written = Vec::new();
        for before in existing.list("parents") {
            let Some(kept) = kept(before) else { continue };
            if kept.controller_name != GATEWAY_CONTROLLER {
                written.push(kept);
                continue;
            }
            let key = kept.parent_ref.key(route.namespace);
            let Some(at) = new.iter().position(|(own, ..)| *own == key) else { continue };
            let (_, parent_ref, conditions) = new.remove(at);
            let conditions = update(kept.conditions, conditions, existing.generation);
            written.push(ParentStatus { conditions, parent_ref, ..own() });
        }
        written.extend(new.into_iter().map(|(_, parent_ref, conditions)| ParentStatus {
            conditions: update(Vec::new(), conditions, existing.generation),
            parent_ref,
            ..own()
        }));
        written
    }

    /// `None`: there is nobody whose business it would be.
    fn accepted(
        &self,
        route: &Route<'_>,
        reference: &ParentReference,
        parent: &Parent<'_>,
    ) -> Option<Condition> {
        let accept = |fault, message: String| {
            Some(Condition::unless(fault, "Accepted", "Accepted", message))
        };
        let refused = |reason, gateway: &crate::api::Resource<_>, refusals: &Refusals| {
            let gateway = self.mesh.api_gateways.find(&gateway.namespace, gateway.name())?;
            let message = refusals_of(route, reference, gateway, refusals);
            accept(Some(Fault::new(reason, message)), String::new())
        };
        match parent {
            Parent::Gateway { listeners, .. } if listeners.len() > 1 => {
                let count = listeners.len();
                accept(None, format!("Route was valid, bound to {count} parents"))
            }
            Parent::Gateway { .. } | Parent::Mesh(_) => accept(None, "Route was valid".to_owned()),
            Parent::Refused(RefusedParent::NotAllowed(gateway, refusals)) => {
                refused("NotAllowedByListeners", *gateway, refusals)
            }
            Parent::Refused(RefusedParent::NoHostname(gateway, refusals)) => {
                refused("NoMatchingListenerHostname", *gateway, refusals)
            }
            Parent::Refused(RefusedParent::NoListener(gateway, refusals)) => {
                refused("NoMatchingParent", *gateway, refusals)
            }
            Parent::Refused(RefusedParent::Missing { kind, name, .. }) => {
                let what = match *kind {
                    "Service" => "parent service",
                    "ServiceEntry" => "parent service entry",
                    _ => return None,
                };
                let message = format!("{what}: {name:?} not found");
                accept(Some(Fault::new("NoMatchingParent", message)), String::new())
            }
            Parent::Refused(RefusedParent::NotOpened(_)) | Parent::Foreign => None,
        }
    }
}

/// What each listener says, one after the other.
fn refusals_of(
    route: &Route<'_>,
    reference: &ParentReference,
    gateway: &ApiGateway<'_>,
    refusals: &Refusals,
) -> String {
    let all = refusals.iter().map(|(index, refusal)| {
        let listener = gateway.listeners.get(*index);
        let hostname = listener.and_then(|it| it.spec.hostname.as_deref()).unwrap_or_default();
        match refusal {
            Refusal::Port => format!("port {} not found", reference.port.unwrap_or_default()),
            Refusal::Section => {
                let section = reference.section_name.as_deref().unwrap_or_default();
                format!("sectionName {section:?} not found")
            }
            Refusal::Hostname => format!("no hostnames matched parent hostname {hostname:?}"),
            Refusal::Namespace => format!(
                "hostnames matched parent hostname {hostname:?}, but namespace {:?} is not allowed by the parent",
                route.namespace
            ),
            Refusal::Kind => format!("kind {GROUP}/v1/{} is not allowed", route.kind),
        }
    });
    all.collect::<Vec<_>>().join("; ")
}

fn own() -> ParentStatus {
    ParentStatus {
        conditions: Vec::new(),
        controller_name: GATEWAY_CONTROLLER.to_owned(),
        parent_ref: Reference::default(),
    }
}

/// With those of its conditions that are some.
fn kept(parent: &Value) -> Option<ParentStatus> {
    let text = |name| parent.get(name)?.as_str().map(str::to_owned);
    Some(ParentStatus {
        conditions: existing::conditions(parent),
        controller_name: text("controllerName")?,
        parent_ref: serde_json::from_value(parent.get("parentRef")?.clone()).ok()?,
    })
}
