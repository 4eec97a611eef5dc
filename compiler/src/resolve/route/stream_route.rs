//! `TLSRoute`s and `TCPRoute`s: what they are attached to, and what they lead to.

use std::collections::BTreeMap;

use super::backend::{Backend, Backends};
use super::parent::{Parent, Seeker};
use crate::api::{Mesh, Resource, gateway_api};
use crate::parse::DocumentId;
use crate::resolve::Age;
use crate::resolve::gateway::{ApiGateways, Listener};
use crate::resolve::host::{Host, intersection, lower};

#[derive(Clone, Debug)]
pub struct StreamRoute<'a> {
    pub resource: &'a Resource<gateway_api::StreamRoute>,
    /// Server names; `*` where none is written.
    pub hostnames: Vec<Host>,
    /// By place in `spec.parentRefs`.
    pub parents: Vec<Parent<'a>>,
    /// By place in `spec.rules`, and there in `backendRefs`.
    pub rules: Vec<Vec<Backend>>,
}

/// All routes, ready to be looked up.
#[derive(Clone, Debug, Default)]
pub struct StreamRoutes<'a> {
    /// The oldest first, as the Gateway API orders them.
    all: Vec<StreamRoute<'a>>,
    /// Gateway and place of the listener → the places of routes that attach there.
    listeners: BTreeMap<(DocumentId, usize), Vec<usize>>,
}

impl<'a> StreamRoutes<'a> {
    pub(in crate::resolve) fn of(
        mesh: &'a Mesh,
        gateways: &ApiGateways<'a>,
        backends: &Backends<'_, 'a>,
    ) -> Self {
        let resolve = |resource| resolve(resource, gateways, backends);
        let mut all: Vec<_> = mesh.stream_routes.iter().map(resolve).collect();
        all.sort_by_key(|route| {
            (Age::of(route.resource).in_gateway_api(), route.resource.spec.kind)
        });
        let mut listeners: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (place, route) in all.iter().enumerate() {
            for parent in &route.parents {
                let Parent::Gateway { gateway, listeners: places } = parent else { continue };
                for listener in places {
                    let attached = listeners.entry((gateway.id, *listener)).or_default();
                    if attached.last() != Some(&place) {
                        attached.push(place);
                    }
                }
            }
        }
        Self { all, listeners }
    }

    pub fn iter(&self) -> impl Iterator<Item = &StreamRoute<'a>> {
        self.all.iter()
    }

    /// The routes that attach to a listener, the oldest first.
    pub fn of_listener(
        &self,
        gateway: DocumentId,
        listener: usize,
    ) -> impl Iterator<Item = &StreamRoute<'a>> {
        let places = self.listeners.get(&(gateway, listener)).into_iter().flatten();
        places.filter_map(|place| self.all.get(*place))
    }
}

fn resolve<'a>(
    resource: &'a Resource<gateway_api::StreamRoute>,
    gateways: &ApiGateways<'a>,
    backends: &Backends<'_, 'a>,
) -> StreamRoute<'a> {
    let spec = &resource.spec;
    let from = (spec.kind.name(), resource.namespace.as_str());
    let mut hostnames: Vec<Host> = spec.hostnames.iter().map(|name| lower(name)).collect();
    if hostnames.is_empty() {
        hostnames.push("*".into());
    }
    let seeker = Seeker { kind: from.0, namespace: &resource.namespace, hostnames: &hostnames };
    let parents = spec.parent_refs.iter();
    let parents = parents.map(|it| seeker.parent(it, gateways, backends.services)).collect();
    let rules = spec
        .rules
        .iter()
        .map(|rule| rule.backend_refs.iter().map(|it| backends.find(it.object(), from)).collect());
    StreamRoute { resource, parents, rules: rules.collect(), hostnames }
}

impl StreamRoute<'_> {
    /// The server names under which a listener serves the route: what its own and the listener's have in common.
    #[must_use]
    pub fn hosts_at(&self, listener: &Listener<'_>) -> Vec<Host> {
        let common = |name| intersection(&listener.hostname, name).cloned();
        self.hostnames.iter().filter_map(common).collect()
    }
}
