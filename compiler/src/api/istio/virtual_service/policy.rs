//! How a route treats failures, and what it does on the side.

use schemars::JsonSchema;
use serde::Deserialize;

use super::{Destination, StringMatch};
use crate::api::scalar::Duration;

/// When and how a failed request is tried again.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpRetry {
    /// Tries after the first; zero switches retries off.
    #[serde(default)]
    pub attempts: i32,
    /// Absent: the route's timeout.
    pub per_try_timeout: Option<Duration>,
    /// Conditions of Envoy and gRPC and statuses, with commas: `5xx,connect-failure,429`.
    #[serde(default)]
    pub retry_on: String,
    /// Whether another try may go to endpoints of another locality.
    pub retry_remote_localities: Option<bool>,
    /// Whether another try avoids the endpoints that failed. Absent: it does.
    pub retry_ignore_previous_hosts: Option<bool>,
    /// Before the second try; it doubles from there. Absent: 25 ms.
    pub backoff: Option<Duration>,
}

/// A share of requests, 0 to 100.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Percent {
    #[serde(default)]
    pub value: f64,
}

/// Failures made on purpose.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpFaultInjection {
    pub delay: Option<Delay>,
    pub abort: Option<Abort>,
}

/// Requests wait before they go on.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Delay {
    /// An older way to say `percentage`, in whole percent.
    #[serde(default)]
    pub percent: i32,
    pub fixed_delay: Option<Duration>,
    /// Never implemented by anybody.
    pub exponential_delay: Option<Duration>,
    /// Absent: all requests.
    pub percentage: Option<Percent>,
}

/// Requests are answered with an error: one of the three kinds.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Abort {
    pub http_status: Option<i32>,
    /// By name, `UNAVAILABLE`.
    pub grpc_status: Option<String>,
    /// Never implemented by anybody.
    pub http2_error: Option<String>,
    /// Absent: all requests.
    pub percentage: Option<Percent>,
}

/// A destination that gets copies.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpMirror {
    pub destination: Destination,
    /// Absent: all requests.
    pub percentage: Option<Percent>,
}

/// What scripts of other origins may do.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CorsPolicy {
    /// An older way to say `allow_origins`, of exact names.
    #[serde(default)]
    pub allow_origin: Vec<String>,
    #[serde(default)]
    pub allow_origins: Vec<StringMatch>,
    #[serde(default)]
    pub allow_methods: Vec<String>,
    #[serde(default)]
    pub allow_headers: Vec<String>,
    #[serde(default)]
    pub expose_headers: Vec<String>,
    /// How long a browser may remember the answer to a preflight, in whole seconds.
    pub max_age: Option<Duration>,
    pub allow_credentials: Option<bool>,
    /// Absent: they go on to the upstream.
    #[serde(default)]
    pub unmatched_preflights: UnmatchedPreflights,
}

/// What becomes of a preflight from an origin that is not allowed.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum UnmatchedPreflights {
    #[default]
    Unspecified,
    Forward,
    Ignore,
}
