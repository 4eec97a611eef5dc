//! The Gateway API's `Gateway`. Source: Istio, `pilot/pkg/config/kube/gateway`.

use std::collections::{BTreeMap, BTreeSet};

use mesh_snapshot::object::{Credential, ServerProtocol};

use crate::api::gateway_api::{self, AllowedRoutes, NamespacesFrom, SecretReference, TlsMode};
use crate::api::{Mesh, Resource};
use crate::resolve::grant::Grants;
use crate::resolve::host::{Host, is_wildcard, lower};
use crate::resolve::{Age, Namespaces};

#[derive(Clone, Debug)]
pub struct ApiGateway<'a> {
    pub resource: &'a Resource<gateway_api::Gateway>,
    pub age: Age<'a>,
    pub class: Class,
    /// By place in `spec.listeners`.
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
    pub index: usize,
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
        let has_tls = self.passes_through()
            || (self.spec.tls.is_some() && self.certificates.iter().any(Certificate::is_usable));
        match self.protocol {
            None => false,
            Some(ServerProtocol::Http | ServerProtocol::Tcp) => self.port != 0,
            Some(ServerProtocol::Https | ServerProtocol::Tls) => self.port != 0 && has_tls,
        }
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
        Self { all, by_name }
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
    let listeners = resource.spec.listeners.iter().enumerate().map(|(index, spec)| Listener {
        index,
        spec,
        hostname: spec.hostname.as_deref().filter(|it| !it.is_empty()).map_or("*".into(), lower),
        port: u16::try_from(spec.port).unwrap_or(0),
        protocol: protocol(&spec.protocol),
        namespaces: admitted(&spec.allowed_routes, &resource.namespace, namespaces),
        certificates: spec
            .tls
            .iter()
            .flat_map(|tls| &tls.certificate_refs)
            .map(|it| certificate(it, &resource.namespace, grants))
            .collect(),
    });
    ApiGateway {
        resource,
        age: Age::of(resource),
        class: class(&resource.spec.gateway_class_name, mesh),
        listeners: listeners.collect(),
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

fn certificate(reference: &SecretReference, own: &str, grants: &Grants<'_>) -> Certificate {
    let group = reference.group.as_deref().unwrap_or_default();
    let kind = reference.kind.as_deref().unwrap_or("Secret");
    let namespace = reference.namespace.as_deref().unwrap_or(own);
    Certificate {
        credential: Credential { namespace: namespace.to_owned(), name: reference.name.clone() },
        is_secret: (group, kind) == ("", "Secret"),
        lacks_grant: namespace != own
            && !grants.allow("Gateway", own, (group, kind), namespace, &reference.name),
    }
}
