//! `WorkloadEntry`: an instance of a workload that Kubernetes does not know, by itself or as an endpoint of a `ServiceEntry`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_spec};
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

/// An endpoint.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkloadEntry {
    /// An IP address, a DNS name, or `unix://` and an absolute path.
    #[serde(default)]
    pub address: String,
    /// Name of a port → its number here.
    #[serde(default)]
    pub ports: BTreeMap<String, u32>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The network in which the address has a meaning.
    #[serde(default)]
    pub network: String,
    /// `region/zone/subzone`.
    #[serde(default)]
    pub locality: String,
    /// Zero: 1.
    #[serde(default)]
    pub weight: u32,
    #[serde(default)]
    pub service_account: String,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("workload_entry.fields")));

impl Read for WorkloadEntry {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.workload_entries
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::workload_entry::check(resource, at, out);
    }
}
