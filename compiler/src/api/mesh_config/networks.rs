//! `MeshNetworks`: the networks that the mesh spans. Like `MeshConfig` it is a text in the `ConfigMap` named `istio`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::field::FieldTable;
use crate::api::metadata::Metadata;
use crate::api::read::{Fields, Read, bare_fields};
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct MeshNetworks {
    #[serde(default)]
    pub networks: BTreeMap<String, Network>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Network {
    /// Which endpoints are in it.
    #[serde(default)]
    pub endpoints: Vec<NetworkEndpoints>,
    /// Through which the others reach it.
    #[serde(default)]
    pub gateways: Vec<NetworkGateway>,
}

/// One of the two.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkEndpoints {
    pub from_cidr: Option<String>,
    /// A cluster, by name.
    pub from_registry: Option<String>,
}

/// A service or an address, and a port.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkGateway {
    pub registry_service_name: Option<String>,
    pub address: Option<String>,
    #[serde(default)]
    pub port: u32,
    #[serde(default)]
    pub locality: String,
}

static FIELDS: Fields = Fields::new(|| bare_fields(&[include_str!("networks.fields")]));

impl Read for MeshNetworks {
    type Document = Self;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self) -> (Metadata, Option<Self>) {
        (Metadata::default(), Some(document))
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.mesh_networks
    }

    fn has_metadata() -> bool {
        false
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::mesh_networks::check(resource, at, out);
    }
}
