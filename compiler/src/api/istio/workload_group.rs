//! `WorkloadGroup`: what `WorkloadEntry`s are made like when machines join by themselves.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::WorkloadEntry;
use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_spec};
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkloadGroup {
    /// Of the entries that are made.
    pub metadata: Option<GroupMetadata>,
    /// What they say; a machine gives its own address.
    pub template: WorkloadEntry,
    /// By which a machine is told to be alive.
    pub probe: Option<ReadinessProbe>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GroupMetadata {
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
}

/// As Kubernetes' probes. At most one of the four ways.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReadinessProbe {
    #[serde(default)]
    pub initial_delay_seconds: i32,
    /// Zero: 1.
    #[serde(default)]
    pub timeout_seconds: i32,
    /// Zero: 10.
    #[serde(default)]
    pub period_seconds: i32,
    /// Zero: 1.
    #[serde(default)]
    pub success_threshold: i32,
    /// Zero: 3.
    #[serde(default)]
    pub failure_threshold: i32,
    pub http_get: Option<HttpProbe>,
    pub tcp_socket: Option<TcpProbe>,
    pub exec: Option<ExecProbe>,
    pub grpc: Option<GrpcProbe>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpProbe {
    #[serde(default)]
    pub path: String,
    pub port: u32,
    /// Empty: the machine itself.
    #[serde(default)]
    pub host: String,
    /// `HTTP` or `HTTPS`. Empty: `HTTP`.
    #[serde(default)]
    pub scheme: String,
    #[serde(default)]
    pub http_headers: Vec<ProbeHeader>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProbeHeader {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub value: String,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TcpProbe {
    #[serde(default)]
    pub host: String,
    pub port: u32,
}

/// A command that ends with 0 when all is well.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExecProbe {
    pub command: Vec<String>,
}

/// gRPC's own health check.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrpcProbe {
    #[serde(default)]
    pub port: u32,
    #[serde(default)]
    pub service: String,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("workload_group.fields")));

impl Read for WorkloadGroup {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.workload_groups
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::workload_group::check(resource, at, out);
    }
}
