//! `ServiceEntry`: hosts that Kubernetes does not know.

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
pub struct ServiceEntry {
    /// Names, or `*.name`.
    pub hosts: Vec<String>,
    /// Virtual addresses and CIDR blocks by which clients reach the hosts.
    #[serde(default)]
    pub addresses: Vec<String>,
    #[serde(default)]
    pub ports: Vec<ServicePort>,
    #[serde(default)]
    pub location: Location,
    #[serde(default)]
    pub resolution: Resolution,
    #[serde(default)]
    pub endpoints: Vec<WorkloadEntry>,
    /// Pods and `WorkloadEntry`s of the namespace, in place of `endpoints`.
    pub workload_selector: Option<LabelSelector>,
    /// The namespaces that see the resource: names, `.` for its own, `*` for all, `~` for none. Empty: the mesh's default.
    #[serde(default)]
    pub export_to: Vec<String>,
    /// One of them must be the server's.
    #[serde(default)]
    pub subject_alt_names: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServicePort {
    pub number: u32,
    /// As a Gateway's. Empty: what the name begins with, or TCP.
    #[serde(default)]
    pub protocol: String,
    pub name: String,
    /// The endpoints' port. Absent: the same.
    pub target_port: Option<u32>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Location {
    /// Without the mesh's mutual TLS.
    #[default]
    MeshExternal,
    MeshInternal,
}

/// Where endpoints come from.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Resolution {
    /// The address that the client was going to.
    #[default]
    None,
    /// `endpoints`.
    Static,
    /// All addresses that the names of `endpoints`, or the host, resolve to.
    Dns,
    /// One of them a connection.
    DnsRoundRobin,
    /// Of the name in the request, for `*.name`.
    DynamicDns,
}

/// Labels that a workload must all have. Source: Istio, `WorkloadSelector` of `networking/v1alpha3`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LabelSelector {
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("service_entry.fields")));

impl Read for ServiceEntry {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.service_entries
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::service_entry::check(resource, at, out);
    }
}
