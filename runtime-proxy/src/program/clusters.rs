//! The clusters of a program: those that policy names, and those that everybody has.

use std::collections::BTreeSet;
use std::collections::HashMap;

use mesh_engine::inbound::Inbound;
use mesh_snapshot::object::{ClientTls, Discovery, Labels, Protocol, TargetPort, TrafficPolicy};

use crate::cluster::{ClusterId, Spec};
use crate::observe::{Metrics, ServiceId};

/// What they are, in the order of their IDs, and who is who.
pub(super) struct Specs {
    pub(super) specs: Vec<Spec>,
    pub(super) services: Vec<ServiceId>,
    pub(super) inbound: HashMap<u16, ClusterId>,
    pub(super) inbound_other: ClusterId,
    pub(super) passthrough: ClusterId,
}

/// The engine's clusters come first, each under its own number.
pub(super) fn specs(engine: &mesh_engine::Program, metrics: &Metrics) -> Specs {
    let mut specs: Vec<Spec> =
        engine.clusters().iter().map(|cluster| of_policy(cluster, engine)).collect();
    let service = |cluster: &mesh_engine::cluster::Cluster| {
        let service = cluster.service();
        metrics.service(&service.host, &service.name, &service.namespace)
    };
    let mut services: Vec<ServiceId> = engine.clusters().iter().map(service).collect();
    let mut push = |spec: Spec, service: ServiceId| {
        let id = ClusterId(u32::try_from(specs.len()).unwrap_or(u32::MAX));
        specs.push(spec);
        services.push(service);
        id
    };
    // Source: Istio's names.
    let passthrough =
        push(original("PassthroughCluster", Protocol::Detect), ServiceId::PASSTHROUGH);
    let inbound_other = push(
        original("InboundPassthroughCluster", Protocol::Detect),
        ServiceId::INBOUND_PASSTHROUGH,
    );
    let inbound = to_workload(engine.inbound(), metrics, &mut push);
    Specs { specs, services, inbound, inbound_other, passthrough }
}

fn to_workload(
    inbound: &Inbound,
    metrics: &Metrics,
    push: &mut impl FnMut(Spec, ServiceId) -> ClusterId,
) -> HashMap<u16, ClusterId> {
    let of_port = |port: u16| {
        let served = inbound.port(port);
        let service = served.service.map_or(ServiceId::UNKNOWN, |(service, _)| {
            metrics.service(&service.host, &service.name, &service.namespace)
        });
        let spec = original(&format!("inbound|{port}||"), served.protocol);
        (port, push(spec, service))
    };
    inbound.ports().into_iter().map(of_port).collect()
}

fn of_policy(cluster: &mesh_engine::cluster::Cluster, engine: &mesh_engine::Program) -> Spec {
    let (service, defaults) = (cluster.service(), engine.defaults());
    let mut spec =
        Spec::new(cluster.name(), service, cluster.port(), None, cluster.policy(), defaults);
    cluster.subset().clone_into(&mut spec.subset);
    spec.labels = cluster.labels().cloned().unwrap_or_default();
    spec.plaintext = cluster.plaintext().to_vec();
    spec
}

/// A cluster that leads wherever it is told to, in plain text.
fn original(name: &str, protocol: Protocol) -> Spec {
    Spec {
        name: name.into(),
        host: String::new(),
        namespace: String::new(),
        port: 0,
        protocol,
        target: TargetPort::Number(0),
        discovery: Discovery::OriginalDestination,
        external: true,
        subject_alt_names: BTreeSet::new(),
        subset: String::new(),
        labels: Labels::new(),
        policy: TrafficPolicy { tls: ClientTls::Disable, ..TrafficPolicy::default() },
        plaintext: Vec::new(),
        auto_mtls: false,
        trust_domain: String::new(),
        connect_timeout: std::time::Duration::from_secs(10),
        source: None,
    }
}
