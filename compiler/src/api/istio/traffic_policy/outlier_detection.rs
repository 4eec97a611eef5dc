//! When an endpoint is set aside.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::api::scalar::Duration;

#[derive(Clone, Debug, Default, Deserialize, JsonSchema, PartialEq)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OutlierDetection {
    /// Long without effect: `consecutive5xx_errors` took its place.
    #[serde(default)]
    pub consecutive_errors: i32,
    /// Whether failures of the proxy's own making (connect, time-out, reset) are counted apart from answers.
    #[serde(default)]
    pub split_external_local_origin_errors: bool,
    /// Absent: 5.
    pub consecutive_local_origin_failures: Option<u32>,
    /// 502, 503, 504, and connections that fail. Absent or zero: not a cause.
    pub consecutive_gateway_errors: Option<u32>,
    /// Absent: 5. Zero: not a cause.
    #[serde(rename = "consecutive5xxErrors")]
    pub consecutive_5xx_errors: Option<u32>,
    /// Between two looks. Absent: 10 s.
    pub interval: Option<Duration>,
    /// The first time; the n-th time n times as long. Absent: 30 s.
    pub base_ejection_time: Option<Duration>,
    /// The largest share of endpoints that may be set aside, 0 to 100. Zero: 10.
    #[serde(default)]
    pub max_ejection_percent: i32,
    /// Below this share of healthy endpoints all are used again, 0 to 100.
    #[serde(default)]
    pub min_health_percent: i32,
    /// Statuses that count as failures, besides those of 500 and more.
    #[serde(default)]
    pub outlier_detection_http_error_codes: Vec<u32>,
}
