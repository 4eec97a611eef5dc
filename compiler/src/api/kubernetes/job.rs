//! What runs once, or now and then: Job and `CronJob`.

use schemars::JsonSchema;
use serde::Deserialize;

use super::PodTemplate;
use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_spec};
use crate::api::scalar::Opaque;
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

/// Pods that run until they have ended well.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Job {
    pub template: PodTemplate,
    #[serde(default)]
    pub active_deadline_seconds: Opaque,
    #[serde(default)]
    pub backoff_limit: Opaque,
    #[serde(default)]
    pub backoff_limit_per_index: Opaque,
    #[serde(default)]
    pub completion_mode: Opaque,
    #[serde(default)]
    pub completions: Opaque,
    #[serde(default)]
    pub managed_by: Opaque,
    #[serde(default)]
    pub manual_selector: Opaque,
    #[serde(default)]
    pub max_failed_indexes: Opaque,
    #[serde(default)]
    pub parallelism: Opaque,
    #[serde(default)]
    pub pod_failure_policy: Opaque,
    #[serde(default)]
    pub pod_replacement_policy: Opaque,
    #[serde(default)]
    pub selector: Opaque,
    #[serde(default)]
    pub success_policy: Opaque,
    #[serde(default)]
    pub suspend: Opaque,
    #[serde(default)]
    pub ttl_seconds_after_finished: Opaque,
}

/// A Job at set times.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CronJob {
    pub job_template: JobTemplate,
    #[serde(default)]
    pub schedule: Opaque,
    #[serde(default)]
    pub time_zone: Opaque,
    #[serde(default)]
    pub concurrency_policy: Opaque,
    #[serde(default)]
    pub starting_deadline_seconds: Opaque,
    #[serde(default)]
    pub successful_jobs_history_limit: Opaque,
    #[serde(default)]
    pub failed_jobs_history_limit: Opaque,
    #[serde(default)]
    pub suspend: Opaque,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JobTemplate {
    #[serde(default)]
    pub metadata: Opaque,
    pub spec: Job,
}

static JOB_FIELDS: Fields = Fields::new(|| fields(include_str!("job.fields")));

impl Read for Job {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &JOB_FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.jobs
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        let at = at.field("spec");
        rules::kubernetes::check_template(&resource.spec.template, &at.field("template"), out);
    }
}

static CRON_JOB_FIELDS: Fields = Fields::new(|| fields(include_str!("cron_job.fields")));

impl Read for CronJob {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &CRON_JOB_FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.cron_jobs
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        let at = at.field("spec");
        let at = at.field("jobTemplate");
        let at = at.field("spec");
        let template = &resource.spec.job_template.spec.template;
        rules::kubernetes::check_template(template, &at.field("template"), out);
    }
}
