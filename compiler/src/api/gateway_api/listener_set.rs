//! `ListenerSet`: listeners that others than its owner add to a `Gateway`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::Listener;
use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_spec};
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListenerSet {
    /// The Gateway, which must let it in with `allowedListeners`.
    pub parent_ref: ParentGateway,
    pub listeners: Vec<Listener>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ParentGateway {
    /// Absent: the Gateway API's own.
    pub group: Option<String>,
    /// Absent: `Gateway`.
    pub kind: Option<String>,
    pub name: String,
    /// Absent: the set's.
    pub namespace: Option<String>,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("listener_set.fields")));

impl Read for ListenerSet {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.listener_sets
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::gateway_api::check_listener_set(resource, at, out);
    }
}
