//! What routes of the Gateway API are attached to. Source: Gateway API, `ParentReference`; Istio, `referenceAllowed`,
//! `createRouteStatus`.

use std::sync::Arc;

use crate::api::Resource;
use crate::api::gateway_api::{self, ParentReference};
use crate::resolve::gateway::{ApiGateway, ApiGateways, Listener, Refusal, SetState};
use crate::resolve::host::{Host, overlap};
use crate::resolve::service::Services;

/// What a route is attached to.
#[derive(Clone, Debug)]
pub enum Parent<'a> {
    /// Listeners of a Gateway, by their places in it.
    Gateway {
        gateway: &'a Resource<gateway_api::Gateway>,
        listeners: Vec<usize>,
    },
    /// A Service or a `ServiceEntry`: a route of the mesh.
    Mesh(MeshParent<'a>),
    Refused(RefusedParent<'a>),
    /// Another program's business.
    Foreign,
}

#[derive(Clone, Debug)]
pub struct MeshParent<'a> {
    /// Of the Service.
    pub namespace: &'a str,
    pub hosts: Vec<Host>,
    /// Absent: all of its ports.
    pub port: Option<u16>,
}

/// Why a route is not attached.
#[derive(Clone, Debug)]
pub enum RefusedParent<'a> {
    /// There is no Gateway, Service or `ServiceEntry` of this name.
    Missing { kind: &'a str, namespace: &'a str, name: &'a str },
    /// The Gateway has no listener of this name, or on this port.
    NoListener(&'a Resource<gateway_api::Gateway>, Refusals),
    /// No listener has a name in common with the route.
    NoHostname(&'a Resource<gateway_api::Gateway>, Refusals),
    /// No listener admits routes of this namespace, or of this kind.
    NotAllowed(&'a Resource<gateway_api::Gateway>, Refusals),
    /// The Gateway takes no routes: it is another cluster's, or none of the listeners that are meant is opened.
    NotOpened(&'a Resource<gateway_api::Gateway>),
}

/// Listeners by their places in their Gateway, and why each of them does not take the route. Only those that came
/// furthest.
pub type Refusals = Vec<(usize, Refusal)>;

/// A route that looks for its parents.
pub(super) struct Seeker<'r, 'a> {
    pub(super) kind: &'static str,
    pub(super) namespace: &'a str,
    pub(super) hostnames: &'r [Host],
}

impl<'a> Seeker<'_, 'a> {
    /// What a reference of it leads to.
    pub(super) fn parent(
        &self,
        reference: &'a ParentReference,
        gateways: &ApiGateways<'a>,
        services: &Services<'a>,
    ) -> Parent<'a> {
        let group = reference.group.as_deref().unwrap_or("gateway.networking.k8s.io");
        let kind = reference.kind.as_deref().unwrap_or("Gateway");
        let namespace = reference.namespace.as_deref().unwrap_or(self.namespace);
        let missing =
            || Parent::Refused(RefusedParent::Missing { kind, namespace, name: &reference.name });
        let port = reference.port.and_then(|port| u16::try_from(port).ok());
        match (group, kind) {
            ("gateway.networking.k8s.io", "Gateway") => {
                match gateways.find(namespace, &reference.name) {
                    Some(gateway) if gateway.class.is_others() => Parent::Foreign,
                    Some(gateway) => self.attach(reference, gateway, None),
                    None => missing(),
                }
            }
            ("gateway.networking.k8s.io", "ListenerSet") => {
                match gateways.set(namespace, &reference.name) {
                    Some(SetState::Added(gateway)) => {
                        let set = Some((namespace, reference.name.as_str()));
                        match gateways.find(&gateway.namespace, gateway.name()) {
                            Some(gateway) => self.attach(reference, gateway, set),
                            None => missing(),
                        }
                    }
                    Some(SetState::NotAllowed(gateway) | SetState::Unsupported(gateway)) => {
                        Parent::Refused(RefusedParent::NotOpened(gateway))
                    }
                    Some(SetState::Missing) | None => missing(),
                    Some(SetState::Foreign) => Parent::Foreign,
                }
            }
            ("", "Service") => match services.kubernetes(namespace, &reference.name) {
                Some((_, service)) => {
                    let hosts = vec![Arc::clone(&service.host)];
                    Parent::Mesh(MeshParent { namespace: service.namespace, hosts, port })
                }
                None => missing(),
            },
            ("networking.istio.io", "ServiceEntry") => {
                let ids = services.of_entry(namespace, &reference.name);
                let entries: Vec<_> = ids.map(|id| services.get(id)).collect();
                let hosts = entries.iter().map(|it| Arc::clone(&it.host)).collect();
                match entries.first() {
                    Some(first) => {
                        Parent::Mesh(MeshParent { namespace: first.namespace, hosts, port })
                    }
                    None => missing(),
                }
            }
            _ => Parent::Foreign,
        }
    }

    /// Tries every listener of the Gateway; what refuses those that came furthest is what is told.
    /// `set` is the `ListenerSet` whose listeners are meant; absent: the Gateway's own.
    fn attach(
        &self,
        reference: &ParentReference,
        gateway: &ApiGateway<'a>,
        set: Option<(&str, &str)>,
    ) -> Parent<'a> {
        let resource = gateway.resource;
        let opened = |it: &&Listener<'_>| is_of(set, it) && it.takes_routes();
        let opened: Vec<_> = gateway.listeners.iter().filter(opened).collect();
        if opened.is_empty() || !gateway.class.has_routes() {
            return Parent::Refused(RefusedParent::NotOpened(resource));
        }
        let tried = opened.iter().map(|it| (it.index, self.refusal(reference, it)));
        let (attached, refused): (Vec<_>, Vec<_>) = tried.partition(|(_, it)| it.is_none());
        if !attached.is_empty() {
            let listeners = attached.into_iter().map(|(index, _)| index).collect();
            return Parent::Gateway { gateway: resource, listeners };
        }
        let refused: Refusals =
            refused.into_iter().filter_map(|(index, it)| Some((index, it?))).collect();
        let furthest = refused.iter().map(|(_, it)| it.step()).max();
        let furthest: Refusals =
            refused.into_iter().filter(|(_, it)| Some(it.step()) == furthest).collect();
        Parent::Refused(match furthest.first() {
            Some((_, Refusal::Namespace | Refusal::Kind)) => {
                RefusedParent::NotAllowed(resource, furthest)
            }
            Some((_, Refusal::Hostname)) => RefusedParent::NoHostname(resource, furthest),
            _ => RefusedParent::NoListener(resource, furthest),
        })
    }

    /// Why a listener does not take the route. `None`: it does.
    fn refusal(&self, reference: &ParentReference, listener: &Listener<'_>) -> Option<Refusal> {
        if reference.port.is_some_and(|port| listener.spec.port != port) {
            return Some(Refusal::Port);
        }
        if reference.section_name.as_ref().is_some_and(|name| listener.spec.name != *name) {
            return Some(Refusal::Section);
        }
        if !self.hostnames.iter().any(|name| overlap(name, &listener.hostname)) {
            return Some(Refusal::Hostname);
        }
        if !listener.admits_namespace(self.namespace) {
            return Some(Refusal::Namespace);
        }
        (!listener.kinds().0.contains(&self.kind)).then_some(Refusal::Kind)
    }
}

fn is_of(set: Option<(&str, &str)>, listener: &Listener<'_>) -> bool {
    listener.set.map(|it| (it.namespace.as_str(), it.name())) == set
}
