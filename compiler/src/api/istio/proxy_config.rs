//! `ProxyConfig`: how the proxies of some workloads run.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::WorkloadSelector;
use crate::api::field::FieldTable;
use crate::api::mesh_config::ProxyImage;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_optional};
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProxyConfig {
    /// Absent: all proxies of the namespace, and those of the root namespace all of the mesh.
    pub selector: Option<WorkloadSelector>,
    /// Threads. Zero: one a core. Absent: as the pod's CPU limit says.
    pub concurrency: Option<i32>,
    #[serde(default)]
    pub environment_variables: BTreeMap<String, String>,
    pub image: Option<ProxyImage>,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("proxy_config.fields")));

impl Read for ProxyConfig {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_optional(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.proxy_configs
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::proxy_config::check(resource, at, out);
    }
}
