//! What keeps a number of pods alike: `ReplicaSet`, which Deployments make, and the older `ReplicationController`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{LabelSelector, PodTemplate};
use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_spec};
use crate::api::scalar::Opaque;
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplicaSet {
    /// Absent: 1.
    pub replicas: Option<i32>,
    #[serde(default)]
    pub selector: LabelSelector,
    pub template: PodTemplate,
    #[serde(default)]
    pub min_ready_seconds: Opaque,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ReplicationController {
    /// Absent: 1.
    pub replicas: Option<i32>,
    /// Empty: the labels of the template.
    #[serde(default)]
    pub selector: BTreeMap<String, String>,
    pub template: PodTemplate,
    #[serde(default)]
    pub min_ready_seconds: Opaque,
}

static REPLICA_SET_FIELDS: Fields = Fields::new(|| fields(include_str!("replica_set.fields")));

impl Read for ReplicaSet {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &REPLICA_SET_FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.replica_sets
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        let pods = (&resource.spec.selector, &resource.spec.template);
        rules::kubernetes::check_workload(resource, "ReplicaSet", pods, at, out);
    }
}

static REPLICATION_CONTROLLER_FIELDS: Fields =
    Fields::new(|| fields(include_str!("replication_controller.fields")));

impl Read for ReplicationController {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &REPLICATION_CONTROLLER_FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.replication_controllers
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        let (own, template) = (&resource.spec.selector, &resource.spec.template);
        let labels = if own.is_empty() { &template.metadata.labels } else { own };
        let selector = LabelSelector { match_labels: labels.clone(), ..LabelSelector::default() };
        let pods = (&selector, template);
        rules::kubernetes::check_workload(resource, "ReplicationController", pods, at, out);
    }
}
