//! When an endpoint is ejected. Source: Istio, `applyOutlierDetection`, with Envoy's defaults.

use mesh_snapshot::object::{Microseconds, OutlierDetection, PartsPerMillion};

use crate::api::istio;
use crate::lower::route::micros;

const FAILURES: u32 = 5;
const INTERVAL: Microseconds = Microseconds::from_secs(10);
const EJECTION_TIME: Microseconds = Microseconds::from_secs(30);
const EJECTED_MAX: PartsPerMillion = PartsPerMillion(100_000);

pub(super) fn lower(settings: &istio::OutlierDetection) -> OutlierDetection {
    let local = settings.consecutive_local_origin_failures.filter(|failures| *failures != 0);
    let splits = settings.split_external_local_origin_errors;
    OutlierDetection {
        consecutive_5xx: settings.consecutive_5xx_errors.unwrap_or(FAILURES),
        consecutive_gateway_errors: settings.consecutive_gateway_errors.unwrap_or(0),
        consecutive_local_origin_failures: if splits { local.unwrap_or(FAILURES) } else { 0 },
        split_local_origin_errors: splits,
        interval: micros(settings.interval).unwrap_or(INTERVAL),
        base_ejection_time: micros(settings.base_ejection_time).unwrap_or(EJECTION_TIME),
        ejected_max: match settings.max_ejection_percent {
            0 => EJECTED_MAX,
            percent => share(percent),
        },
        healthy_min: share(settings.min_health_percent),
    }
}

/// Of whole percent.
fn share(percent: i32) -> PartsPerMillion {
    PartsPerMillion(u32::try_from(percent).unwrap_or(0).min(100) * 10_000)
}
