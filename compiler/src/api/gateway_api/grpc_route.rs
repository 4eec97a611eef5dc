//! `GRPCRoute`: how calls of gRPC at a Gateway, or to a Service, are routed.
//!
//! Such a call is a request of HTTP to the path `/service/method`, so what was checked becomes an [`HttpRoute`], and
//! everything that comes after knows only that.

use schemars::JsonSchema;
use serde::Deserialize;

use super::backend_reference::backend_reference;
use super::{
    DefaultScope, HeaderFilter, HttpBackendRef, HttpHeaderMatch, HttpRoute, HttpRouteFilter,
    HttpRouteFilterType, HttpRouteMatch, HttpRouteRule, LocalReference, MatchType, ParentReference,
    RequestMirror, RequestRouteKind, SessionPersistence,
};
use crate::api::field::FieldTable;
use crate::api::metadata::{Envelope, Metadata};
use crate::api::read::{Fields, Read, fields, open_spec};
use crate::api::{Mesh, Resource, rules};
use crate::diagnostic::{At, Diagnostic};

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrpcRoute {
    #[serde(default)]
    pub parent_refs: Vec<ParentReference>,
    /// Names or `*.name`. Empty: those of the listener.
    #[serde(default)]
    pub hostnames: Vec<String>,
    #[serde(default)]
    pub rules: Vec<GrpcRouteRule>,
    pub use_default_gateways: Option<DefaultScope>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrpcRouteRule {
    pub name: Option<String>,
    /// Any of them. Empty: every call.
    #[serde(default)]
    pub matches: Vec<GrpcRouteMatch>,
    #[serde(default)]
    pub filters: Vec<GrpcRouteFilter>,
    /// Where calls go, by weight. Empty: they are answered with the status 500 of HTTP.
    #[serde(default)]
    pub backend_refs: Vec<GrpcBackendRef>,
    pub session_persistence: Option<SessionPersistence>,
}

/// Both of its parts must hold.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrpcRouteMatch {
    /// Absent: every method.
    pub method: Option<GrpcMethodMatch>,
    #[serde(default)]
    pub headers: Vec<HttpHeaderMatch>,
}

/// At least one of service and method.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrpcMethodMatch {
    /// Absent: `Exact`.
    pub r#type: Option<MatchType>,
    /// With its package: `shop.Reviews`. Absent: any.
    pub service: Option<String>,
    /// Absent: any.
    pub method: Option<String>,
}

impl GrpcMethodMatch {
    /// What the path of a call must match, unless it is compared as a text. Source: Istio, `createGRPCURIMatch`.
    #[must_use]
    pub fn expression(&self) -> Option<String> {
        let is_exact = self.r#type != Some(MatchType::RegularExpression);
        let method = self.method.as_deref().unwrap_or(".+");
        match &self.service {
            Some(_) if is_exact => None,
            Some(service) => Some(format!("/{service}/{method}")),
            None => Some(format!("/[^/]+/{method}")),
        }
    }
}

/// The type, and the one field that goes with it.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrpcRouteFilter {
    pub r#type: GrpcRouteFilterType,
    pub request_header_modifier: Option<HeaderFilter>,
    pub response_header_modifier: Option<HeaderFilter>,
    pub request_mirror: Option<RequestMirror>,
    pub extension_ref: Option<LocalReference>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq)]
pub enum GrpcRouteFilterType {
    #[default]
    RequestHeaderModifier,
    ResponseHeaderModifier,
    RequestMirror,
    ExtensionRef,
}

backend_reference! {
    /// A backend and its share of the calls.
    pub struct GrpcBackendRef {
        /// Absent: 1.
        pub weight: Option<i32>,
        #[serde(default)]
        pub filters: Vec<GrpcRouteFilter>,
    }
}

impl GrpcRoute {
    /// What it says, as a route for requests. Each part stays at its place.
    #[must_use]
    pub fn as_http(&self) -> HttpRoute {
        HttpRoute {
            kind: RequestRouteKind::Grpc,
            parent_refs: self.parent_refs.clone(),
            hostnames: self.hostnames.clone(),
            rules: self.rules.iter().map(rule).collect(),
            use_default_gateways: self.use_default_gateways,
        }
    }
}

fn rule(rule: &GrpcRouteRule) -> HttpRouteRule {
    let test = |test: &GrpcRouteMatch| HttpRouteMatch {
        grpc: test.method.clone(),
        headers: test.headers.clone(),
        ..HttpRouteMatch::default()
    };
    HttpRouteRule {
        name: rule.name.clone(),
        matches: rule.matches.iter().map(test).collect(),
        filters: rule.filters.iter().map(filter).collect(),
        backend_refs: rule.backend_refs.iter().map(backend).collect(),
        session_persistence: rule.session_persistence.clone(),
        ..HttpRouteRule::default()
    }
}

fn filter(filter: &GrpcRouteFilter) -> HttpRouteFilter {
    HttpRouteFilter {
        r#type: match filter.r#type {
            GrpcRouteFilterType::RequestHeaderModifier => {
                HttpRouteFilterType::RequestHeaderModifier
            }
            GrpcRouteFilterType::ResponseHeaderModifier => {
                HttpRouteFilterType::ResponseHeaderModifier
            }
            GrpcRouteFilterType::RequestMirror => HttpRouteFilterType::RequestMirror,
            GrpcRouteFilterType::ExtensionRef => HttpRouteFilterType::ExtensionRef,
        },
        request_header_modifier: filter.request_header_modifier.clone(),
        response_header_modifier: filter.response_header_modifier.clone(),
        request_mirror: filter.request_mirror.clone(),
        extension_ref: filter.extension_ref.clone(),
        ..HttpRouteFilter::default()
    }
}

fn backend(of: &GrpcBackendRef) -> HttpBackendRef {
    HttpBackendRef {
        group: of.group.clone(),
        kind: of.kind.clone(),
        name: of.name.clone(),
        namespace: of.namespace.clone(),
        port: of.port,
        weight: of.weight,
        filters: of.filters.iter().map(filter).collect(),
    }
}

static FIELDS: Fields = Fields::new(|| fields(include_str!("grpc_route.fields")));

impl Read for GrpcRoute {
    type Document = Envelope<Self>;

    fn fields() -> &'static FieldTable {
        &FIELDS
    }

    fn open(document: Self::Document) -> (Metadata, Option<Self>) {
        open_spec(document)
    }

    fn collection(mesh: &mut Mesh) -> &mut Vec<Resource<Self>> {
        &mut mesh.grpc_routes
    }

    fn validate(resource: &Resource<Self>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
        rules::gateway_api::check_grpc_route(resource, at, out);
    }
}
