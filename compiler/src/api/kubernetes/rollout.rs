//! Argo's Rollout: a Deployment whose pods are replaced in steps.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{LabelSelector, PodTemplate};
use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_spec};
use crate::api::scalar::Opaque;
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

/// Source: Argo Rollouts, `argoproj.io/v1alpha1`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rollout {
    /// Absent: 1.
    pub replicas: Option<i32>,
    #[serde(default)]
    pub selector: LabelSelector,
    /// Absent: `workload_ref` names whose it is.
    pub template: Option<PodTemplate>,
    pub workload_ref: Option<WorkloadRef>,
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
    #[serde(default)]
    pub progress_deadline_abort: Opaque,
    #[serde(default)]
    pub restart_at: Opaque,
    #[serde(default)]
    pub analysis: Opaque,
    #[serde(default)]
    pub rollback_window: Opaque,
}

/// What has the template of its pods.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct WorkloadRef {
    #[serde(default)]
    pub api_version: Opaque,
    #[serde(default)]
    pub kind: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub scale_down: Opaque,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("rollout.fields")));

impl Read for Rollout {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.rollouts
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        if let Some(template) = &resource.spec.template {
            let pods = (&resource.spec.selector, template);
            rules::kubernetes::check_workload(resource, "Rollout", pods, at, out);
        }
    }
}
