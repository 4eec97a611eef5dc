//! `PeerAuthentication`: whether callers must use mutual TLS.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::WorkloadSelector;
use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_optional};
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PeerAuthentication {
    /// Absent: all workloads of the namespace; in the root namespace, of the mesh.
    pub selector: Option<WorkloadSelector>,
    /// For the ports that `port_level_mtls` does not name.
    pub mtls: Option<Mtls>,
    /// By the workload's port, not the service's; in decimal.
    pub port_level_mtls: Option<BTreeMap<String, Mtls>>,
}

/// What is asked of connections.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mtls {
    #[serde(default)]
    pub mode: MtlsMode,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum MtlsMode {
    /// What a wider policy says; `PERMISSIVE` if none does.
    #[default]
    Unset,
    /// Plain text alone.
    Disable,
    /// Both.
    Permissive,
    /// Mutual TLS alone.
    Strict,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("peer_authentication.fields")));

impl Read for PeerAuthentication {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_optional(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.peer_authentications
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::peer_authentication::check(resource, at, out);
    }
}
