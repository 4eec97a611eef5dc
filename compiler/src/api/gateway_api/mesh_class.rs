//! `XMesh`: who serves routes of the mesh.

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
pub struct MeshClass {
    /// A domain, `/` and a name.
    pub controller_name: String,
    pub parameters_ref: Option<ObjectReference>,
    pub description: Option<String>,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("mesh_class.fields")));

impl Read for MeshClass {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.mesh_classes
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::gateway_api::check_mesh_class(resource, at, out);
    }
}
