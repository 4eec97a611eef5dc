//! `AuthorizationPolicy`: who may do what.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{TargetReference, WorkloadSelector};
use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_optional};
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuthorizationPolicy {
    /// One of the three; none: all workloads of the namespace, and in the root namespace of the mesh.
    pub selector: Option<WorkloadSelector>,
    pub target_ref: Option<TargetReference>,
    #[serde(default)]
    pub target_refs: Vec<TargetReference>,
    /// Any of them. Absent: the policy matches nothing, so that an `ALLOW` policy denies all.
    pub rules: Option<Vec<Rule>>,
    #[serde(default)]
    pub action: Action,
    /// Who decides, for `CUSTOM`.
    pub provider: Option<ExtensionProvider>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Action {
    #[default]
    Allow,
    Deny,
    /// Only noted in logs.
    Audit,
    /// An external authorizer is asked.
    Custom,
}

/// An extension provider of the mesh configuration.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExtensionProvider {
    #[serde(default)]
    pub name: String,
}

/// All three parts must hold; one that is absent does.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    /// Any of them.
    pub from: Option<Vec<From>>,
    /// Any of them.
    pub to: Option<Vec<To>>,
    /// All of them.
    #[serde(default)]
    pub when: Vec<Condition>,
}

/// The annotation by which a policy is tried in a dry run, and decides nothing.
pub const DRY_RUN: &str = "istio.io/dry-run";

impl Resource<AuthorizationPolicy> {
    /// Whether it decides nothing, since it is tried in a dry run.
    #[must_use]
    pub fn is_tried(&self) -> bool {
        rules::is_tried(&self.metadata)
    }
}

impl Rule {
    /// Whether it is for some ports only.
    #[must_use]
    pub fn names_ports(&self) -> bool {
        let operations = self.to.iter().flatten().filter_map(|to| to.operation.as_ref());
        operations.into_iter().any(|operation| !operation.ports.is_empty())
    }
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct From {
    pub source: Option<Source>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct To {
    pub operation: Option<Operation>,
}

/// Who calls: all parts must hold. Texts are exact, `prefix*`, `*suffix`, or `*` for any that is there.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Source {
    /// Identities of the connection, `cluster.local/ns/shop/sa/web`.
    #[serde(default)]
    pub principals: Vec<String>,
    #[serde(default)]
    pub not_principals: Vec<String>,
    /// `issuer/subject` of the request's token.
    #[serde(default)]
    pub request_principals: Vec<String>,
    #[serde(default)]
    pub not_request_principals: Vec<String>,
    /// Of the identity of the connection.
    #[serde(default)]
    pub namespaces: Vec<String>,
    #[serde(default)]
    pub not_namespaces: Vec<String>,
    /// Addresses and CIDR blocks of the connection.
    #[serde(default)]
    pub ip_blocks: Vec<String>,
    #[serde(default)]
    pub not_ip_blocks: Vec<String>,
    /// Of the first client, as trusted proxies tell it.
    #[serde(default)]
    pub remote_ip_blocks: Vec<String>,
    #[serde(default)]
    pub not_remote_ip_blocks: Vec<String>,
    /// `namespace/name`, or a name of the policy's own namespace.
    #[serde(default)]
    pub service_accounts: Vec<String>,
    #[serde(default)]
    pub not_service_accounts: Vec<String>,
    #[serde(default)]
    pub trust_domains: Vec<String>,
    #[serde(default)]
    pub not_trust_domains: Vec<String>,
}

/// What is asked for: all parts must hold.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Operation {
    /// Case does not count.
    #[serde(default)]
    pub hosts: Vec<String>,
    #[serde(default)]
    pub not_hosts: Vec<String>,
    /// Of the workload, not of the service.
    #[serde(default)]
    pub ports: Vec<String>,
    #[serde(default)]
    pub not_ports: Vec<String>,
    #[serde(default)]
    pub methods: Vec<String>,
    #[serde(default)]
    pub not_methods: Vec<String>,
    /// Also templates with `{*}` for a segment and `{**}` for any number of them.
    #[serde(default)]
    pub paths: Vec<String>,
    #[serde(default)]
    pub not_paths: Vec<String>,
}

/// A further attribute: it has one of `values`, and none of `not_values`.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Condition {
    /// `request.headers[name]`, `source.ip` and their like.
    pub key: String,
    #[serde(default)]
    pub values: Vec<String>,
    #[serde(default)]
    pub not_values: Vec<String>,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("authorization_policy.fields")));

impl Read for AuthorizationPolicy {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_optional(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.authorization_policies
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::authorization_policy::check(resource, at, out);
    }
}
