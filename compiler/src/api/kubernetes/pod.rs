//! A Pod, and the template from which workloads make pods.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Container, PodSecurityContext};
use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_optional};
use crate::api::scalar::Opaque;
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

/// What a workload's pods are like.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodTemplate {
    /// Its labels are what selectors select by.
    #[serde(default)]
    pub metadata: Metadata,
    #[serde(default)]
    pub spec: PodSpec,
}

/// A Pod by itself.
pub type Pod = PodSpec;

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PodSpec {
    #[serde(default)]
    pub containers: Vec<Container>,
    #[serde(default)]
    pub init_containers: Vec<Container>,
    /// Its identity. Empty: `default`.
    #[serde(default)]
    pub service_account_name: String,
    /// An older name of `service_account_name`.
    #[serde(default)]
    pub service_account: String,
    /// Whether it shares the node's network, which keeps it out of the mesh.
    #[serde(default)]
    pub host_network: bool,
    #[serde(default)]
    pub volumes: Opaque,
    #[serde(default)]
    pub restart_policy: Opaque,
    #[serde(default)]
    pub termination_grace_period_seconds: Opaque,
    #[serde(default)]
    pub active_deadline_seconds: Opaque,
    #[serde(default)]
    pub dns_policy: Opaque,
    #[serde(default)]
    pub node_selector: Opaque,
    #[serde(default)]
    pub automount_service_account_token: Opaque,
    #[serde(default)]
    pub node_name: Opaque,
    #[serde(default, rename = "hostPID")]
    pub host_pid: Opaque,
    #[serde(default, rename = "hostIPC")]
    pub host_ipc: Opaque,
    #[serde(default)]
    pub share_process_namespace: Opaque,
    /// For all of its containers that do not say otherwise.
    #[serde(default)]
    pub security_context: PodSecurityContext,
    #[serde(default)]
    pub image_pull_secrets: Opaque,
    #[serde(default)]
    pub subdomain: Opaque,
    #[serde(default)]
    pub affinity: Opaque,
    #[serde(default)]
    pub scheduler_name: Opaque,
    #[serde(default)]
    pub tolerations: Opaque,
    #[serde(default)]
    pub host_aliases: Opaque,
    #[serde(default)]
    pub priority_class_name: Opaque,
    #[serde(default)]
    pub priority: Opaque,
    #[serde(default)]
    pub dns_config: Opaque,
    #[serde(default)]
    pub readiness_gates: Opaque,
    #[serde(default)]
    pub runtime_class_name: Opaque,
    #[serde(default)]
    pub enable_service_links: Opaque,
    #[serde(default)]
    pub preemption_policy: Opaque,
    #[serde(default)]
    pub overhead: Opaque,
    #[serde(default)]
    pub topology_spread_constraints: Opaque,
    #[serde(default, rename = "setHostnameAsFQDN")]
    pub set_hostname_as_fqdn: Opaque,
    #[serde(default)]
    pub os: Opaque,
    #[serde(default)]
    pub host_users: Opaque,
    #[serde(default)]
    pub scheduling_gates: Opaque,
    #[serde(default)]
    pub resource_claims: Opaque,
    #[serde(default)]
    pub resources: Opaque,
    #[serde(default)]
    pub ephemeral_containers: Opaque,
    #[serde(default)]
    pub hostname: Opaque,
    #[serde(default)]
    pub hostname_override: Opaque,
    #[serde(default)]
    pub workload_ref: Opaque,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("pod.fields")));

impl Read for PodSpec {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_optional(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.pods
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::kubernetes::check_pod(resource, at, out);
    }
}
