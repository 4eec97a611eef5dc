//! `DestinationRule`: how clients treat a host, and the subsets of its endpoints.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{TrafficPolicy, WorkloadSelector};
use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_spec};
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DestinationRule {
    /// A host of the registry, or `*.name`. A short name is of the namespace of the resource.
    pub host: String,
    pub traffic_policy: Option<TrafficPolicy>,
    #[serde(default)]
    pub subsets: Vec<Subset>,
    /// The namespaces that see the resource: names, `.` for its own, `*` for all. Empty: the mesh's default.
    #[serde(default)]
    pub export_to: Vec<String>,
    /// The clients that it is for. Absent: all.
    pub workload_selector: Option<WorkloadSelector>,
}

/// Some of a host's endpoints, by label, and what is different for them.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Subset {
    pub name: String,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// Each of its blocks takes the place of the same block of the host's.
    pub traffic_policy: Option<TrafficPolicy>,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("destination_rule.fields")));

impl Read for DestinationRule {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.destination_rules
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::destination_rule::check(resource, at, out);
    }
}
