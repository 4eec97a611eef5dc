//! `WasmPlugin`: a program of somebody else's in the path of requests.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{TargetReference, WorkloadSelector};
use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_spec};
use crate::api::scalar::Opaque;
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WasmPlugin {
    /// One of the three; none: all workloads of the namespace, and in the root namespace of the mesh.
    pub selector: Option<WorkloadSelector>,
    pub target_ref: Option<TargetReference>,
    #[serde(default)]
    pub target_refs: Vec<TargetReference>,
    /// `oci://`, `http://`, `https://`, `file://`; without scheme `oci://`.
    pub url: String,
    /// Of the program, in hexadecimal. Empty: not verified.
    #[serde(default)]
    pub sha256: String,
    #[serde(default)]
    pub image_pull_policy: PullPolicy,
    /// A Secret with the registry's credentials.
    pub image_pull_secret: Option<String>,
    #[serde(default)]
    pub verification_key: String,
    #[serde(default)]
    pub plugin_config: Opaque,
    pub plugin_name: Option<String>,
    #[serde(default)]
    pub fail_strategy: FailStrategy,
    pub vm_config: Option<VmConfig>,
    #[serde(default)]
    pub r#type: PluginType,
    #[serde(default)]
    pub phase: PluginPhase,
    /// Higher ones come first within a phase. Absent: last.
    pub priority: Option<i32>,
    /// Absent: all traffic.
    #[serde(default)]
    pub r#match: Vec<TrafficSelector>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
pub enum PullPolicy {
    #[default]
    #[serde(rename = "UNSPECIFIED_POLICY")]
    Unspecified,
    IfNotPresent,
    Always,
}

/// What becomes of requests when the program cannot run.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FailStrategy {
    #[default]
    FailClose,
    FailOpen,
    FailReload,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PluginType {
    #[default]
    UnspecifiedPluginType,
    Http,
    Network,
}

/// Where in the chain of filters.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum PluginPhase {
    #[default]
    UnspecifiedPhase,
    Authn,
    Authz,
    Stats,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VmConfig {
    #[serde(default)]
    pub env: Vec<EnvVar>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EnvVar {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub value_from: EnvValueSource,
    /// For `INLINE`.
    pub value: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EnvValueSource {
    #[default]
    Inline,
    /// The variable of the same name that the proxy has.
    Host,
}

/// Traffic of one direction, at some ports.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrafficSelector {
    #[serde(default)]
    pub mode: TrafficMode,
    /// Empty: all.
    #[serde(default)]
    pub ports: Vec<PortNumber>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum TrafficMode {
    #[default]
    Undefined,
    Client,
    Server,
    ClientAndServer,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PortNumber {
    pub number: u32,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("wasm_plugin.fields")));

impl Read for WasmPlugin {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.wasm_plugins
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::wasm_plugin::check(resource, at, out);
    }
}
