//! Other programs that proxies talk to.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::scalar::Opaque;

/// A name, and one of the rest.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExtensionProvider {
    #[serde(default)]
    pub name: String,
    /// Authorizers, for an AuthorizationPolicy with the action `CUSTOM`.
    pub envoy_ext_authz_http: Option<Opaque>,
    pub envoy_ext_authz_grpc: Option<Opaque>,
    /// Tracers.
    pub zipkin: Option<Opaque>,
    pub lightstep: Option<Opaque>,
    pub datadog: Option<Opaque>,
    pub stackdriver: Option<Opaque>,
    pub opencensus: Option<Opaque>,
    pub skywalking: Option<Opaque>,
    pub opentelemetry: Option<Opaque>,
    /// Metrics.
    pub prometheus: Option<Opaque>,
    /// Access logs.
    pub envoy_file_access_log: Option<Opaque>,
    pub envoy_http_als: Option<Opaque>,
    pub envoy_tcp_als: Option<Opaque>,
    pub envoy_otel_als: Option<Opaque>,
    /// Certificates.
    pub sds: Option<Opaque>,
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
