//! One route for HTTP: what it matches and where its requests go.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::{
    CorsPolicy, Delegate, Destination, DirectResponse, Headers, HttpFaultInjection, HttpMirror,
    HttpRedirect, HttpRetry, HttpRewrite, Percent,
};
use crate::api::scalar::Duration;

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpRoute {
    /// For access logs.
    #[serde(default)]
    pub name: String,
    /// Any of them; none matches every request.
    #[serde(default)]
    pub r#match: Vec<HttpMatch>,
    /// Where requests go, by weight.
    #[serde(default)]
    pub route: Vec<HttpRouteDestination>,
    /// An answer that sends the client elsewhere, in place of `route`.
    pub redirect: Option<HttpRedirect>,
    /// An answer of the proxy's own, in place of `route`.
    pub direct_response: Option<DirectResponse>,
    /// Another `VirtualService` whose routes stand in the place of this one.
    pub delegate: Option<Delegate>,
    /// What is changed of a request before it goes on.
    pub rewrite: Option<HttpRewrite>,
    /// Of the whole answer, all attempts included. Absent: none.
    pub timeout: Option<Duration>,
    /// Absent: the mesh's.
    pub retries: Option<HttpRetry>,
    /// Delays and failures, made on purpose.
    pub fault: Option<HttpFaultInjection>,
    /// A destination that gets a copy of each request, and whose answer is thrown away.
    pub mirror: Option<Destination>,
    /// Several such destinations.
    #[serde(default)]
    pub mirrors: Vec<HttpMirror>,
    /// An older way to say `mirror_percentage`.
    pub mirror_percent: Option<u32>,
    /// The same field by the name that Istio's protobuf gives it.
    #[serde(rename = "mirror_percent")]
    pub mirror_percent_by_proto_name: Option<u32>,
    /// The share of requests that `mirror` gets. Absent: all.
    pub mirror_percentage: Option<Percent>,
    /// What browsers of other origins may do.
    pub cors_policy: Option<CorsPolicy>,
    /// What is done to headers.
    pub headers: Option<Headers>,
}

/// All of its parts must hold; a part that is absent does.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpMatch {
    /// For access logs, after the route's.
    #[serde(default)]
    pub name: String,
    /// The path, without the query.
    pub uri: Option<StringMatch>,
    pub scheme: Option<StringMatch>,
    pub method: Option<StringMatch>,
    /// The `Host` header.
    pub authority: Option<StringMatch>,
    /// By name, in lower case. An empty match asks only that the header is there.
    #[serde(default)]
    pub headers: BTreeMap<String, StringMatch>,
    /// The port that the request was addressed to.
    #[serde(default)]
    pub port: u32,
    /// Of the workload that sends. Not for gateways.
    #[serde(default)]
    pub source_labels: BTreeMap<String, String>,
    /// Of the resource's, those at which the match applies.
    #[serde(default)]
    pub gateways: Vec<String>,
    /// By name.
    #[serde(default)]
    pub query_params: BTreeMap<String, StringMatch>,
    /// Whether `exact` and `prefix` of `uri` disregard case.
    #[serde(default)]
    pub ignore_uri_case: bool,
    /// Headers that must not match so.
    #[serde(default)]
    pub without_headers: BTreeMap<String, StringMatch>,
    /// Of the workload that sends.
    #[serde(default)]
    pub source_namespace: String,
    /// Keeps statistics of the match under a name of its own.
    #[serde(default)]
    pub stat_prefix: String,
}

/// A test of a text: one of three, or none.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StringMatch {
    pub exact: Option<String>,
    /// Of the text, not of path segments: `/a` matches `/ab`.
    pub prefix: Option<String>,
    /// In RE2's language; must match the whole text.
    pub regex: Option<String>,
}

/// What a [`StringMatch`] asks of a text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum TextTest<'t> {
    Exact(&'t str),
    Prefix(&'t str),
    Regex(&'t str),
}

impl StringMatch {
    /// Its test; absent: it asks only that the text is there. What has several is refused.
    #[must_use]
    pub fn test(&self) -> Option<TextTest<'_>> {
        let exact = self.exact.as_deref().map(TextTest::Exact);
        let prefix = || self.prefix.as_deref().map(TextTest::Prefix);
        exact.or_else(prefix).or_else(|| self.regex.as_deref().map(TextTest::Regex))
    }
}

/// A destination and its share of the requests.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpRouteDestination {
    pub destination: Destination,
    /// The share is this over the sum of the route's. One destination alone needs none.
    #[serde(default)]
    pub weight: i32,
    pub headers: Option<Headers>,
}
