//! Who may do what. Source: Istio `AuthorizationPolicy`.

use serde::{Deserialize, Serialize};

use super::is_default;

/// Rules for the workloads that its entry in the section selects.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuthorizationPolicy {
    pub namespace: String,
    pub name: String,
    pub action: Action,
    /// Judged and counted, not enforced (`istio.io/dry-run`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub dry_run: bool,
    /// The policy matches when any of them does; without rules it never does. An `ALLOW` policy counts
    /// even so: where there is one, what no `ALLOW` policy matches is denied.
    pub rules: Vec<Rule>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Action {
    Allow,
    Deny,
    Audit,
    /// Ask the external authorizer of this name.
    Custom {
        provider: String,
    },
}

/// Matches when each of its three parts does: any of `from`, any of `to`, all of `when`. A part that is
/// empty always does.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Rule {
    #[serde(default, skip_serializing_if = "is_default")]
    pub from: Vec<Vec<Test>>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub to: Vec<Vec<Test>>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub when: Vec<Test>,
}

/// One field of a source, an operation or a condition: something of the request, and what is accepted.
/// `values` and `notValues` of one condition are two tests.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Test {
    pub subject: Subject,
    /// Holds exactly when nothing is accepted (`notPaths` and its like).
    #[serde(default, skip_serializing_if = "is_default")]
    pub negated: bool,
    pub accepts: Accepts,
}

/// What a test looks at.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Subject {
    /// The proved identity of the connection's client, without `spiffe://`.
    Principal,
    /// Its namespace.
    Namespace,
    /// Its `namespace/service-account`.
    ServiceAccount,
    TrustDomain,
    /// `issuer/subject` of the request's token.
    RequestPrincipal,
    /// The address that the connection came from.
    SourceIp,
    /// The address of the original client, told by trusted proxies.
    RemoteIp,
    DestinationIp,
    /// The workload's port.
    DestinationPort,
    /// The server name that the client asked for in its TLS handshake.
    ConnectionSni,
    /// The authority, port included; case does not count.
    Host,
    Method,
    /// The normalised path, without query.
    Path,
    /// A request header, in lower case.
    Header(String),
    /// A claim of the request's token, by its path (`realm.roles` is `["realm", "roles"]`). A list holds when any element
    /// does.
    JwtClaim(Vec<String>),
    JwtAudience,
    JwtPresenter,
}

impl Subject {
    /// Whether only a request over HTTP has it. On a TCP connection, `ALLOW` rules that test such a subject
    /// are dropped, and other rules lose the test. Source: Istio, `pilot/pkg/security/authz/builder`.
    #[must_use]
    pub const fn is_http(&self) -> bool {
        matches!(
            self,
            Self::RequestPrincipal
                | Self::Host
                | Self::Method
                | Self::Path
                | Self::Header(_)
                | Self::JwtClaim(_)
                | Self::JwtAudience
                | Self::JwtPresenter
        )
    }
}

/// Any one of these.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum Accepts {
    Text(Vec<TextPattern>),
    /// Addresses and CIDR blocks.
    Addresses(Vec<String>),
    Ports(Vec<u16>),
}

#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum TextPattern {
    /// There, and not empty (`*`).
    Present,
    Exact(String),
    Prefix(String),
    Suffix(String),
    /// A path template with `{*}` (one segment) and `{**}` (any run of them).
    Template(String),
    /// Of a namespace or a trust domain: each `*` in it is any run of characters.
    Glob(String),
}
