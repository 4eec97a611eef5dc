//! The clusters that every program has beside those that policy names: what leads to the workload itself, and to strangers.

use std::collections::{BTreeMap, HashMap};

use mesh_engine::Program;
use mesh_snapshot::object::{Application, DeclaredEndpoint, Discovery, Labels, Service};

use crate::cluster::{ClusterId, Directory, Spec};
use crate::observe::{Metrics, ServiceId};

// Istio's names.
const PASSTHROUGH: &str = "PassthroughCluster";
const INBOUND_PASSTHROUGH: &str = "InboundPassthroughCluster";

/// They lead where they are told to: to the application, or to wherever the client was going; but for an application that
/// listens at a path, which is no address to be told.
pub(super) fn others(engine: &Program) -> Vec<Spec> {
    let defaults = engine.defaults();
    let ports = engine.inbound().ports().into_iter().map(|number| {
        let port = engine.inbound().port(number);
        let mut spec =
            Spec { protocol: port.protocol, ..Spec::passthrough(&inbound_name(number), defaults) };
        if let Some(pool) = port.connection_pool {
            spec.policy.connection_pool = pool.clone();
        }
        if let Application::Unix(path) = port.application {
            spec.discovery = Discovery::Declared { endpoints: vec![socket(path)] };
        }
        spec
    });
    let strangers =
        [PASSTHROUGH, INBOUND_PASSTHROUGH].map(|name| Spec::passthrough(name, defaults));
    ports.chain(strangers).collect()
}

/// An endpoint at a path of this machine.
fn socket(path: &str) -> DeclaredEndpoint {
    DeclaredEndpoint {
        address: format!("unix://{path}"),
        ports: BTreeMap::new(),
        labels: Labels::new(),
        weight: 1,
        locality: String::new(),
        service_account: String::new(),
    }
}

/// Of the workload's own virtual hosts, that of ports which no service leads to. Source: Istio, as of the next.
pub(super) const INBOUND_HOST_OTHER: &str = "inbound|http|0";

/// Source: Istio, `buildSidecarInboundHTTPRouteConfig`.
fn inbound_host(service_port: u16) -> Box<str> {
    format!("inbound|http|{service_port}").into()
}

fn inbound_name(port: u16) -> String {
    format!("inbound|{port}||")
}

/// Who is who.
#[derive(Debug)]
pub(super) struct Known {
    /// The workload itself, by its ports of which something is known.
    pub(super) inbound: HashMap<u16, ClusterId>,
    /// The workload itself, by any other port.
    pub(super) inbound_other: Option<ClusterId>,
    /// What logs call the virtual host of each of these ports.
    pub(super) inbound_hosts: HashMap<u16, Box<str>>,
    pub(super) passthrough: Option<ClusterId>,
    /// What metrics call the service behind each.
    pub(super) services: HashMap<ClusterId, ServiceId>,
}

impl Known {
    pub(super) fn of(engine: &Program, directory: &Directory, metrics: &Metrics) -> Self {
        let name =
            |service: &Service| metrics.service(&service.host, &service.name, &service.namespace);
        let mut services: HashMap<ClusterId, ServiceId> = engine
            .clusters()
            .iter()
            .map(|cluster| (cluster.id.into(), name(cluster.service())))
            .collect();
        let (mut inbound, mut inbound_hosts) = (HashMap::new(), HashMap::new());
        for port in engine.inbound().ports() {
            let Some(id) = directory.id(&inbound_name(port)) else { continue };
            inbound.insert(port, id);
            let service = engine.inbound().port(port).service;
            services.extend(service.map(|(service, _)| (id, name(service))));
            let number = service.map_or(port, |(_, number)| number);
            inbound_hosts.insert(port, inbound_host(number));
        }
        let passthrough = directory.id(PASSTHROUGH);
        let inbound_other = directory.id(INBOUND_PASSTHROUGH);
        services.extend(passthrough.map(|id| (id, ServiceId::PASSTHROUGH)));
        services.extend(inbound_other.map(|id| (id, ServiceId::INBOUND_PASSTHROUGH)));
        Self { inbound, inbound_other, inbound_hosts, passthrough, services }
    }
}
