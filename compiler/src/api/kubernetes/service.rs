//! A Service: a host of the mesh.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_optional};
use crate::api::scalar::{IntOrString, Opaque, TextIfAny};
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Service {
    #[serde(default)]
    pub ports: Vec<ServicePort>,
    /// Labels of the pods that serve it. Empty: somebody else says who does.
    #[serde(default)]
    pub selector: BTreeMap<String, String>,
    /// `ClusterIP`, `NodePort`, `LoadBalancer` or `ExternalName`. Absent: `ClusterIP`.
    pub r#type: Option<String>,
    /// Of an `ExternalName`: the host that it stands for.
    pub external_name: Option<String>,
    /// `None`: a headless service, whose clients go to its pods by themselves.
    #[serde(rename = "clusterIP")]
    pub cluster_ip: Option<String>,
    /// Of each family of addresses; the first is `clusterIP`.
    #[serde(default, rename = "clusterIPs")]
    pub cluster_i_ps: Vec<String>,
    /// Addresses outside of the mesh that lead here.
    #[serde(default, rename = "externalIPs")]
    pub external_i_ps: Vec<String>,
    #[serde(default)]
    pub session_affinity: Opaque,
    #[serde(default, rename = "loadBalancerIP")]
    pub load_balancer_ip: Opaque,
    #[serde(default)]
    pub load_balancer_source_ranges: Opaque,
    /// `Local`: what comes from outside of the cluster keeps its client's address.
    #[serde(default)]
    pub external_traffic_policy: TextIfAny,
    #[serde(default)]
    pub health_check_node_port: Opaque,
    #[serde(default)]
    pub publish_not_ready_addresses: Opaque,
    #[serde(default)]
    pub session_affinity_config: Opaque,
    #[serde(default)]
    pub ip_families: Opaque,
    #[serde(default)]
    pub ip_family_policy: Opaque,
    #[serde(default)]
    pub allocate_load_balancer_node_ports: Opaque,
    #[serde(default)]
    pub load_balancer_class: Opaque,
    #[serde(default)]
    pub internal_traffic_policy: InternalTrafficPolicy,
    #[serde(default)]
    pub traffic_distribution: Opaque,
    #[serde(default)]
    pub topology_keys: Opaque,
}

/// Whose instances get the requests.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
pub enum InternalTrafficPolicy {
    /// Of all nodes.
    #[default]
    Cluster,
    /// Of the client's own node.
    Local,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServicePort {
    /// Its part before the first `-` says what the port speaks, unless `app_protocol` does.
    #[serde(default)]
    pub name: String,
    pub port: i32,
    /// Of the pods. Absent: the same number.
    pub target_port: Option<IntOrString>,
    /// `TCP`, `UDP` or `SCTP`. Absent: `TCP`.
    pub protocol: Option<String>,
    pub app_protocol: Option<String>,
    #[serde(default)]
    pub node_port: Opaque,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("service.fields")));

impl Read for Service {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_optional(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.services
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::kubernetes::check_service(resource, at, out);
    }
}
