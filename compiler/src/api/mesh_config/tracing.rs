//! How proxies trace, in the older way: `Telemetry` and extension providers took its place.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::istio::{ClientTlsSettings, CustomTag};

/// Where spans go, and which requests have some. At most one of the tracers.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Tracing {
    pub zipkin: Option<ZipkinTracer>,
    pub lightstep: Option<LightstepTracer>,
    pub datadog: Option<DatadogTracer>,
    pub stackdriver: Option<StackdriverTracer>,
    pub open_census_agent: Option<OpenCensusTracer>,
    #[serde(default)]
    pub custom_tags: BTreeMap<String, CustomTag>,
    #[serde(default)]
    pub max_path_tag_length: u32,
    /// The share of requests that begin a trace, 0 to 100.
    #[serde(default)]
    pub sampling: f64,
    pub tls_settings: Option<ClientTlsSettings>,
    pub enable_istio_tags: Option<bool>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ZipkinTracer {
    /// `host:port`, where the host may be `$(HOST_IP)`.
    #[serde(default)]
    pub address: String,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LightstepTracer {
    #[serde(default)]
    pub address: String,
    #[serde(default)]
    pub access_token: String,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DatadogTracer {
    #[serde(default)]
    pub address: String,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct StackdriverTracer {
    #[serde(default)]
    pub debug: bool,
    pub max_number_of_attributes: Option<i64>,
    pub max_number_of_annotations: Option<i64>,
    pub max_number_of_message_events: Option<i64>,
}

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenCensusTracer {
    #[serde(default)]
    pub address: String,
    #[serde(default)]
    pub context: Vec<String>,
}
