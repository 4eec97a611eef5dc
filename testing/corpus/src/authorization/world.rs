//! The small mesh that integration requests run in.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use mesh_snapshot::object::{Labels, Role, Workload};
use serde::Deserialize;
use serde_json::{Value, json};

/// `world.json`
#[derive(Clone, Deserialize)]
pub(super) struct World {
    pub trust_domain: String,
    /// What applications listen on.
    pub ports: BTreeMap<String, Port>,
    /// By `namespace/name`.
    pub workloads: BTreeMap<String, Member>,
}

#[derive(Clone, Copy, Deserialize)]
pub(super) struct Port {
    pub service: u16,
    pub workload: u16,
}

#[derive(Clone, Deserialize)]
pub(super) struct Member {
    pub service: String,
    pub namespace: String,
    pub service_account: Option<String>,
    pub labels: Labels,
    pub ip: IpAddr,
}

impl Member {
    /// A gateway has no account of its own in the corpus.
    pub(super) fn role(&self) -> Role {
        if self.service_account.is_some() { Role::Sidecar } else { Role::Gateway }
    }

    pub(super) fn account(&self) -> &str {
        self.service_account.as_deref().unwrap_or(&self.service)
    }

    pub(super) fn workload(&self) -> Workload {
        Workload {
            namespace: self.namespace.clone(),
            name: self.service.clone(),
            labels: self.labels.clone(),
            service_account: self.account().to_owned(),
            role: self.role(),
            ..Workload::default()
        }
    }

    pub(super) fn host(&self) -> String {
        format!("{}.{}.svc.cluster.local", self.service, self.namespace)
    }
}

impl World {
    /// Without `spiffe://`.
    pub(super) fn principal(&self, member: &Member) -> String {
        format!("{}/ns/{}/sa/{}", self.trust_domain, member.namespace, member.account())
    }

    /// What Kubernetes knows of it, as a file. JSON is YAML.
    pub(super) fn inventory(&self) -> String {
        let namespaces: BTreeSet<_> =
            self.workloads.values().map(|member| member.namespace.as_str()).collect();
        let namespace =
            |name: &str| resource("v1", "Namespace", &json!({ "name": name }), &json!({}));
        let mut items: Vec<_> = namespaces.into_iter().map(namespace).collect();
        for member in self.workloads.values() {
            items.extend(self.resources(member));
        }
        json!({ "apiVersion": "v1", "kind": "List", "items": items }).to_string()
    }

    fn resources(&self, member: &Member) -> [Value; 3] {
        let Member { service, namespace, labels, .. } = member;
        let metadata = json!({ "name": service, "namespace": namespace });
        let ports: Vec<_> = match member.role() {
            Role::Sidecar => self
                .ports
                .iter()
                .map(|(name, port)| service_port(name, port.service, port.workload))
                .collect(),
            Role::Gateway => vec![service_port("http", 80, 80), service_port("https", 443, 443)],
        };
        let account = json!({ "name": member.account(), "namespace": namespace });
        let template = json!({
            "metadata": { "labels": labels },
            "spec": { "serviceAccountName": member.account(), "containers": [{ "name": "main", "image": "main" }] },
        });
        let workload =
            json!({ "spec": { "selector": { "matchLabels": labels }, "template": template } });
        [
            resource(
                "v1",
                "Service",
                &metadata,
                &json!({ "spec": { "selector": labels, "ports": ports } }),
            ),
            resource("v1", "ServiceAccount", &account, &json!({})),
            resource("apps/v1", "Deployment", &metadata, &workload),
        ]
    }
}

fn service_port(name: &str, number: u16, target: u16) -> Value {
    json!({ "name": name, "port": number, "targetPort": target })
}

fn resource(version: &str, kind: &str, metadata: &Value, rest: &Value) -> Value {
    let mut resource = json!({ "apiVersion": version, "kind": kind, "metadata": metadata });
    if let (Some(resource), Some(rest)) = (resource.as_object_mut(), rest.as_object()) {
        resource.extend(rest.clone());
    }
    resource
}
