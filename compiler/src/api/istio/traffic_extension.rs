//! `TrafficExtension`: a program of somebody else's in the path of requests, in Wasm or Lua.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    FailStrategy, PluginType, PullPolicy, TargetReference, TrafficSelector, VmConfig,
    WorkloadSelector,
};
use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_spec};
use crate::api::scalar::Opaque;
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrafficExtension {
    /// One of the two; none: all workloads of the namespace, and in the root namespace of the mesh.
    pub selector: Option<WorkloadSelector>,
    #[serde(default)]
    pub target_refs: Vec<TargetReference>,
    #[serde(default)]
    pub phase: ExtensionPhase,
    /// Higher ones come first within a phase. Absent: last.
    pub priority: Option<i32>,
    /// Absent: all traffic.
    #[serde(default)]
    pub r#match: Vec<TrafficSelector>,
    /// This, or the next.
    pub wasm: Option<WasmExtension>,
    pub lua: Option<LuaExtension>,
}

/// As a `WasmPlugin`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WasmExtension {
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
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LuaExtension {
    pub inline_code: String,
}

/// Where in the chain of filters.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ExtensionPhase {
    #[default]
    Unspecified,
    Authn,
    Authz,
    Stats,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("traffic_extension.fields")));

impl Read for TrafficExtension {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.traffic_extensions
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::traffic_extension::check(resource, at, out);
    }
}
