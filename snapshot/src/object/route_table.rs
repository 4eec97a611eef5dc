//! Where requests for a host go.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Bytes, Labels, Microseconds, PartsPerMillion, StringMatch, is_default};

/// Ordered routes: the first whose match holds decides. From one Istio `VirtualService` on the mesh; for a
/// gateway's virtual host, from all that bind to it, merged; from Gateway API routes, sorted.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RouteTable {
    #[serde(default, skip_serializing_if = "is_default")]
    pub http: Vec<HttpRoute>,
    /// By SNI, for TLS that the proxy does not terminate.
    #[serde(default, skip_serializing_if = "is_default")]
    pub tls: Vec<StreamRoute>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub tcp: Vec<StreamRoute>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpRoute {
    /// What access logs call it; may be empty.
    #[serde(default, skip_serializing_if = "is_default")]
    pub name: String,
    /// Any of them; none matches every request.
    #[serde(default, skip_serializing_if = "is_default")]
    pub matches: Vec<HttpMatch>,
    pub action: HttpAction,
    #[serde(default, skip_serializing_if = "is_default")]
    pub headers: HeaderOperations,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cors: Option<Cors>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub fault: Fault,
}

/// All of its parts must hold; a part that is absent always does.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpMatch {
    #[serde(default, skip_serializing_if = "is_default")]
    pub name: String,
    /// Of the path, without the query.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<StringMatch>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub ignore_path_case: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<StringMatch>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<StringMatch>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<StringMatch>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub headers: Vec<HeaderMatch>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub query: Vec<QueryMatch>,
    /// Of the request's verified token. Source: Istio, headers named `@request.auth.claims…`.
    #[serde(default, skip_serializing_if = "is_default")]
    pub claims: Vec<ClaimMatch>,
    /// The port that the request was addressed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// Labels of the workload that sends: decided when a proxy builds its program.
    #[serde(default, skip_serializing_if = "is_default")]
    pub source_labels: Labels,
    #[serde(default, skip_serializing_if = "is_default")]
    pub source_namespace: String,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeaderMatch {
    /// In lower case.
    pub name: String,
    pub value: ValueMatch,
    /// Holds exactly when the rest does not (`withoutHeaders`).
    #[serde(default, skip_serializing_if = "is_default")]
    pub inverted: bool,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum ValueMatch {
    /// It is there, whatever its value.
    Present,
    Is(StringMatch),
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct QueryMatch {
    pub name: String,
    pub value: ValueMatch,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ClaimMatch {
    /// `[realm, roles]` for the claim `roles` inside `realm`; case counts.
    pub path: Vec<String>,
    pub value: ValueMatch,
    #[serde(default, skip_serializing_if = "is_default")]
    pub inverted: bool,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum HttpAction {
    Forward {
        /// Not empty; their weights do not sum to zero.
        backends: Vec<Backend>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path_rewrite: Option<PathRewrite>,
        /// The authority that the upstream sees.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        authority_rewrite: Option<String>,
        /// Of the whole answer, all attempts included. Absent: none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        timeout: Option<Microseconds>,
        /// Of each try. Absent: what is left of `timeout`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        try_timeout: Option<Microseconds>,
        /// Absent: the mesh's.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        retry: Option<RetryPolicy>,
        #[serde(default, skip_serializing_if = "is_default")]
        mirrors: Vec<Mirror>,
    },
    Redirect(Redirect),
    /// An answer of the proxy's own.
    Respond {
        status: u16,
        #[serde(default, skip_serializing_if = "is_default")]
        body: Bytes,
    },
}

/// Where some of a route's requests go.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Backend {
    pub target: Target,
    /// Its share is this over the sum of the route's.
    pub weight: u32,
    #[serde(default, skip_serializing_if = "is_default")]
    pub headers: HeaderOperations,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Target {
    Cluster(Destination),
    /// Nowhere: the request is answered with this status; a stream is closed. Source: Gateway API, "invalid backend".
    Status(u16),
}

/// A cluster: a host of the registry, one of its ports and, unless empty, a subset of its endpoints.
#[derive(Clone, Debug, Deserialize, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Destination {
    pub host: String,
    /// Absent: the port that the request was addressed to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub subset: String,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Mirror {
    pub destination: Destination,
    pub share: PartsPerMillion,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum PathRewrite {
    /// In place of the text that the match's prefix covered; of the whole path after an exact or regular
    /// match. As Istio does, text is text: prefix `/a` and rewrite `/` turn `/a/b` into `//b`.
    Prefix(String),
    /// In place of the segments that a `PathPrefix` covered, without doubling a slash. Source: Gateway API,
    /// `ReplacePrefixMatch`.
    PathPrefix(String),
    Full(String),
    /// RE2's `pattern`, all matches, replaced by `substitution` with `\1` for groups.
    Regex {
        pattern: String,
        substitution: String,
    },
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Redirect {
    pub status: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheme: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authority: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<RedirectPort>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<RedirectPath>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum RedirectPort {
    Number(u16),
    /// The default of the scheme redirected to.
    FromScheme,
    /// The one the request came to.
    FromRequest,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum RedirectPath {
    Full(String),
    /// Replaces the text that the match's prefix covered.
    Prefix(String),
    /// Replaces the segments that a `PathPrefix` covered.
    PathPrefix(String),
}

/// What is done to headers, in this order: remove, set, add. Values are in Envoy's format language
/// (`%REQ(name)%` and so on; `%%` is a percent sign).
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HeaderOperations {
    #[serde(default, skip_serializing_if = "is_default")]
    pub request_set: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub request_add: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub request_remove: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub response_set: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub response_add: Vec<(String, String)>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub response_remove: Vec<String>,
}

/// When and how a failed request is tried again. Source: Istio `HTTPRetry`, Envoy's retry policies.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RetryPolicy {
    /// Tries after the first. Zero: none, and the rest says nothing.
    pub retries_max: u32,
    /// Envoy's names (`connect-failure`, `5xx`, `reset`, …).
    #[serde(default, skip_serializing_if = "is_default")]
    pub conditions: BTreeSet<String>,
    /// Statuses that `retriable-status-codes` stands for.
    #[serde(default, skip_serializing_if = "is_default")]
    pub statuses: BTreeSet<u16>,
    /// The first interval, which doubles with jitter up to ten times itself. Absent: 25 ms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Microseconds>,
    /// Prefer an endpoint that has not been tried.
    #[serde(default, skip_serializing_if = "is_default")]
    pub avoid_previous_endpoints: bool,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<Delay>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abort: Option<Abort>,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Delay {
    pub duration: Microseconds,
    pub share: PartsPerMillion,
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Abort {
    pub status: AbortStatus,
    pub share: PartsPerMillion,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", deny_unknown_fields)]
pub enum AbortStatus {
    Http(u16),
    /// A gRPC status code, in an HTTP 200.
    Grpc(u32),
}

/// Source: Istio `CorsPolicy`.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cors {
    #[serde(default, skip_serializing_if = "is_default")]
    pub allow_origins: Vec<StringMatch>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub allow_methods: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub allow_headers: Vec<String>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub expose_headers: Vec<String>,
    /// In whole seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_age_seconds: Option<u64>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub allow_credentials: bool,
    /// Answer preflights of origins that do not match, rather than forward them.
    #[serde(default, skip_serializing_if = "is_default")]
    pub answer_unmatched_preflights: bool,
}

/// A route of bytes: one backend a connection.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamRoute {
    /// Any of them; none matches every connection.
    #[serde(default, skip_serializing_if = "is_default")]
    pub matches: Vec<StreamMatch>,
    /// Not empty; their weights do not sum to zero.
    pub backends: Vec<Backend>,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StreamMatch {
    /// Host patterns; empty: any, or none sent.
    #[serde(default, skip_serializing_if = "is_default")]
    pub sni: Vec<String>,
    /// CIDR blocks of the address that the client was going to.
    #[serde(default, skip_serializing_if = "is_default")]
    pub destination_subnets: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    #[serde(default, skip_serializing_if = "is_default")]
    pub source_labels: Labels,
    #[serde(default, skip_serializing_if = "is_default")]
    pub source_namespace: String,
}
