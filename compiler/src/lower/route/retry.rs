//! When a request is tried again. Source: Istio, `retry.ConvertPolicy`.

use mesh_snapshot::object::RetryPolicy;

use super::unit::micros;
use crate::api::istio::HttpRetry;
use crate::diagnostic::{At, Diagnostic};
use crate::lower::checks::unserved;

/// What Istio retries unasked: never a request that may have been served.
const DEFAULT_CONDITIONS: [&str; 5] =
    ["cancelled", "connect-failure", "refused-stream", "retriable-status-codes", "unavailable"];
const DEFAULT_RETRIES: u32 = 2;

/// Conditions of Envoy's that no proxy of the mesh looks at.
const UNSERVED: [&str; 3] =
    ["envoy-ratelimited", "http3-post-connect-failure", "retriable-headers"];

/// What is written at `at`; absent: Istio's default.
pub(in crate::lower) fn retry_policy(
    retry: Option<&HttpRetry>,
    at: Option<&At<'_>>,
    out: &mut Vec<Diagnostic>,
) -> RetryPolicy {
    let mut policy = RetryPolicy {
        retries_max: DEFAULT_RETRIES,
        conditions: DEFAULT_CONDITIONS.map(str::to_owned).into(),
        avoid_previous_endpoints: true,
        ..RetryPolicy::default()
    };
    let Some(retry) = retry else { return policy };
    policy.retries_max = u32::try_from(retry.attempts).unwrap_or(0);
    if policy.retries_max == 0 {
        return RetryPolicy::default();
    }
    policy.backoff = micros(retry.backoff);
    policy.avoid_previous_endpoints = retry.retry_ignore_previous_hosts != Some(false);
    if !retry.retry_on.is_empty() {
        policy.conditions.clear();
        for condition in retry.retry_on.split(',') {
            add(condition, &mut policy, at, out);
        }
    }
    policy
}

fn add(condition: &str, policy: &mut RetryPolicy, at: Option<&At<'_>>, out: &mut Vec<Diagnostic>) {
    if let Ok(status) = condition.parse() {
        policy.statuses.insert(status);
        policy.conditions.insert("retriable-status-codes".to_owned());
    } else if !UNSERVED.contains(&condition) {
        policy.conditions.insert(condition.to_owned());
    } else if let Some(at) = at {
        let place = at.field("retryOn").value();
        let message = format!("`{condition}` is no condition that the proxy retries on");
        out.push(unserved(place, message, "a request that fails so is not tried again"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_and_conditions_are_told_apart() {
        let retry = HttpRetry { attempts: 3, retry_on: "503,reset".into(), ..HttpRetry::default() };
        let policy = retry_policy(Some(&retry), None, &mut Vec::new());
        assert_eq!(policy.statuses, [503].into());
        assert_eq!(policy.conditions, ["reset", "retriable-status-codes"].map(Into::into).into());
        assert_eq!((policy.retries_max, policy.avoid_previous_endpoints), (3, true));
    }

    #[test]
    fn no_attempts_are_no_retries() {
        let retry = HttpRetry { retry_on: "5xx".into(), ..HttpRetry::default() };
        let none = retry_policy(Some(&retry), None, &mut Vec::new());
        assert_eq!(none, RetryPolicy::default());
        let unsaid = retry_policy(None, None, &mut Vec::new());
        assert_eq!((unsaid.retries_max, unsaid.conditions.len()), (2, 5));
    }
}
