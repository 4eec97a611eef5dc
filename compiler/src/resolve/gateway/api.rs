//! The Gateway API's `Gateway`. Source: Istio, `pilot/pkg/config/kube/gateway`.

use std::collections::BTreeMap;

use super::certificate::{Certificate, ClientCheck};
use super::class::Class;
use super::listener::{Home, Listener};
use crate::api::gateway_api::{self, AllowedListeners, ListenerNamespacesFrom};
use crate::api::{Mesh, Resource};
use crate::resolve::grant::Grants;
use crate::resolve::held::Holdings;
use crate::resolve::host::is_wildcard;
use crate::resolve::{Age, Namespaces};

#[derive(Clone, Debug)]
pub struct ApiGateway<'a> {
    pub resource: &'a Resource<gateway_api::Gateway>,
    pub age: Age<'a>,
    pub class: Class,
    /// Its own first, by place in `spec.listeners`, then those of `ListenerSet`s, of the oldest first.
    pub listeners: Vec<Listener<'a>>,
    /// What backends are to be shown.
    pub client_certificate: Option<Certificate>,
}

/// On Gateways: an account that is there already.
const SERVICE_ACCOUNT: &str = "gateway.istio.io/service-account";

impl<'a> ApiGateway<'a> {
    /// The service account of the pods that Istio makes for it. Source: Istio, "Automated Deployment",
    /// `gateway.istio.io/service-account`.
    #[must_use]
    pub fn account(&self) -> String {
        let named = self.resource.metadata.annotations.get(SERVICE_ACCOUNT);
        named.cloned().unwrap_or_else(|| self.class.name_of_made(self.resource))
    }

    /// Listeners on the port of one that have names of their own, which are not for it.
    /// Source: Istio, `hostnameAllowedByIsolation`.
    #[must_use]
    pub fn narrower_than(&self, listener: &Listener<'a>) -> Vec<&Listener<'a>> {
        if !is_wildcard(&listener.hostname) {
            return Vec::new();
        }
        let is_beside = |it: &&Listener<'_>| {
            it.index != listener.index
                && it.conflict.is_none()
                && it.port == listener.port
                && it.protocol == listener.protocol
                && it.hostname != listener.hostname
                && it.hostname.len() >= listener.hostname.len()
        };
        self.listeners.iter().filter(is_beside).collect()
    }
}

/// All of them, the oldest first.
#[derive(Clone, Debug, Default)]
pub struct ApiGateways<'a> {
    all: Vec<ApiGateway<'a>>,
    by_name: BTreeMap<(&'a str, &'a str), usize>,
    /// By namespace and name.
    sets: BTreeMap<(&'a str, &'a str), SetState<'a>>,
}

/// What became of a `ListenerSet`.
#[derive(Clone, Copy, Debug)]
pub enum SetState<'a> {
    /// Its listeners are of this Gateway.
    Added(&'a Resource<gateway_api::Gateway>),
    /// The Gateway's `allowedListeners` does not let it in.
    NotAllowed(&'a Resource<gateway_api::Gateway>),
    /// Gateways of the class take no sets at all.
    Unsupported(&'a Resource<gateway_api::Gateway>),
    Missing,
    /// Another program's business.
    Foreign,
}

impl<'a> ApiGateways<'a> {
    pub(in crate::resolve) fn of(
        mesh: &'a Mesh,
        namespaces: &Namespaces<'a>,
        grants: &Grants<'a>,
        holdings: &Holdings<'a>,
    ) -> Self {
        let known = Known { namespaces, grants, holdings };
        let mut all: Vec<_> = mesh.api_gateways.iter().map(|it| known.gateway(it, mesh)).collect();
        all.sort_by_key(|gateway| gateway.age);
        let names = all.iter().enumerate();
        let by_name = names
            .map(|(index, it)| ((it.resource.namespace.as_str(), it.resource.name()), index))
            .collect();
        let mut gateways = Self { all, by_name, sets: BTreeMap::new() };
        let mut sets: Vec<_> = mesh.listener_sets.iter().collect();
        sets.sort_by_key(|set| Age::of(set).in_gateway_api());
        for set in sets {
            let state = gateways.add_set(set, &known);
            gateways.sets.insert((set.namespace.as_str(), set.name()), state);
        }
        for gateway in gateways.all.iter_mut().filter(|it| it.class == Class::Mesh) {
            find_conflicts(&mut gateway.listeners);
        }
        gateways
    }

    fn add_set(
        &mut self,
        set: &'a Resource<gateway_api::ListenerSet>,
        known: &Known<'_, 'a>,
    ) -> SetState<'a> {
        let parent = &set.spec.parent_ref;
        let group = parent.group.as_deref().unwrap_or("gateway.networking.k8s.io");
        let kind = parent.kind.as_deref().unwrap_or("Gateway");
        if (group, kind) != ("gateway.networking.k8s.io", "Gateway") {
            return SetState::Foreign;
        }
        let namespace = parent.namespace.as_deref().unwrap_or(&set.namespace);
        let index = self.by_name.get(&(namespace, parent.name.as_str())).copied();
        let Some(gateway) = index.and_then(|index| self.all.get_mut(index)) else {
            return SetState::Missing;
        };
        let resource = gateway.resource;
        match gateway.class {
            Class::Mesh => {}
            Class::Waypoint | Class::EastWest | Class::Remote => {
                return SetState::Unsupported(resource);
            }
            Class::Foreign | Class::Unknown => return SetState::Foreign,
        }
        let allowed = &resource.spec.allowed_listeners;
        if !admits_set(allowed, &resource.namespace, &set.namespace, known.namespaces) {
            return SetState::NotAllowed(resource);
        }
        for (place, spec) in set.spec.listeners.iter().enumerate() {
            let home = Home { kind: "ListenerSet", namespace: &set.namespace, document: set.id };
            let mut added = known.listener(place, spec, &home, resource);
            added.index = gateway.listeners.len();
            added.set = Some(set);
            gateway.listeners.push(added);
        }
        SetState::Added(resource)
    }

    /// What became of a `ListenerSet`. `None`: there is no such one.
    #[must_use]
    pub fn set(&self, namespace: &str, name: &str) -> Option<SetState<'a>> {
        self.sets.get(&(namespace, name)).copied()
    }

    /// Every `ListenerSet`, by namespace and name, and what became of it.
    pub fn sets(&self) -> impl Iterator<Item = (&'a str, &'a str, SetState<'a>)> {
        self.sets.iter().map(|(&(namespace, name), state)| (namespace, name, *state))
    }

    pub fn iter(&self) -> impl Iterator<Item = &ApiGateway<'a>> {
        self.all.iter()
    }

    #[must_use]
    pub fn find(&self, namespace: &str, name: &str) -> Option<&ApiGateway<'a>> {
        self.by_name.get(&(namespace, name)).and_then(|index| self.all.get(*index))
    }

    /// The names of those in a namespace, sorted.
    pub fn names_in<'s>(&'s self, namespace: &'s str) -> impl Iterator<Item = &'s str> {
        let from = self.by_name.range((namespace, "")..).map(|(key, _)| *key);
        from.take_while(move |(of, _)| *of == namespace).map(|(_, name)| name)
    }
}

/// What listeners are looked up in.
struct Known<'m, 'a> {
    namespaces: &'m Namespaces<'a>,
    grants: &'m Grants<'a>,
    holdings: &'m Holdings<'a>,
}

impl<'a> Known<'_, 'a> {
    fn gateway(
        &self,
        resource: &'a Resource<gateway_api::Gateway>,
        mesh: &'a Mesh,
    ) -> ApiGateway<'a> {
        let home = Home { kind: "Gateway", namespace: &resource.namespace, document: resource.id };
        let listeners = resource.spec.listeners.iter().enumerate();
        let listeners = listeners.map(|(place, spec)| self.listener(place, spec, &home, resource));
        let backend = resource.spec.tls.backend.as_ref();
        let shown = backend.and_then(|backend| backend.client_certificate_ref.as_ref());
        ApiGateway {
            resource,
            client_certificate: shown
                .map(|it| Certificate::of(it, &home, self.grants, self.holdings)),
            age: Age::of(resource),
            class: Class::named(&resource.spec.gateway_class_name, mesh),
            listeners: listeners.collect(),
        }
    }

    fn listener(
        &self,
        place: usize,
        spec: &'a gateway_api::Listener,
        home: &Home<'a>,
        gateway: &'a Resource<gateway_api::Gateway>,
    ) -> Listener<'a> {
        let references = spec.tls.iter().flat_map(|tls| &tls.certificate_refs);
        let certificates =
            references.map(|it| Certificate::of(it, home, self.grants, self.holdings)).collect();
        let client = ClientCheck::of(gateway, spec.port, self.grants, self.holdings);
        Listener::new(place, spec, home, self.namespaces, certificates, client)
    }
}

/// Each listener contends with those before it that are opened.
/// Source: Istio, `ComputeGatewayListenerConflicts`.
fn find_conflicts(listeners: &mut [Listener<'_>]) {
    for index in 0..listeners.len() {
        let (before, rest) = listeners.split_at_mut(index);
        let Some(listener) = rest.first_mut() else { return };
        let mut opened = before.iter().filter(|it| it.conflict.is_none());
        listener.conflict = opened.find_map(|it| listener.conflict_with(it));
    }
}

/// Whether a Gateway of namespace `own` takes the sets of another.
fn admits_set(
    allowed: &AllowedListeners,
    own: &str,
    namespace: &str,
    namespaces: &Namespaces<'_>,
) -> bool {
    match (allowed.namespaces.from, &allowed.namespaces.selector) {
        (ListenerNamespacesFrom::None, _) | (ListenerNamespacesFrom::Selector, None) => false,
        (ListenerNamespacesFrom::Same, _) => namespace == own,
        (ListenerNamespacesFrom::All, _) => true,
        (ListenerNamespacesFrom::Selector, Some(selector)) => {
            selector.selects(&namespaces.labels(namespace))
        }
    }
}
