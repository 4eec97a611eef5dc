//! The Gateway API's `Gateway`. Source: Istio, `pilot/pkg/config/kube/gateway`.

use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::object::{Credential, ServerProtocol};

use crate::api::gateway_api::{
    self, AllowedListeners, AllowedRoutes, ListenerNamespacesFrom, NamespacesFrom, SecretReference,
    TlsMode,
};
use crate::api::{Mesh, Resource};
use crate::diagnostic::FieldPath;
use crate::parse::DocumentId;
use crate::resolve::grant::Grants;
use crate::resolve::host::{Host, is_wildcard, lower};
use crate::resolve::{Age, Namespaces};

#[derive(Clone, Debug)]
pub struct ApiGateway<'a> {
    pub resource: &'a Resource<gateway_api::Gateway>,
    pub age: Age<'a>,
    pub class: Class,
    /// Its own first, by place in `spec.listeners`, then those of `ListenerSet`s, of the oldest first.
    pub listeners: Vec<Listener<'a>>,
}

/// Who serves a Gateway.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// A gateway of the mesh.
    Mesh,
    /// A waypoint or an east-west gateway: known, and not served.
    Waypoint,
    /// Another controller, which a `GatewayClass` names.
    Foreign,
    /// Nobody knows: there is no such `GatewayClass`.
    Unknown,
}

#[derive(Clone, Debug)]
pub struct Listener<'a> {
    /// Among the listeners of its Gateway.
    pub index: usize,
    /// The `ListenerSet` that adds it; absent: the Gateway's own.
    pub set: Option<&'a Resource<gateway_api::ListenerSet>>,
    /// Where it is written, and there its place in `spec.listeners`.
    pub document: DocumentId,
    pub place: usize,
    /// A listener before it has its port for another protocol, or its name too.
    pub is_in_conflict: bool,
    pub spec: &'a gateway_api::Listener,
    /// `*` where none is written.
    pub hostname: Host,
    /// Zero where it is out of range.
    pub port: u16,
    /// Absent where it is not one that is served.
    pub protocol: Option<ServerProtocol>,
    namespaces: AdmittedNamespaces<'a>,
    /// By place in `certificateRefs`.
    pub certificates: Vec<Certificate>,
}

/// A certificate that a listener names.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Certificate {
    pub credential: Credential,
    /// It is a Secret, which is all that can be used.
    pub is_secret: bool,
    /// It stands in another namespace, which does not allow it.
    pub lacks_grant: bool,
}

impl Certificate {
    #[must_use]
    pub const fn is_usable(&self) -> bool {
        self.is_secret && !self.lacks_grant
    }
}

#[derive(Clone, Debug)]
enum AdmittedNamespaces<'a> {
    All,
    Named(BTreeSet<&'a str>),
}

impl Listener<'_> {
    /// Whether a route of a kind of the Gateway API, in `namespace`, may attach.
    #[must_use]
    pub fn admits(&self, kind: &str, namespace: &str) -> bool {
        let kinds = &self.spec.allowed_routes.kinds;
        let is_kind = |it: &crate::api::gateway_api::RouteGroupKind| {
            let group = it.group.as_deref().unwrap_or("gateway.networking.k8s.io");
            it.kind == kind && group == "gateway.networking.k8s.io"
        };
        let carries = match kind {
            "HTTPRoute" | "GRPCRoute" => self.is_http(),
            "TLSRoute" => self.protocol == Some(ServerProtocol::Tls),
            "TCPRoute" => match self.protocol {
                Some(ServerProtocol::Tcp) => true,
                Some(ServerProtocol::Tls) => !self.passes_through(),
                _ => false,
            },
            _ => false,
        };
        let is_admitted = match &self.namespaces {
            AdmittedNamespaces::All => true,
            AdmittedNamespaces::Named(names) => names.contains(namespace),
        };
        carries && is_admitted && (kinds.is_empty() || kinds.iter().any(is_kind))
    }

    #[must_use]
    pub fn is_http(&self) -> bool {
        matches!(self.protocol, Some(ServerProtocol::Http | ServerProtocol::Https))
    }

    #[must_use]
    pub fn passes_through(&self) -> bool {
        self.spec.tls.as_ref().is_some_and(|tls| tls.mode == Some(TlsMode::Passthrough))
    }

    /// Whether it is opened. Source: Istio, `buildListener`: not without a certificate that can be used.
    #[must_use]
    pub fn is_served(&self) -> bool {
        if self.is_in_conflict {
            return false;
        }
        let has_tls = self.passes_through()
            || (self.spec.tls.is_some() && self.certificates.iter().any(Certificate::is_usable));
        match self.protocol {
            None => false,
            Some(ServerProtocol::Http | ServerProtocol::Tcp) => self.port != 0,
            Some(ServerProtocol::Https | ServerProtocol::Tls) => self.port != 0 && has_tls,
        }
    }
}

impl Listener<'_> {
    /// A name that no other listener of its Gateway has.
    #[must_use]
    pub fn full_name(&self) -> String {
        match self.set {
            None => self.spec.name.clone(),
            Some(set) => format!("{}/{}/{}", set.namespace, set.name(), self.spec.name),
        }
    }

    /// The field that it stands in, in its document.
    #[must_use]
    pub fn path(&self) -> FieldPath {
        FieldPath::default().field("spec").field("listeners").index(self.place)
    }

    /// Whether both can stand on one port. Source: Gateway API, `Listener`: distinct listeners.
    #[must_use]
    pub fn is_distinct_from(&self, other: &Listener<'_>) -> bool {
        let has_tls = |it: &Listener<'_>| {
            matches!(it.protocol, Some(ServerProtocol::Https | ServerProtocol::Tls))
        };
        let may_share = has_tls(self) && has_tls(other) || self.protocol == other.protocol;
        self.port != other.port || (may_share && self.hostname != other.hostname)
    }
}

impl<'a> ApiGateway<'a> {
    /// Listeners on the port of one that have names of their own, which are not for it.
    /// Source: Istio, `hostnameAllowedByIsolation`.
    #[must_use]
    pub fn narrower_than(&self, listener: &Listener<'a>) -> Vec<&Listener<'a>> {
        if !is_wildcard(&listener.hostname) {
            return Vec::new();
        }
        let is_beside = |it: &&Listener<'_>| {
            it.index != listener.index
                && !it.is_in_conflict
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
    Missing,
    /// Another program's business.
    Foreign,
}

impl<'a> ApiGateways<'a> {
    pub(in crate::resolve) fn of(
        mesh: &'a Mesh,
        namespaces: &Namespaces<'a>,
        grants: &Grants<'a>,
    ) -> Self {
        let resolve = |resource| resolve(resource, mesh, namespaces, grants);
        let mut all: Vec<_> = mesh.api_gateways.iter().map(resolve).collect();
        all.sort_by_key(|gateway| gateway.age);
        let names = all.iter().enumerate();
        let by_name = names
            .map(|(index, it)| ((it.resource.namespace.as_str(), it.resource.name()), index))
            .collect();
        let mut gateways = Self { all, by_name, sets: BTreeMap::new() };
        let mut sets: Vec<_> = mesh.listener_sets.iter().collect();
        sets.sort_by_key(|set| Age::of(set).in_gateway_api());
        for set in sets {
            let state = gateways.add_set(set, namespaces, grants);
            gateways.sets.insert((set.namespace.as_str(), set.name()), state);
        }
        gateways
    }

    fn add_set(
        &mut self,
        set: &'a Resource<gateway_api::ListenerSet>,
        namespaces: &Namespaces<'a>,
        grants: &Grants<'a>,
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
        if matches!(gateway.class, Class::Foreign | Class::Unknown) {
            return SetState::Foreign;
        }
        let resource = gateway.resource;
        if !admits_set(
            &resource.spec.allowed_listeners,
            &resource.namespace,
            &set.namespace,
            namespaces,
        ) {
            return SetState::NotAllowed(resource);
        }
        for (place, spec) in set.spec.listeners.iter().enumerate() {
            let home = Home { kind: "ListenerSet", namespace: &set.namespace, document: set.id };
            let mut added = listener(place, spec, &home, namespaces, grants);
            added.index = gateway.listeners.len();
            added.set = Some(set);
            let mut before = gateway.listeners.iter().filter(|it| !it.is_in_conflict);
            added.is_in_conflict = before.any(|it| !added.is_distinct_from(it));
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
    pub fn names_in(&self, namespace: &str) -> impl Iterator<Item = &'a str> {
        self.by_name.keys().filter(move |(of, _)| *of == namespace).map(|(_, name)| *name)
    }
}

fn resolve<'a>(
    resource: &'a Resource<gateway_api::Gateway>,
    mesh: &'a Mesh,
    namespaces: &Namespaces<'a>,
    grants: &Grants<'a>,
) -> ApiGateway<'a> {
    let home = Home { kind: "Gateway", namespace: &resource.namespace, document: resource.id };
    let listeners = resource.spec.listeners.iter().enumerate();
    let listeners = listeners.map(|(place, spec)| listener(place, spec, &home, namespaces, grants));
    ApiGateway {
        resource,
        age: Age::of(resource),
        class: class(&resource.spec.gateway_class_name, mesh),
        listeners: listeners.collect(),
    }
}

/// What a listener is written in.
struct Home<'a> {
    kind: &'static str,
    namespace: &'a str,
    document: DocumentId,
}

fn listener<'a>(
    place: usize,
    spec: &'a gateway_api::Listener,
    home: &Home<'a>,
    namespaces: &Namespaces<'a>,
    grants: &Grants<'a>,
) -> Listener<'a> {
    Listener {
        index: place,
        set: None,
        document: home.document,
        place,
        is_in_conflict: false,
        spec,
        hostname: spec.hostname.as_deref().filter(|it| !it.is_empty()).map_or("*".into(), lower),
        port: u16::try_from(spec.port).unwrap_or(0),
        protocol: protocol(&spec.protocol),
        namespaces: admitted(&spec.allowed_routes, home.namespace, namespaces),
        certificates: spec
            .tls
            .iter()
            .flat_map(|tls| &tls.certificate_refs)
            .map(|it| certificate(it, home, grants))
            .collect(),
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

fn class(name: &str, mesh: &Mesh) -> Class {
    let declared = mesh.gateway_classes.iter().find(|class| class.name() == name);
    match declared.map(|class| class.spec.controller_name.as_str()) {
        Some("istio.io/gateway-controller") => Class::Mesh,
        Some("istio.io/mesh-controller" | "istio.io/eastwest-controller") => Class::Waypoint,
        Some(_) => Class::Foreign,
        None => match name {
            "istio" => Class::Mesh,
            "istio-waypoint" | "istio-east-west" => Class::Waypoint,
            _ => Class::Unknown,
        },
    }
}

/// Words in capitals alone. Source: Gateway API, `ProtocolType`.
fn protocol(word: &str) -> Option<ServerProtocol> {
    Some(match word {
        "HTTP" => ServerProtocol::Http,
        "HTTPS" => ServerProtocol::Https,
        "TLS" => ServerProtocol::Tls,
        "TCP" => ServerProtocol::Tcp,
        _ => return None,
    })
}

fn admitted<'a>(
    routes: &AllowedRoutes,
    own: &'a str,
    namespaces: &Namespaces<'a>,
) -> AdmittedNamespaces<'a> {
    match (routes.namespaces.from, &routes.namespaces.selector) {
        (NamespacesFrom::Same, _) => AdmittedNamespaces::Named(BTreeSet::from([own])),
        (NamespacesFrom::All, _) | (NamespacesFrom::Selector, None) => AdmittedNamespaces::All,
        (NamespacesFrom::Selector, Some(selector)) => {
            let selected = |name: &&str| selector.selects(&namespaces.labels(name));
            AdmittedNamespaces::Named(namespaces.names().filter(selected).collect())
        }
    }
}

fn certificate(reference: &SecretReference, home: &Home<'_>, grants: &Grants<'_>) -> Certificate {
    let own = home.namespace;
    let group = reference.group.as_deref().unwrap_or_default();
    let kind = reference.kind.as_deref().unwrap_or("Secret");
    let namespace = reference.namespace.as_deref().unwrap_or(own);
    Certificate {
        credential: Credential { namespace: namespace.to_owned(), name: reference.name.clone() },
        is_secret: (group, kind) == ("", "Secret"),
        lacks_grant: namespace != own
            && !grants.allow(home.kind, own, (group, kind), namespace, &reference.name),
    }
}
