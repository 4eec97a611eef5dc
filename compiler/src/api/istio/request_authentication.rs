//! `RequestAuthentication`: whose tokens a workload accepts.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{TargetReference, WorkloadSelector};
use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_optional};
use crate::api::scalar::Duration;
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestAuthentication {
    /// One of the three; none: all workloads of the namespace, and in the root namespace of the mesh.
    pub selector: Option<WorkloadSelector>,
    pub target_ref: Option<TargetReference>,
    #[serde(default)]
    pub target_refs: Vec<TargetReference>,
    #[serde(default)]
    pub jwt_rules: Vec<JwtRule>,
}

/// One issuer and its tokens.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JwtRule {
    /// The token's `iss`.
    #[serde(default)]
    pub issuer: String,
    /// One of them must be among the token's. Empty: any.
    #[serde(default)]
    pub audiences: Vec<String>,
    /// Where the keys are. Empty, and no `jwks`: where the issuer's discovery document says.
    #[serde(default)]
    pub jwks_uri: String,
    /// The same field by the name that Istio's protobuf gives it.
    #[serde(default, rename = "jwks_uri")]
    pub jwks_uri_by_proto_name: String,
    /// The keys themselves, a JSON Web Key Set. Empty: none, and yet it may not stand beside an
    /// address of keys.
    pub jwks: Option<String>,
    /// Where the token is looked for. All three empty: `Authorization: Bearer`, then `?access_token=`.
    #[serde(default)]
    pub from_headers: Vec<JwtHeader>,
    #[serde(default)]
    pub from_params: Vec<String>,
    #[serde(default)]
    pub from_cookies: Vec<String>,
    /// A header that gets the token's payload.
    #[serde(default)]
    pub output_payload_to_header: String,
    /// Whether the upstream gets the token too.
    #[serde(default)]
    pub forward_original_token: bool,
    /// Headers that get single claims.
    #[serde(default)]
    pub output_claim_to_headers: Vec<ClaimToHeader>,
    /// Of fetching keys. Absent: 5 s.
    pub timeout: Option<Duration>,
    /// Claims whose text is a list with spaces, besides `scope` and `permission`.
    #[serde(default)]
    pub space_delimited_claims: Vec<String>,
    /// Whether a request without a token of this issuer passes.
    pub presence: Option<Presence>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Presence {
    /// It passes, unauthenticated.
    #[default]
    Optional,
    /// It is refused.
    Required,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JwtHeader {
    pub name: String,
    /// What stands before the token. Empty for `Authorization`: `Bearer `.
    #[serde(default)]
    pub prefix: String,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClaimToHeader {
    pub header: String,
    pub claim: String,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("request_authentication.fields")));

impl Read for RequestAuthentication {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_optional(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.request_authentications
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::request_authentication::check(resource, at, out);
    }
}
