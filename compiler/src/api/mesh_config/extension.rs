//! Other programs that proxies talk to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::scalar::{Duration, Opaque};

/// A name, and one of the rest.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExtensionProvider {
    #[serde(default)]
    pub name: String,
    /// Authorizers, for an AuthorizationPolicy with the action `CUSTOM`.
    pub envoy_ext_authz_http: Option<ExtAuthzHttp>,
    pub envoy_ext_authz_grpc: Option<ExtAuthzGrpc>,
    /// Tracers.
    pub zipkin: Option<ZipkinProvider>,
    pub lightstep: Option<LightstepProvider>,
    pub datadog: Option<DatadogProvider>,
    pub stackdriver: Option<StackdriverProvider>,
    pub opencensus: Option<OpencensusProvider>,
    pub skywalking: Option<SkywalkingProvider>,
    pub opentelemetry: Option<OpentelemetryProvider>,
    /// Metrics.
    pub prometheus: Option<Opaque>,
    /// Access logs.
    pub envoy_file_access_log: Option<FileAccessLog>,
    pub envoy_http_als: Option<HttpLogService>,
    pub envoy_tcp_als: Option<TcpLogService>,
    pub envoy_otel_als: Option<OtelLogService>,
    /// Certificates.
    pub sds: Option<SdsProvider>,
}

/// Asked over HTTP.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExtAuthzHttp {
    /// `host` or `namespace/host`.
    #[serde(default)]
    pub service: String,
    #[serde(default)]
    pub port: u32,
    pub timeout: Option<Duration>,
    #[serde(default)]
    pub path_prefix: String,
    #[serde(default)]
    pub fail_open: bool,
    #[serde(default)]
    pub clear_route_cache: bool,
    /// When it cannot be asked. Empty: 403.
    #[serde(default)]
    pub status_on_error: String,
    /// The old name of the next.
    #[serde(default)]
    pub include_headers_in_check: Vec<String>,
    #[serde(default)]
    pub include_request_headers_in_check: Vec<String>,
    #[serde(default)]
    pub include_additional_headers_in_check: BTreeMap<String, String>,
    pub include_request_body_in_check: Option<RequestBodyInCheck>,
    #[serde(default)]
    pub headers_to_upstream_on_allow: Vec<String>,
    #[serde(default)]
    pub headers_to_downstream_on_deny: Vec<String>,
    #[serde(default)]
    pub headers_to_downstream_on_allow: Vec<String>,
}

/// Asked over gRPC.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExtAuthzGrpc {
    /// `host` or `namespace/host`.
    #[serde(default)]
    pub service: String,
    #[serde(default)]
    pub port: u32,
    pub timeout: Option<Duration>,
    #[serde(default)]
    pub fail_open: bool,
    #[serde(default)]
    pub clear_route_cache: bool,
    #[serde(default)]
    pub status_on_error: String,
    pub include_request_body_in_check: Option<RequestBodyInCheck>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestBodyInCheck {
    #[serde(default)]
    pub max_request_bytes: u32,
    #[serde(default)]
    pub allow_partial_message: bool,
    #[serde(default)]
    pub pack_as_bytes: bool,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ZipkinProvider {
    /// `host` or `namespace/host`.
    #[serde(default)]
    pub service: String,
    #[serde(default)]
    pub port: u32,
    #[serde(default)]
    pub max_tag_length: u32,
    #[serde(default)]
    pub enable64bit_trace_id: bool,
    #[serde(default)]
    pub path: String,
    #[serde(default)]
    pub trace_context_option: String,
    pub timeout: Option<Duration>,
    #[serde(default)]
    pub headers: Vec<ProviderHeader>,
}

/// A header that is sent to a provider, with a value or that of a variable.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ProviderHeader {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub value: String,
    #[serde(default)]
    pub env_name: String,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LightstepProvider {
    /// `host` or `namespace/host`.
    #[serde(default)]
    pub service: String,
    #[serde(default)]
    pub port: u32,
    #[serde(default)]
    pub access_token: String,
    #[serde(default)]
    pub max_tag_length: u32,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DatadogProvider {
    /// `host` or `namespace/host`.
    #[serde(default)]
    pub service: String,
    #[serde(default)]
    pub port: u32,
    #[serde(default)]
    pub max_tag_length: u32,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StackdriverProvider {
    #[serde(default)]
    pub debug: bool,
    pub max_number_of_attributes: Option<i64>,
    pub max_number_of_annotations: Option<i64>,
    pub max_number_of_message_events: Option<i64>,
    #[serde(default)]
    pub max_tag_length: u32,
    pub logging: Option<StackdriverLogging>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StackdriverLogging {
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpencensusProvider {
    /// `host` or `namespace/host`.
    #[serde(default)]
    pub service: String,
    #[serde(default)]
    pub port: u32,
    #[serde(default)]
    pub context: Vec<String>,
    #[serde(default)]
    pub max_tag_length: u32,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SkywalkingProvider {
    /// `host` or `namespace/host`.
    #[serde(default)]
    pub service: String,
    #[serde(default)]
    pub port: u32,
    #[serde(default)]
    pub access_token: String,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpentelemetryProvider {
    /// `host` or `namespace/host`.
    #[serde(default)]
    pub service: String,
    #[serde(default)]
    pub port: u32,
    #[serde(default)]
    pub max_tag_length: u32,
    /// This, or the next.
    pub http: Option<HttpService>,
    pub grpc: Option<GrpcService>,
    pub resource_detectors: Option<ResourceDetectors>,
    #[serde(default)]
    pub service_attribute_enrichment: Opaque,
    pub dynatrace_sampler: Option<DynatraceSampler>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpService {
    #[serde(default)]
    pub path: String,
    pub timeout: Option<Duration>,
    #[serde(default)]
    pub headers: Vec<ProviderHeader>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct GrpcService {
    pub timeout: Option<Duration>,
    #[serde(default)]
    pub initial_metadata: Vec<ProviderHeader>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ResourceDetectors {
    #[serde(default)]
    pub environment: Opaque,
    #[serde(default)]
    pub dynatrace: Opaque,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DynatraceSampler {
    #[serde(default)]
    pub tenant: String,
    #[serde(default)]
    pub cluster_id: i32,
    #[serde(default)]
    pub root_spans_per_minute: u32,
    pub http_service: Option<DynatraceApi>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DynatraceApi {
    /// `host` or `namespace/host`.
    #[serde(default)]
    pub service: String,
    #[serde(default)]
    pub port: u32,
    pub http: Option<HttpService>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileAccessLog {
    /// Empty: `/dev/stdout`.
    #[serde(default)]
    pub path: String,
    pub log_format: Option<LogFormat>,
    #[serde(default)]
    pub omit_empty_values: bool,
}

/// A text in Envoy's format language, or an object of such.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogFormat {
    #[serde(default)]
    pub text: String,
    #[serde(default)]
    pub labels: Opaque,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct HttpLogService {
    /// `host` or `namespace/host`.
    #[serde(default)]
    pub service: String,
    #[serde(default)]
    pub port: u32,
    #[serde(default)]
    pub log_name: String,
    #[serde(default)]
    pub filter_state_objects_to_log: Vec<String>,
    #[serde(default)]
    pub additional_request_headers_to_log: Vec<String>,
    #[serde(default)]
    pub additional_response_headers_to_log: Vec<String>,
    #[serde(default)]
    pub additional_response_trailers_to_log: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TcpLogService {
    /// `host` or `namespace/host`.
    #[serde(default)]
    pub service: String,
    #[serde(default)]
    pub port: u32,
    #[serde(default)]
    pub log_name: String,
    #[serde(default)]
    pub filter_state_objects_to_log: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OtelLogService {
    /// `host` or `namespace/host`.
    #[serde(default)]
    pub service: String,
    #[serde(default)]
    pub port: u32,
    #[serde(default)]
    pub log_name: String,
    pub log_format: Option<LogFormat>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SdsProvider {
    #[serde(default)]
    pub name: String,
    /// `host` or `namespace/host`.
    #[serde(default)]
    pub service: String,
    #[serde(default)]
    pub port: u32,
}

/// Which of the providers are used where no `Telemetry` says.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DefaultProviders {
    #[serde(default)]
    pub tracing: Vec<String>,
    #[serde(default)]
    pub metrics: Vec<String>,
    #[serde(default)]
    pub access_logging: Vec<String>,
}
