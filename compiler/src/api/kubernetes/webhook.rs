//! Webhooks of the API server: which of them give pods their proxies, and check resources.

use schemars::JsonSchema;
use serde::Deserialize;

use super::LabelSelector;
use crate::api::field::{FieldTable, METADATA};
use crate::api::metadata::Metadata;
use crate::api::read::{Fields, Read, bare_fields};
use crate::api::scalar::Opaque;
use crate::api::{Mesh, Resource};

/// Webhooks that change resources: injection is one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MutatingWebhooks(pub Vec<Webhook>);

/// Webhooks that refuse resources.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ValidatingWebhooks(pub Vec<Webhook>);

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Webhook {
    pub name: String,
    pub client_config: ClientConfig,
    /// By the labels of the resource's namespace. Absent: all.
    pub namespace_selector: Option<LabelSelector>,
    /// By the labels of the resource. Absent: all.
    pub object_selector: Option<LabelSelector>,
    #[serde(default)]
    pub rules: Opaque,
    #[serde(default)]
    pub failure_policy: Opaque,
    #[serde(default)]
    pub match_policy: Opaque,
    #[serde(default)]
    pub match_conditions: Opaque,
    #[serde(default)]
    pub side_effects: Opaque,
    #[serde(default)]
    pub timeout_seconds: Opaque,
    #[serde(default)]
    pub admission_review_versions: Opaque,
    /// Of those that change resources.
    #[serde(default)]
    pub reinvocation_policy: Opaque,
}

/// Where a webhook is asked: at a Service, or else at an address.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClientConfig {
    pub url: Option<String>,
    pub service: Option<ServiceReference>,
    #[serde(default)]
    pub ca_bundle: Opaque,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceReference {
    pub namespace: String,
    pub name: String,
    #[serde(default)]
    pub path: Opaque,
    #[serde(default)]
    pub port: Opaque,
}

/// As it stands in a file.
#[expect(dead_code, reason = "fields that are known by name and read by nobody")]
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Document {
    #[serde(default)]
    pub api_version: Opaque,
    #[serde(default)]
    pub kind: Opaque,
    #[serde(default)]
    pub metadata: Metadata,
    #[serde(default)]
    pub webhooks: Vec<Webhook>,
}

static FIELDS: Fields = Fields::new(|| bare_fields(&[METADATA, include_str!("webhook.fields")]));

impl Read for MutatingWebhooks {
    type Document = Document;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Document) -> (Metadata, Option<Self>) {
        (document.metadata, Some(Self(document.webhooks)))
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.mutating_webhooks
    }
}

impl Read for ValidatingWebhooks {
    type Document = Document;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Document) -> (Metadata, Option<Self>) {
        (document.metadata, Some(Self(document.webhooks)))
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.validating_webhooks
    }
}
