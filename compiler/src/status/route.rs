//! The status of a route: what became of each of its parents. Source: Istio, `createRouteStatus`, `referenceAllowed`.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use super::condition::{Condition, Fault};
use super::existing::Said;
use super::reference::Reference;
use super::{Facts, GATEWAY_CONTROLLER, GROUP, ResourceStatus, Status, backend};
use crate::api::Resource;
use crate::api::gateway_api::{
    BackendObjectReference, HttpBackendRef, ParentReference, StreamBackendRef,
};
use crate::parse::DocumentId;
use crate::resolve;
use crate::resolve::gateway::{ApiGateway, Refusal};
use crate::resolve::route::{HttpRoute, Leave, Parent, Refusals, RefusedParent, StreamRoute};

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RouteStatus {
    pub parents: Vec<ParentStatus>,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ParentStatus {
    pub conditions: Vec<Condition>,
    pub controller_name: String,
    pub parent_ref: Reference,
}

/// A route of either sort.
struct Route<'m, 'a> {
    kind: &'static str,
    document: DocumentId,
    namespace: &'m str,
    name: &'m str,
    parent_refs: &'m [ParentReference],
    /// By place in `parent_refs`.
    parents: &'m [Parent<'a>],
    leads_to: LeadsTo<'m, 'a>,
}

#[derive(Clone, Copy)]
enum LeadsTo<'m, 'a> {
    Http(&'m HttpRoute<'a>),
    Stream(&'m StreamRoute<'a>),
}

impl<'m, 'a> Route<'m, 'a> {
    fn all(mesh: &'m resolve::Mesh<'a>) -> impl Iterator<Item = Self> {
        let http = mesh.http_routes.iter().map(|(_, route)| {
            let spec = &route.resource.spec;
            let of = (spec.kind.name(), spec.parent_refs.as_slice());
            Self::of(route.resource, of, &route.parents, LeadsTo::Http(route))
        });
        let stream = mesh.stream_routes.iter().map(|route| {
            let spec = &route.resource.spec;
            let of = (spec.kind.name(), spec.parent_refs.as_slice());
            Self::of(route.resource, of, &route.parents, LeadsTo::Stream(route))
        });
        http.chain(stream)
    }

    fn of<T>(
        resource: &'m Resource<T>,
        (kind, parent_refs): (&'static str, &'m [ParentReference]),
        parents: &'m [Parent<'a>],
        leads_to: LeadsTo<'m, 'a>,
    ) -> Self {
        let (document, namespace, name) = (resource.id, &*resource.namespace, resource.name());
        Self { kind, document, namespace, name, parent_refs, parents, leads_to }
    }

    /// What is wrong with where it leads to.
    fn fault(&self, leave: Leave) -> Option<Fault> {
        match self.leads_to {
            LeadsTo::Http(route) => backend::of_http(route, leave),
            LeadsTo::Stream(route) => backend::of_stream(route, leave),
        }
    }

    fn backends(&self) -> Vec<BackendObjectReference<'m>> {
        match self.leads_to {
            LeadsTo::Http(route) => {
                let all = route.resource.spec.rules.iter().flat_map(|rule| &rule.backend_refs);
                all.map(HttpBackendRef::object).collect()
            }
            LeadsTo::Stream(route) => {
                let all = route.resource.spec.rules.iter().flat_map(|rule| &rule.backend_refs);
                all.map(StreamBackendRef::object).collect()
            }
        }
    }

    /// The Gateways among its parents, as namespace and name.
    fn gateways(&self) -> impl Iterator<Item = (&'m str, &'m str)> {
        let is_gateway = |it: &&ParentReference| {
            it.group.as_deref().is_none_or(|group| group == GROUP)
                && it.kind.as_deref().is_none_or(|kind| kind == "Gateway")
        };
        let namespace = self.namespace;
        let name = move |it: &'m ParentReference| {
            (it.namespace.as_deref().unwrap_or(namespace), it.name.as_str())
        };
        self.parent_refs.iter().filter(is_gateway).map(name)
    }
}

/// Group, kind, namespace and name.
pub(super) type BackendName<'m> = (&'m str, &'m str, &'m str, &'m str);

/// From where routes lead to each backend: Gateways, as namespace and name.
#[derive(Default)]
pub(super) struct GatewaysBefore<'m>(HashMap<BackendName<'m>, BTreeSet<(&'m str, &'m str)>>);

impl<'m> GatewaysBefore<'m> {
    pub(super) fn of(mesh: &'m resolve::Mesh<'_>) -> Self {
        let mut all = Self::default();
        for route in Route::all(mesh) {
            for backend in route.backends() {
                let namespace = backend.namespace.unwrap_or(route.namespace);
                let name = (backend.group, backend.kind, namespace, backend.name);
                all.0.entry(name).or_default().extend(route.gateways());
            }
        }
        all
    }

    /// Sorted.
    pub(super) fn get(&self, backend: BackendName<'m>) -> impl Iterator<Item = (&'m str, &'m str)> {
        self.0.get(&backend).into_iter().flatten().copied()
    }
}

impl Facts<'_, '_> {
    pub(super) fn routes(&self, all: &mut Vec<ResourceStatus>) {
        for route in Route::all(self.mesh) {
            let status = Status::Route(RouteStatus { parents: self.parents(&route) });
            let named = (route.namespace, route.name);
            all.push(self.of_document(route.document, named, route.kind, status));
        }
    }

    fn parents(&self, route: &Route<'_, '_>) -> Vec<ParentStatus> {
        let mut new: Vec<(String, Said)> = Vec::new();
        for (reference, parent) in route.parent_refs.iter().zip(route.parents) {
            let Some(accepted) = self.accepted(route, reference, parent) else { continue };
            let leave =
                if matches!(parent, Parent::Mesh(_)) { Leave::Needless } else { Leave::Needed };
            let resolved = Condition::unless(
                route.fault(leave),
                "ResolvedRefs",
                "ResolvedRefs",
                "All references resolved",
            );
            let reference = Reference::from(reference);
            let key = reference.key(route.namespace);
            if new.iter().all(|(before, _)| *before != key) {
                new.push((key, Said::new(reference, vec![accepted, resolved], GATEWAY_CONTROLLER)));
            }
        }
        // As Istio orders them, backwards.
        new.sort_by(|(a, _), (b, _)| b.cmp(a));
        let merged = self.existing(route.document).merged(
            ("parents", "parentRef"),
            new.into_iter().map(|(_, said)| said).collect(),
            |controller| controller == GATEWAY_CONTROLLER,
            |a, b| a.key(route.namespace) == b.key(route.namespace),
        );
        merged.into_iter().map(ParentStatus::from).collect()
    }

    /// `None`: there is nobody whose business it would be.
    fn accepted(
        &self,
        route: &Route<'_, '_>,
        reference: &ParentReference,
        parent: &Parent<'_>,
    ) -> Option<Condition> {
        let accept = |fault, message: String| {
            Some(Condition::unless(fault, "Accepted", "Accepted", message))
        };
        let refused = |reason, gateway: &Resource<_>, refusals: &Refusals| {
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
    route: &Route<'_, '_>,
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

impl From<Said> for ParentStatus {
    fn from(Said { of, conditions, controller }: Said) -> Self {
        Self { conditions, controller_name: controller, parent_ref: of }
    }
}
