//! `InboundPorts`: the ports that a `Sidecar` opens, in place of those that Services say. Source: Istio,
//! `buildInboundClustersFromSidecar`, `buildInboundChainConfigs`.

use std::net::SocketAddr;

use mesh_snapshot::object::{Application, ConnectionPool, InboundPort, InboundPorts, Object};
use mesh_snapshot::{Applies, Key, Kind};

use super::Lowering;
use super::gateway::tls::termination;
use super::traffic_policy::Defaults;
use crate::api::istio::{self, ConnectionPoolSettings, IngressListener};
use crate::diagnostic::Place;
use crate::resolve::service::protocol;
use crate::resolve::sidecar::Sidecar;

impl<'a> Lowering<'_, 'a> {
    /// Of each workload the `Sidecar` counts that `Egress` is made from, so one that says nothing here hides a wider one.
    pub(super) fn inbound_ports(&self) {
        let sidecars = &self.mesh.sidecars;
        let root = sidecars.default_of(self.mesh.settings.root_namespace);
        let root = root.filter(|sidecar| speaks(sidecar));
        if let Some(sidecar) = root {
            self.ports_of("", sidecar, Applies::All, 0);
        }
        for namespace in sidecars.namespaces() {
            let selecting: Vec<_> = sidecars.selecting_in(namespace).collect();
            let default = sidecars.default_of(namespace);
            if root.is_none() && !selecting.iter().copied().chain(default).any(speaks) {
                continue;
            }
            for (rank, sidecar) in selecting.into_iter().enumerate() {
                let labels = sidecar.labels().cloned().unwrap_or_default();
                self.ports_of(namespace, sidecar, Applies::Selected(vec![labels]), rank);
            }
            if let Some(sidecar) = default {
                self.ports_of(namespace, sidecar, Applies::All, 0);
            }
        }
    }

    /// Empty namespace: for all that have none of their own.
    fn ports_of(&self, namespace: &str, sidecar: &Sidecar<'a>, applies: Applies, rank: usize) {
        let resource = sidecar.resource;
        let object = self.lowered(&resource.spec);
        let at = resource.at();
        let (at_spec, whole) = (at.field("spec"), Place::resource(resource.id));
        let at_ingress = at_spec.field("ingress");
        let places = resource.spec.ingress.iter().enumerate().map(|(index, listener)| {
            (format!("ports.{}", listener.port.number), at_ingress.index(index).value())
        });
        let places: Vec<_> = std::iter::once((String::new(), whole)).chain(places).collect();
        let name = format!("sidecars/{}", resource.name());
        let key = Key::new(Kind::InboundPorts, namespace, name);
        let reference = self.store.add(key, &Object::InboundPorts(object), &places);
        self.store.list(namespace, reference, applies, rank);
    }

    fn lowered(&self, spec: &istio::Sidecar) -> InboundPorts {
        let port = |listener: &IngressListener| {
            // What is no number of a port was refused before.
            let number = u16::try_from(listener.port.number).ok()?;
            let port = InboundPort {
                protocol: protocol(&listener.port.protocol).unwrap_or_default(),
                application: application(&listener.default_endpoint),
                tls: listener.tls.as_ref().and_then(termination),
                connection_pool: self.pool(listener.connection_pool.as_ref()),
            };
            Some((number, port))
        };
        InboundPorts {
            ports: spec.ingress.iter().filter_map(port).collect(),
            connection_pool: self.pool(spec.inbound_connection_pool.as_ref()),
        }
    }

    fn pool(&self, settings: Option<&ConnectionPoolSettings>) -> Option<ConnectionPool> {
        let defaults = Defaults::of(&self.mesh.settings);
        settings.map(|settings| defaults.towards_application(settings))
    }
}

/// Whether a `Sidecar` says anything of what arrives.
fn speaks(sidecar: &Sidecar<'_>) -> bool {
    let spec = &sidecar.resource.spec;
    !spec.ingress.is_empty() || spec.inbound_connection_pool.is_some()
}

/// What is none was refused before.
fn application(endpoint: &str) -> Application {
    if let Some(path) = endpoint.strip_prefix("unix://") {
        return Application::Unix(path.to_owned());
    }
    match endpoint.parse::<SocketAddr>() {
        Ok(at) if at.ip().is_unspecified() => Application::Port(at.port()),
        Ok(at) => Application::Address(at),
        // `:8080`
        Err(_) => match endpoint.strip_prefix(':').and_then(|port| port.parse().ok()) {
            Some(port) => Application::Port(port),
            None => Application::Destination,
        },
    }
}
