//! `GatewayClass`: who serves Gateways.

use schemars::JsonSchema;
use serde::Deserialize;

use super::ObjectReference;
use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_spec};
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GatewayClass {
    /// `istio.io/gateway-controller`, and for waypoints `istio.io/mesh-controller`.
    pub controller_name: String,
    pub parameters_ref: Option<ObjectReference>,
    pub description: Option<String>,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("gateway_class.fields")));

impl Read for GatewayClass {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.gateway_classes
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::gateway_api::check_gateway_class(resource, at, out);
    }
}
