//! Whose tokens a workload accepts. Source: Istio `RequestAuthentication`.

use serde::{Deserialize, Serialize};

use super::{Microseconds, is_default};

/// Rules for the workloads that its entry in the section selects. All that select one apply together: a
/// token that is there must satisfy the rule of its issuer, and a request without one passes, unauthenticated, unless one
/// of them is required.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestAuthentication {
    pub rules: Vec<JwtRule>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JwtRule {
    pub issuer: String,
    /// Any of them; empty: any audience.
    #[serde(default, skip_serializing_if = "is_default")]
    pub audiences: Vec<String>,
    pub keys: JwtKeys,
    /// Where the token is looked for. All three empty: `Authorization: Bearer`, then `?access_token=`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub from_headers: Vec<TokenHeader>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub from_parameters: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub from_cookies: Vec<String>,
    /// A header that gets the token's payload, in base64url; empty: none.
    #[serde(default, skip_serializing_if = "is_default")]
    pub payload_header: String,
    #[serde(default, skip_serializing_if = "is_default")]
    pub claim_headers: Vec<ClaimHeader>,
    /// Whether the upstream gets the token too.
    #[serde(default, skip_serializing_if = "is_default")]
    pub forward_token: bool,
    /// Of fetching remote keys.
    pub fetch_timeout: Microseconds,
    /// Claims, beside `scope` and `permission`, whose text is a list with spaces.
    #[serde(default, skip_serializing_if = "is_default")]
    pub space_delimited_claims: Vec<String>,
    /// Whether a request without any token is refused.
    #[serde(default, skip_serializing_if = "is_default")]
    pub required: bool,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum JwtKeys {
    /// A JSON Web Key Set (RFC 7517), as its author wrote it.
    Inline(String),
    /// Its address; the set itself is world.
    Remote(String),
    /// The issuer, whose discovery document tells the address (`OpenID` Connect Discovery 1.0 §4).
    Discovered(String),
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TokenHeader {
    /// In lower case.
    pub name: String,
    /// What stands before the token, a space included; may be empty.
    #[serde(default, skip_serializing_if = "is_default")]
    pub prefix: String,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClaimHeader {
    pub header: String,
    pub claim: String,
}
