//! `XBackendTrafficPolicy`: how those who send requests to a Service retry, and stay with one endpoint.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{PolicyTarget, SessionPersistence};
use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_spec};
use crate::api::scalar::GatewayDuration;
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackendTrafficPolicy {
    /// Services of its own namespace.
    pub target_refs: Vec<PolicyTarget>,
    pub retry_constraint: Option<RetryConstraint>,
    pub session_persistence: Option<SessionPersistence>,
}

/// How many of the requests may be retries.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetryConstraint {
    pub budget: Option<RetryBudget>,
    pub min_retry_rate: Option<RequestRate>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetryBudget {
    /// Absent: 20.
    pub percent: Option<i32>,
    /// Over which requests are counted. Absent: 10 s.
    pub interval: Option<GatewayDuration>,
}

/// So many requests, whatever the budget.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestRate {
    pub count: Option<i32>,
    pub interval: Option<GatewayDuration>,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("backend_traffic_policy.fields")));

impl Read for BackendTrafficPolicy {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.backend_traffic_policies
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::gateway_api::check_backend_traffic_policy(resource, at, out);
    }
}
