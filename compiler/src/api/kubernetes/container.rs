//! What runs in a pod.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{ContainerSecurityContext, Probe};
use crate::api::scalar::{AnyText, Opaque};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Container {
    pub name: String,
    // Looked at in proxies alone.
    #[serde(default)]
    pub image: AnyText,
    #[serde(default)]
    pub ports: Vec<ContainerPort>,
    #[serde(default)]
    pub command: Opaque,
    #[serde(default)]
    pub args: Opaque,
    #[serde(default)]
    pub working_dir: Opaque,
    #[serde(default)]
    pub env_from: Opaque,
    #[serde(default)]
    pub env: Vec<EnvVar>,
    #[serde(default)]
    pub resources: Opaque,
    #[serde(default)]
    pub resize_policy: Opaque,
    /// Of one that runs before the others: `Always` for one that goes on beside them.
    pub restart_policy: Option<String>,
    #[serde(default)]
    pub restart_policy_rules: Opaque,
    #[serde(default)]
    pub volume_mounts: Opaque,
    #[serde(default)]
    pub volume_devices: Opaque,
    pub liveness_probe: Option<Probe>,
    pub readiness_probe: Option<Probe>,
    pub startup_probe: Option<Probe>,
    #[serde(default)]
    pub lifecycle: Opaque,
    #[serde(default)]
    pub termination_message_path: Opaque,
    #[serde(default)]
    pub termination_message_policy: Opaque,
    #[serde(default)]
    pub image_pull_policy: Opaque,
    #[serde(default)]
    pub security_context: ContainerSecurityContext,
    #[serde(default)]
    pub stdin: Opaque,
    #[serde(default)]
    pub stdin_once: Opaque,
    #[serde(default)]
    pub tty: Opaque,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ContainerPort {
    /// By which a Service's `targetPort` may find it.
    #[serde(default)]
    pub name: String,
    pub container_port: i32,
    /// Absent: `TCP`.
    pub protocol: Option<String>,
    #[serde(default)]
    pub host_port: Opaque,
    #[serde(default, rename = "hostIP")]
    pub host_ip: Opaque,
}

/// A variable of a container's environment.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnvVar {
    pub name: String,
    /// Empty where it comes from elsewhere. Kubernetes fills `$(NAME)` in.
    #[serde(default)]
    pub value: AnyText,
    #[serde(default)]
    pub value_from: Opaque,
}
