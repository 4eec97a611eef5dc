//! What runs pods: Deployment, `StatefulSet` and `DaemonSet`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{LabelSelector, PodTemplate};
use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_spec};
use crate::api::scalar::Opaque;
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

/// Pods that are alike.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deployment {
    /// Absent: 1.
    pub replicas: Option<i32>,
    #[serde(default)]
    pub selector: LabelSelector,
    pub template: PodTemplate,
    #[serde(default)]
    pub min_ready_seconds: Opaque,
    #[serde(default)]
    pub strategy: Opaque,
    #[serde(default)]
    pub revision_history_limit: Opaque,
    #[serde(default)]
    pub paused: Opaque,
    #[serde(default)]
    pub progress_deadline_seconds: Opaque,
}

/// Pods with names and volumes of their own.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StatefulSet {
    /// Absent: 1.
    pub replicas: Option<i32>,
    #[serde(default)]
    pub selector: LabelSelector,
    pub template: PodTemplate,
    #[serde(default)]
    pub service_name: Opaque,
    #[serde(default)]
    pub pod_management_policy: Opaque,
    #[serde(default)]
    pub update_strategy: Opaque,
    #[serde(default)]
    pub revision_history_limit: Opaque,
    #[serde(default)]
    pub min_ready_seconds: Opaque,
    #[serde(default)]
    pub volume_claim_templates: Opaque,
    #[serde(default)]
    pub persistent_volume_claim_retention_policy: Opaque,
    pub ordinals: Option<Ordinals>,
}

/// How the pods are numbered.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ordinals {
    /// Of the first. Absent: 0.
    pub start: Option<i32>,
}

/// A pod a node.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DaemonSet {
    #[serde(default)]
    pub selector: LabelSelector,
    pub template: PodTemplate,
    #[serde(default)]
    pub update_strategy: Opaque,
    #[serde(default)]
    pub min_ready_seconds: Opaque,
    #[serde(default)]
    pub revision_history_limit: Opaque,
}

static DEPLOYMENT_FIELDS: Fields = Fields::new(|| fields(include_str!("deployment.fields")));

impl Read for Deployment {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &DEPLOYMENT_FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.deployments
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        let pods = (&resource.spec.selector, &resource.spec.template);
        rules::kubernetes::check_workload(resource, "Deployment", pods, at, out);
    }
}

static STATEFUL_SET_FIELDS: Fields = Fields::new(|| fields(include_str!("stateful_set.fields")));

impl Read for StatefulSet {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &STATEFUL_SET_FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.stateful_sets
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        let pods = (&resource.spec.selector, &resource.spec.template);
        rules::kubernetes::check_workload(resource, "StatefulSet", pods, at, out);
    }
}

static DAEMON_SET_FIELDS: Fields = Fields::new(|| fields(include_str!("daemon_set.fields")));

impl Read for DaemonSet {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &DAEMON_SET_FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.daemon_sets
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        let pods = (&resource.spec.selector, &resource.spec.template);
        rules::kubernetes::check_workload(resource, "DaemonSet", pods, at, out);
    }
}
