//! What is in force, for people and programs.

use std::collections::BTreeMap;

use mesh_engine::Program;
use mesh_engine::cluster::Cluster;
use mesh_snapshot::object::{Discovery, EndpointSet, Labels};
use mesh_snapshot::wire;
use serde::Serialize;

use super::Admin;
use crate::live::Live;
use crate::world::Item;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Dump {
    version: String,
    /// Absent: nothing is, and everything is refused.
    in_force: Option<InForce>,
    draining: bool,
    agent: Agent,
    /// Absent: the proxy has none yet.
    certificate: Option<Certificate>,
    clusters: Vec<Upstream>,
    /// Names of what is known of the world beside endpoints.
    secrets: Vec<String>,
    key_sets: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct InForce {
    epoch: u64,
    generation: u64,
    snapshot: String,
    memory_bytes: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Agent {
    connected: bool,
    started_from: String,
    storage_failing: bool,
    start_outdated: bool,
    refused: u64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Certificate {
    identity: String,
    trust_domain: String,
    /// Seconds since 1970.
    not_before: u64,
    not_after: u64,
    roots: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Upstream {
    name: String,
    host: String,
    namespace: String,
    port: u16,
    #[serde(skip_serializing_if = "String::is_empty")]
    subset: String,
    discovery: &'static str,
    /// Absent: nobody has said yet which there are, or they are found otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    endpoints: Option<Vec<Endpoint>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Endpoint {
    address: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    reached_at: BTreeMap<u32, u32>,
    #[serde(skip_serializing_if = "String::is_empty")]
    workload: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    namespace: String,
    /// Empty: it has no proxy.
    identity: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    locality: String,
    weight: u32,
    unhealthy: bool,
}

type Sets = BTreeMap<EndpointSet, Vec<wire::Endpoint>>;

impl Dump {
    pub(super) fn of<P: AsRef<Program>>(admin: &Admin<P>) -> Self {
        let live = admin.live.load();
        let (mut sets, mut secrets, mut key_sets) = (Sets::new(), Vec::new(), Vec::new());
        for item in admin.world.items() {
            match item {
                Item::Endpoints(wire::Endpoints { set: Some(set), endpoints }) => {
                    sets.insert(set.into(), endpoints);
                }
                Item::Secret(wire::Secret { name: Some(name), .. }) => {
                    secrets.push(format!("{}/{}", name.namespace, name.name));
                }
                Item::Jwks(wire::Jwks { name, .. }) => key_sets.push(name),
                _ => {}
            }
        }
        let clusters = live.as_ref().map_or(&[][..], |live| (*live.program).as_ref().clusters());
        Self {
            version: admin.metrics.local().version.clone(),
            in_force: live.as_deref().map(InForce::of),
            draining: admin.drain.is_begun(),
            agent: Agent::of(admin),
            certificate: Certificate::of(admin),
            clusters: clusters.iter().map(|cluster| Upstream::of(cluster, &sets)).collect(),
            secrets,
            key_sets,
        }
    }
}

impl InForce {
    fn of<P: AsRef<Program>>(live: &Live<P>) -> Self {
        Self {
            epoch: live.epoch,
            generation: live.generation,
            snapshot: live.snapshot.to_string(),
            memory_bytes: (*live.program).as_ref().memory_bytes(),
        }
    }
}

impl Agent {
    fn of<P>(admin: &Admin<P>) -> Self {
        let status = &admin.status;
        Self {
            connected: status.connected.get(),
            started_from: format!("{:?}", status.started_from()).to_lowercase(),
            storage_failing: status.storage_failing.get(),
            start_outdated: status.start_outdated.get(),
            refused: status.refused.get(),
        }
    }
}

impl Certificate {
    fn of<P>(admin: &Admin<P>) -> Option<Self> {
        let identity = admin.world.identity().get()?;
        Some(Self {
            identity: identity.id.clone(),
            trust_domain: identity.trust_domain.clone(),
            not_before: identity.valid.start,
            not_after: identity.valid.end,
            roots: identity.roots.len(),
        })
    }
}

impl Upstream {
    fn of(cluster: &Cluster, sets: &Sets) -> Self {
        let (discovery, endpoints) = match cluster.discovery() {
            Discovery::World { set, .. } => {
                ("world", sets.get(set).map(|all| of_set(all, cluster)))
            }
            Discovery::Declared { endpoints } => {
                ("declared", Some(endpoints.iter().map(Endpoint::declared).collect()))
            }
            Discovery::Dns { .. } => ("dns", None),
            Discovery::OriginalDestination => ("originalDestination", None),
        };
        Self {
            name: cluster.name().to_owned(),
            host: cluster.host().to_owned(),
            namespace: cluster.service().namespace.clone(),
            port: cluster.port().number,
            subset: cluster.subset().to_owned(),
            discovery,
            endpoints,
        }
    }
}

/// Those that belong to the cluster's subset.
fn of_set(all: &[wire::Endpoint], cluster: &Cluster) -> Vec<Endpoint> {
    let has = |endpoint: &wire::Endpoint, labels: &Labels| {
        labels.iter().all(|(name, value)| endpoint.labels.get(name) == Some(value))
    };
    let is_of =
        |endpoint: &&wire::Endpoint| cluster.labels().is_none_or(|labels| has(endpoint, labels));
    all.iter().filter(is_of).map(Endpoint::of).collect()
}

impl Endpoint {
    fn of(endpoint: &wire::Endpoint) -> Self {
        Self {
            address: endpoint.address.clone(),
            reached_at: endpoint.reached_at.clone(),
            workload: endpoint.workload.clone(),
            namespace: endpoint.namespace.clone(),
            identity: endpoint.identity.clone(),
            locality: endpoint.locality.clone(),
            weight: endpoint.weight.max(1),
            unhealthy: endpoint.unhealthy,
        }
    }

    fn declared(endpoint: &mesh_snapshot::object::DeclaredEndpoint) -> Self {
        let ports = endpoint.ports.iter();
        Self {
            address: endpoint.address.clone(),
            reached_at: ports.map(|(from, to)| (u32::from(*from), u32::from(*to))).collect(),
            workload: String::new(),
            namespace: String::new(),
            identity: endpoint.service_account.clone(),
            locality: endpoint.locality.clone(),
            weight: endpoint.weight,
            unhealthy: false,
        }
    }
}
