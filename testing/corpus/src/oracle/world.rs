//! What exists around the proxy.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use mesh_engine::outbound::Addresses;
use mesh_snapshot::object::{Labels, Role, Workload};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::yaml;

/// `world.json`
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct World {
    pub proxy: Proxy,
    services: Vec<Service>,
    workloads: Vec<Member>,
    pub mesh_config: Option<Map<String, Value>>,
    /// Of the Services of Kubernetes among the case's resources.
    #[serde(skip)]
    pub addresses: Assigned,
}

/// Whose the addresses are that a cluster gave out: those of Services, and of the endpoints of headless ones.
#[derive(Default)]
pub(super) struct Assigned(BTreeMap<IpAddr, String>);

/// The proxy under test.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Proxy {
    #[serde(rename = "type")]
    kind: Kind,
    name: String,
    namespace: String,
    pub ip: IpAddr,
    labels: Labels,
    service_account: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Gateway,
    Sidecar,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Service {
    host: String,
    namespace: String,
    address: Option<String>,
    #[serde(default)]
    selector: Labels,
    ports: Vec<Port>,
    #[serde(default)]
    export_to: Vec<String>,
    resolution: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Port {
    name: String,
    number: u16,
    #[serde(rename = "targetPort")]
    target: Option<u16>,
    protocol: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Member {
    pub name: String,
    namespace: String,
    pub ip: IpAddr,
    #[serde(default)]
    pub labels: Labels,
    #[serde(default)]
    ports: Vec<u16>,
}

impl Assigned {
    pub(super) fn read(&mut self, text: &str) {
        let documents = yaml::documents(text).unwrap_or_default();
        let host = |name: &Value, metadata: &Value| {
            Some(format!(
                "{}.{}.svc.cluster.local",
                name.as_str()?,
                metadata["namespace"].as_str()?
            ))
        };
        let address = |it: &Value| it.as_str()?.parse().ok();
        let mut headless = BTreeSet::new();
        for service in documents.iter().filter(|it| it["kind"] == "Service") {
            let metadata = &service["metadata"];
            let Some(host) = host(&metadata["name"], metadata) else { continue };
            match service.pointer("/spec/clusterIP").and_then(address) {
                Some(address) => drop(self.0.insert(address, host)),
                None => drop(headless.insert(host)),
            }
        }
        for slice in documents.iter().filter(|it| it["kind"] == "EndpointSlice") {
            let metadata = &slice["metadata"];
            let name = metadata.pointer("/labels/kubernetes.io~1service-name");
            let host = name.and_then(|name| host(name, metadata));
            let Some(host) = host.filter(|host| headless.contains(host)) else { continue };
            let endpoints = slice["endpoints"].as_array().into_iter().flatten();
            let addresses = endpoints.filter_map(|it| it["addresses"].as_array()).flatten();
            self.0.extend(addresses.filter_map(address).map(|it| (it, host.clone())));
        }
    }
}

impl Addresses for Assigned {
    fn host_of(&self, address: IpAddr) -> Option<&str> {
        self.0.get(&address).map(String::as_str)
    }
}

impl Proxy {
    pub(super) fn workload(&self) -> Workload {
        Workload {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            labels: self.labels.clone(),
            service_account: self.service_account.clone(),
            role: match self.kind {
                Kind::Gateway => Role::Gateway,
                Kind::Sidecar => Role::Sidecar,
            },
            ..Workload::default()
        }
    }
}

impl World {
    /// Who listens there.
    pub(super) fn at(&self, ip: IpAddr, port: u16) -> Option<&Member> {
        self.workloads.iter().find(|member| member.ip == ip && member.ports.contains(&port))
    }

    /// The members of a namespace that have all of these labels, and their addresses. The proxy's own workload is one.
    pub(super) fn selected<'w>(
        &'w self,
        namespace: &'w str,
        labels: &'w Labels,
    ) -> impl Iterator<Item = &'w Member> {
        self.workloads.iter().filter(move |member| {
            member.namespace == namespace
                && labels.iter().all(|(name, value)| member.labels.get(name) == Some(value))
        })
    }

    /// The services: entries that select their workloads. JSON is YAML.
    pub(super) fn resources(&self) -> String {
        let items: Vec<_> = self.services.iter().map(entry).collect();
        json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string()
    }
}

fn entry(service: &Service) -> Value {
    let ports = service.ports.iter().map(|port| {
        let protocol = port.protocol.as_deref().unwrap_or("HTTP");
        let target = port.target.unwrap_or(port.number);
        json!({ "number": port.number, "name": port.name, "protocol": protocol, "targetPort": target })
    });
    let mut spec = json!({
        "hosts": [service.host],
        "location": "MESH_INTERNAL",
        "resolution": service.resolution.as_deref().unwrap_or("STATIC"),
        "ports": ports.collect::<Vec<_>>(),
    });
    if let Some(spec) = spec.as_object_mut() {
        if let Some(address) = &service.address {
            spec.insert("addresses".into(), json!([address]));
        }
        if !service.selector.is_empty() {
            spec.insert("workloadSelector".into(), json!({ "labels": service.selector }));
        }
        if !service.export_to.is_empty() {
            spec.insert("exportTo".into(), json!(service.export_to));
        }
    }
    let name = format!("world-{}", service.host.replace('*', "any"));
    let metadata = json!({ "name": name, "namespace": service.namespace });
    json!({ "apiVersion": "networking.istio.io/v1", "kind": "ServiceEntry", "metadata": metadata, "spec": spec })
}
