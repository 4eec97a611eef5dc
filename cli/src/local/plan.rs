//! From a snapshot to stations: which ports each workload's proxy serves, as the engine says that it will.

use std::collections::BTreeSet;
use std::io;

use mesh_engine::gateway::{Gateway, Handler, Listener};
use mesh_engine::{BuildError, Limits, Program};
use mesh_snapshot::container::Bundle;
use mesh_snapshot::object::{Credential, Role, ServerTls, Workload};
use mesh_snapshot::slice::SliceError;

use super::ports::Ports;
use super::station::{Edge, Inbound, Side, Station};

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PlanError {
    #[error("{workload} gets no slice: {error}")]
    Slice { workload: String, error: Box<SliceError> },
    #[error("the proxy of {workload} could not serve it: {error}")]
    Program { workload: String, error: Box<BuildError> },
    #[error(transparent)]
    Ports(#[from] io::Error),
}

/// What a workload's proxy would judge by that serves these features.
pub(crate) fn program(
    bundle: &Bundle,
    workload: &Workload,
    features: &[&str],
) -> Result<Program, PlanError> {
    let name = || workload.full_name();
    let snapshot = &bundle.snapshot;
    let slice = mesh_snapshot::slice(snapshot.digest(), workload, snapshot)
        .map_err(|error| PlanError::Slice { workload: name(), error: Box::new(error) })?;
    let limits = Limits {
        memory_bytes_max: usize::MAX,
        features,
        gateway_address: mesh_engine::GATEWAY_ADDRESS,
    };
    Program::build(workload, &slice, snapshot, &limits)
        .map_err(|error| PlanError::Program { workload: name(), error: Box::new(error) })
}

/// A station for every workload of the inventory, in its order.
pub(super) fn stations(bundle: &Bundle, ports: &mut Ports) -> Result<Vec<Station>, PlanError> {
    bundle.inventory.iter().map(|workload| station(bundle, workload, ports)).collect()
}

fn station(bundle: &Bundle, workload: &Workload, ports: &mut Ports) -> Result<Station, PlanError> {
    let program = program(bundle, workload, mesh_snapshot::feature::SERVED)?;
    let name = workload.full_name();
    let side = match program.gateway() {
        Some(gateway) if workload.role == Role::Gateway => {
            Side::Gateway { edges: edges(gateway, workload, &name, ports)? }
        }
        _ => Side::Sidecar {
            outbound: ports.of(&format!("{name} outbound"))?,
            inbound: inbound(&program, workload, &name, ports)?,
        },
    };
    let admin = ports.of(&format!("{name} admin"))?;
    let instance = format!("{}-0", workload.name);
    Ok(Station { workload: workload.clone(), instance, side, admin })
}

/// The ports that services lead to, and those that the containers declare.
fn inbound(
    program: &Program,
    workload: &Workload,
    name: &str,
    ports: &mut Ports,
) -> Result<Vec<Inbound>, PlanError> {
    let declared = workload.ports.values().copied();
    let served: BTreeSet<u16> = program.inbound().ports().into_iter().chain(declared).collect();
    let inbound = served.into_iter().map(|port| {
        Ok(Inbound {
            port,
            at: ports.of(&format!("{name} inbound {port}"))?,
            application: ports.of(&format!("{name} application {port}"))?,
        })
    });
    inbound.collect()
}

fn edges(
    gateway: &Gateway,
    workload: &Workload,
    name: &str,
    ports: &mut Ports,
) -> Result<Vec<Edge>, PlanError> {
    let edges = gateway.listeners().iter().map(|listener| {
        Ok(Edge {
            port: listener.port,
            server_port: server_port(listener),
            at: ports.of(&format!("{name} gateway {}", listener.port))?,
            tls: listener.tls,
            hosts: hosts(listener),
            credentials: credentials(listener, workload),
        })
    });
    edges.collect()
}

fn server_port(listener: &Listener) -> u16 {
    let http = listener.chains().iter().find_map(|chain| match &chain.handler {
        Handler::Http(http) => Some(http.port),
        Handler::Stream(_) => None,
    });
    http.unwrap_or(listener.port)
}

/// Virtual hosts are called `shop.example.com:443`.
fn hosts(listener: &Listener) -> Vec<String> {
    let mut hosts = BTreeSet::new();
    for chain in listener.chains() {
        if let Handler::Http(http) = &chain.handler {
            let names = http.virtual_hosts().map(|(name, _)| name);
            hosts.extend(
                names.map(|name| name.rsplit_once(':').map_or(name, |(host, _)| host).to_owned()),
            );
        }
    }
    hosts.into_iter().collect()
}

fn credentials(listener: &Listener, workload: &Workload) -> Vec<Credential> {
    let terminations = listener.chains().iter().filter_map(|chain| match &chain.tls {
        ServerTls::Terminate(termination) => Some(termination),
        _ => None,
    });
    let named = terminations.flat_map(|termination| &termination.credentials);
    let whole = named.map(|credential| {
        let own = credential.namespace.is_empty();
        let namespace = if own { &workload.namespace } else { &credential.namespace };
        Credential { namespace: namespace.clone(), name: credential.name.clone() }
    });
    whole.collect::<BTreeSet<_>>().into_iter().collect()
}
