//! What an `HTTPRoute` leads to. Source: Gateway API, `HTTPBackendRef`; Istio, `buildDestination`.

use crate::api::gateway_api::{BackendReference, HttpBackendRef, StreamBackendRef};
use crate::resolve::grant::Grants;
use crate::resolve::host::{Host, lower, of_service};
use crate::resolve::service::Services;
use crate::resolve::{Settings, host};

/// A backend, as far as it could be found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Backend {
    pub host: Host,
    pub port: u16,
    /// Why requests that go there are answered with 500.
    pub fault: Option<InvalidBackend>,
    /// It stands in another namespace, which does not allow routes of this one. On the mesh nobody asks for leave.
    pub lacks_grant: bool,
}

/// Why there is nothing to lead to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum InvalidBackend {
    /// Neither a Service nor a host.
    Kind,
    NotFound,
    /// A Service without a port to go to.
    NoPort,
}

/// The fields that all references to backends have.
#[derive(Clone, Copy, Debug)]
pub(in crate::resolve) struct Reference<'a> {
    group: Option<&'a str>,
    kind: Option<&'a str>,
    name: &'a str,
    namespace: Option<&'a str>,
    port: Option<i32>,
}

impl<'a> From<&'a HttpBackendRef> for Reference<'a> {
    fn from(it: &'a HttpBackendRef) -> Self {
        Self {
            group: it.group.as_deref(),
            kind: it.kind.as_deref(),
            name: &it.name,
            namespace: it.namespace.as_deref(),
            port: it.port,
        }
    }
}

impl<'a> From<&'a BackendReference> for Reference<'a> {
    fn from(it: &'a BackendReference) -> Self {
        Self {
            group: it.group.as_deref(),
            kind: it.kind.as_deref(),
            name: &it.name,
            namespace: it.namespace.as_deref(),
            port: it.port,
        }
    }
}

impl<'a> From<&'a StreamBackendRef> for Reference<'a> {
    fn from(it: &'a StreamBackendRef) -> Self {
        Self {
            group: it.group.as_deref(),
            kind: it.kind.as_deref(),
            name: &it.name,
            namespace: it.namespace.as_deref(),
            port: it.port,
        }
    }
}

/// What backends are looked up in.
pub(in crate::resolve) struct Backends<'m, 'a> {
    pub(in crate::resolve) services: &'m Services<'a>,
    pub(in crate::resolve) grants: &'m Grants<'a>,
    pub(in crate::resolve) settings: &'m Settings<'a>,
}

impl Backends<'_, '_> {
    /// The backend of a route of some kind in `namespace`.
    pub(super) fn find(
        &self,
        reference: Reference<'_>,
        (route_kind, namespace): (&str, &str),
    ) -> Backend {
        let group = reference.group.unwrap_or_default();
        let kind = reference.kind.unwrap_or("Service");
        let target = reference.namespace.unwrap_or(namespace);
        let port = reference.port.and_then(|port| u16::try_from(port).ok());
        let lacks_grant = target != namespace
            && !self.grants.allow(route_kind, namespace, (group, kind), target, reference.name);
        let (host, is_known) = match (group, kind) {
            ("", "Service") => {
                let host = of_service(reference.name, target, self.settings.cluster_domain);
                let is_known = self.services.kubernetes(target, reference.name).is_some();
                (host, Some(is_known))
            }
            ("networking.istio.io", "Hostname") => {
                let host = lower(reference.name);
                let is_known = !self.services.of_host(&host).is_empty() || host::is_wildcard(&host);
                (host, Some(is_known))
            }
            _ => (lower(reference.name), None),
        };
        let fault = match (is_known, port) {
            (None, _) => Some(InvalidBackend::Kind),
            (Some(false), _) => Some(InvalidBackend::NotFound),
            (Some(true), None | Some(0)) => Some(InvalidBackend::NoPort),
            (Some(true), Some(_)) => None,
        };
        Backend { host, port: port.unwrap_or(0), fault, lacks_grant }
    }
}
