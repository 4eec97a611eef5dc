//! `HTTPRoute`: how requests at a Gateway, or to a Service, are routed.

use schemars::JsonSchema;
use serde::Deserialize;

use super::backend_reference::backend_reference;
use super::{DefaultScope, GrpcMethodMatch, HttpRouteFilter, ParentReference};
use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_spec};
use crate::api::scalar::GatewayDuration;
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpRoute {
    /// What its author wrote.
    #[serde(skip)]
    pub kind: RequestRouteKind,
    #[serde(default)]
    pub parent_refs: Vec<ParentReference>,
    /// Names or `*.name`. Empty: those of the listener.
    #[serde(default)]
    pub hostnames: Vec<String>,
    /// Absent: one for every path, as admission fills it in.
    #[serde(default = "for_every_path")]
    pub rules: Vec<HttpRouteRule>,
    pub use_default_gateways: Option<DefaultScope>,
}

/// What the definition of the kind has for `rules`. Source: Gateway API, `HTTPRouteSpec.Rules`.
fn for_every_path() -> Vec<HttpRouteRule> {
    let path = HttpPathMatch { r#type: Some(PathMatchType::PathPrefix), value: Some("/".into()) };
    let every = HttpRouteMatch { path: Some(path), ..HttpRouteMatch::default() };
    vec![HttpRouteRule { is_filled_in: true, matches: vec![every], ..HttpRouteRule::default() }]
}

/// A kind whose resources route requests.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub enum RequestRouteKind {
    #[default]
    Http,
    Grpc,
}

impl RequestRouteKind {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "HTTPRoute",
            Self::Grpc => "GRPCRoute",
        }
    }

    /// One of them.
    #[must_use]
    pub const fn with_article(self) -> &'static str {
        match self {
            Self::Http => "an HTTPRoute",
            Self::Grpc => "a GRPCRoute",
        }
    }
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpRouteRule {
    /// Nobody wrote it.
    #[serde(skip)]
    pub is_filled_in: bool,
    pub name: Option<String>,
    /// Any of them. Empty: every path.
    #[serde(default)]
    pub matches: Vec<HttpRouteMatch>,
    #[serde(default)]
    pub filters: Vec<HttpRouteFilter>,
    /// Where requests go, by weight. Empty: they are answered with 500, or redirected by a filter.
    #[serde(default)]
    pub backend_refs: Vec<HttpBackendRef>,
    #[serde(default)]
    pub timeouts: HttpRouteTimeouts,
    pub retry: Option<HttpRouteRetry>,
    pub session_persistence: Option<SessionPersistence>,
}

/// All of its parts must hold.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpRouteMatch {
    /// Absent: prefix `/`.
    pub path: Option<HttpPathMatch>,
    #[serde(default)]
    pub headers: Vec<HttpHeaderMatch>,
    #[serde(default)]
    pub query_params: Vec<HttpQueryParamMatch>,
    pub method: Option<HttpMethod>,
    /// In place of the path, in a `GRPCRoute`.
    #[serde(skip)]
    pub grpc: Option<GrpcMethodMatch>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpPathMatch {
    /// Absent: `PathPrefix`.
    pub r#type: Option<PathMatchType>,
    /// Absent: `/`.
    pub value: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
pub enum PathMatchType {
    Exact,
    /// Of whole segments: `/a` matches `/a/b` and not `/ab`.
    PathPrefix,
    /// In RE2's language.
    RegularExpression,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpHeaderMatch {
    /// Absent: `Exact`.
    pub r#type: Option<MatchType>,
    /// Case does not count. Of equal names the first stands.
    pub name: String,
    pub value: String,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpQueryParamMatch {
    /// Absent: `Exact`.
    pub r#type: Option<MatchType>,
    pub name: String,
    pub value: String,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
pub enum MatchType {
    Exact,
    RegularExpression,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
#[serde(rename_all = "UPPERCASE")]
pub enum HttpMethod {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Connect,
    Options,
    Trace,
    Patch,
}

backend_reference! {
    /// A backend and its share of the requests.
    pub struct HttpBackendRef {
        /// Absent: 1.
        pub weight: Option<i32>,
        #[serde(default)]
        pub filters: Vec<HttpRouteFilter>,
    }
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpRouteTimeouts {
    /// Of the whole answer, all attempts included. Zero: none.
    pub request: Option<GatewayDuration>,
    /// Of one attempt.
    pub backend_request: Option<GatewayDuration>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpRouteRetry {
    /// Statuses that are tried again.
    #[serde(default)]
    pub codes: Vec<i32>,
    /// Tries after the first.
    pub attempts: Option<i32>,
    pub backoff: Option<GatewayDuration>,
}

/// The same client gets the same endpoint.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionPersistence {
    pub absolute_timeout: Option<GatewayDuration>,
    pub r#type: Option<SessionPersistenceType>,
    pub cookie: Option<SessionCookie>,
    pub header: Option<SessionHeader>,
    /// Up to release 1.6 the name of the cookie or header, whichever it is.
    pub session_name: Option<String>,
    /// Before release 1.6.
    pub idle_timeout: Option<GatewayDuration>,
    /// What `cookie` is up to release 1.6, without the name.
    pub cookie_config: Option<SessionCookieConfig>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
pub enum SessionPersistenceType {
    Cookie,
    Header,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionCookie {
    pub name: Option<String>,
    pub path: Option<String>,
    pub lifetime_type: Option<CookieLifetime>,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq)]
pub enum CookieLifetime {
    Permanent,
    Session,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionCookieConfig {
    pub lifetime_type: Option<CookieLifetime>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SessionHeader {
    pub name: String,
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("http_route.fields")));

impl Read for HttpRoute {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.http_routes
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::gateway_api::check_http_route(resource, at, out);
    }
}
