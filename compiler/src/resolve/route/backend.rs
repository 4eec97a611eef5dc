//! What an `HTTPRoute` leads to. Source: Gateway API, `HTTPBackendRef`; Istio, `buildDestination`.

use crate::api::gateway_api::BackendObjectReference;
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
    /// Without a port to go to.
    NoPort,
    /// The name of a Service has no dots: this is a host.
    DottedName,
    /// A host is of no namespace.
    NamespacedHost,
}

/// Whether a route of another namespace needs leave to lead to a backend: at a gateway it does, on the mesh nobody asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Leave {
    Needed,
    Needless,
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
        reference: BackendObjectReference<'_>,
        (route_kind, namespace): (&str, &str),
    ) -> Backend {
        let (group, kind) = (reference.group, reference.kind);
        let target = reference.namespace.unwrap_or(namespace);
        let port = reference.port.and_then(|port| u16::try_from(port).ok());
        let lacks_grant = target != namespace
            && !self.grants.allow(route_kind, namespace, (group, kind), target, reference.name);
        let (host, fault) = match (group, kind) {
            // A Service that other clusters export is, here, the Service of its name, as in Istio without
            // `ENABLE_MCS_HOST`.
            ("", "Service") | ("multicluster.x-k8s.io", "ServiceImport") => {
                let host = of_service(reference.name, target, self.settings.cluster_domain);
                let is_known = self.services.kubernetes(target, reference.name).is_some();
                let fault = if reference.name.contains('.') && group.is_empty() {
                    Some(InvalidBackend::DottedName)
                } else {
                    (!is_known).then_some(InvalidBackend::NotFound)
                };
                (host, fault)
            }
            ("networking.istio.io", "Hostname") => {
                let host = lower(reference.name);
                let is_known = !self.services.of_host(&host).is_empty() || host::is_wildcard(&host);
                let fault = if reference.namespace.is_some() {
                    Some(InvalidBackend::NamespacedHost)
                } else {
                    (!is_known).then_some(InvalidBackend::NotFound)
                };
                (host, fault)
            }
            _ => (lower(reference.name), Some(InvalidBackend::Kind)),
        };
        let fault = match (fault, port) {
            (None | Some(InvalidBackend::NotFound), None | Some(0)) => Some(InvalidBackend::NoPort),
            (fault, _) => fault,
        };
        Backend { host, port: port.unwrap_or(0), fault, lacks_grant }
    }
}
