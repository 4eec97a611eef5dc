//! When a try that failed is followed by another. Source: Envoy, `RetryStateImpl`; `x-envoy-retry-on`,
//! `x-envoy-retry-grpc-on`.

use std::time::Duration;

use mesh_snapshot::object::RetryPolicy;

use crate::program::Fault;

/// Envoy's first interval, where a policy names none.
const BACKOFF: Duration = Duration::from_millis(25);

#[derive(Clone, Debug, Default)]
pub struct Retry {
    /// Tries after the first; zero: none.
    pub retries_max: u32,
    conditions: Box<[Condition]>,
    statuses: Box<[u16]>,
    /// The first interval. It doubles, with jitter, up to ten times itself.
    pub backoff: Duration,
    pub avoid_previous_endpoints: bool,
}

/// How a try ended, short of success.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failure {
    /// An answer; with a gRPC status where its headers have one.
    Answer { status: u16, grpc_status: Option<u32> },
    /// No connection.
    Connect,
    /// The upstream refused the stream (HTTP/2 `REFUSED_STREAM`): it did nothing.
    Refused,
    /// Cut off, or out of time, without an answer; `sent` tells whether any of the request was.
    Reset { sent: bool },
    /// A limit of the proxy's own: another try would not help.
    Overflow,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Condition {
    ServerError,
    GatewayError,
    Reset,
    ResetBeforeRequest,
    ConnectFailure,
    RefusedStream,
    Conflict,
    Statuses,
    Grpc(u32),
}

impl Condition {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "5xx" => Self::ServerError,
            "gateway-error" => Self::GatewayError,
            "reset" => Self::Reset,
            "reset-before-request" => Self::ResetBeforeRequest,
            "connect-failure" => Self::ConnectFailure,
            "refused-stream" => Self::RefusedStream,
            "retriable-4xx" => Self::Conflict,
            "retriable-status-codes" => Self::Statuses,
            "cancelled" => Self::Grpc(1),
            "deadline-exceeded" => Self::Grpc(4),
            "resource-exhausted" => Self::Grpc(8),
            "internal" => Self::Grpc(13),
            "unavailable" => Self::Grpc(14),
            _ => return None,
        })
    }
}

impl Retry {
    pub(crate) fn compile(policy: &RetryPolicy) -> Result<Self, Fault> {
        let condition = |name: &String| {
            Condition::parse(name).ok_or_else(|| Fault::RetryCondition(name.clone()))
        };
        Ok(Self {
            retries_max: policy.retries_max,
            conditions: policy.conditions.iter().map(condition).collect::<Result<_, _>>()?,
            statuses: policy.statuses.iter().copied().collect(),
            backoff: policy.backoff.map_or(BACKOFF, Into::into),
            avoid_previous_endpoints: policy.avoid_previous_endpoints,
        })
    }

    /// Whether a try that ended so is worth another; how many there were is the caller's to count.
    #[must_use]
    pub fn wants(&self, failure: Failure) -> bool {
        self.retries_max > 0
            && failure != Failure::Overflow
            && self.conditions.iter().any(|&condition| self.holds(condition, failure))
    }

    /// Whether a request that was sent may be worth another try at all, so that it must be kept: `is_grpc` says whether it may be answered
    /// with a status of gRPC's, `may_refuse` whether by a server that may refuse streams. What was not sent needs no keeping.
    #[must_use]
    pub fn wants_what_was_sent(&self, is_grpc: bool, may_refuse: bool) -> bool {
        self.retries_max > 0
            && self.conditions.iter().any(|condition| match condition {
                Condition::ConnectFailure => false,
                Condition::RefusedStream => may_refuse,
                Condition::Grpc(_) => is_grpc,
                _ => true,
            })
    }

    fn holds(&self, condition: Condition, failure: Failure) -> bool {
        match (condition, failure) {
            (Condition::ServerError, Failure::Answer { status, .. }) => {
                (500..600).contains(&status)
            }
            (Condition::GatewayError, Failure::Answer { status, .. }) => {
                (502..=504).contains(&status)
            }
            (Condition::Conflict, Failure::Answer { status, .. }) => status == 409,
            (Condition::Statuses, Failure::Answer { status, .. }) => {
                self.statuses.contains(&status)
            }
            (Condition::Grpc(code), Failure::Answer { grpc_status, .. }) => {
                grpc_status == Some(code)
            }
            // What gives no answer would be answered with a 503.
            (
                Condition::ServerError | Condition::GatewayError | Condition::Reset,
                Failure::Connect | Failure::Refused | Failure::Reset { .. },
            )
            | (Condition::ConnectFailure | Condition::ResetBeforeRequest, Failure::Connect)
            | (Condition::ResetBeforeRequest, Failure::Reset { sent: false })
            | (Condition::RefusedStream, Failure::Refused) => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::object::RetryPolicy;

    use super::{Failure, Retry};
    use crate::program::Fault;

    fn policy(conditions: &[&str]) -> RetryPolicy {
        let conditions = conditions.iter().map(|&name| name.to_owned()).collect();
        RetryPolicy { retries_max: 2, conditions, statuses: [418].into(), ..RetryPolicy::default() }
    }

    fn wants(conditions: &[&str], failure: Failure) -> bool {
        Retry::compile(&policy(conditions)).unwrap().wants(failure)
    }

    fn answer(status: u16) -> Failure {
        Failure::Answer { status, grpc_status: None }
    }

    #[test]
    fn answers_are_judged_by_status() {
        assert!(wants(&["5xx"], answer(500)));
        assert!(!wants(&["5xx"], answer(499)));
        assert!(wants(&["gateway-error"], answer(503)));
        assert!(!wants(&["gateway-error"], answer(500)));
        assert!(wants(&["retriable-4xx"], answer(409)));
        assert!(wants(&["retriable-status-codes"], answer(418)));
        assert!(!wants(&["retriable-status-codes"], answer(503)));
        let unavailable = Failure::Answer { status: 200, grpc_status: Some(14) };
        assert!(wants(&["unavailable"], unavailable));
        assert!(!wants(&["cancelled"], unavailable));
    }

    #[test]
    fn a_request_is_kept_only_where_a_try_may_follow_one_that_was_sent() {
        let default = ["cancelled", "connect-failure", "refused-stream", "unavailable"];
        let keeps = |conditions: &[&str], is_grpc, may_refuse| {
            let retry = Retry::compile(&policy(conditions)).unwrap();
            retry.wants_what_was_sent(is_grpc, may_refuse)
        };
        assert!(!keeps(&default, false, false));
        assert!(keeps(&default, true, false) && keeps(&default, false, true));
        assert!(keeps(&["5xx"], false, false) && keeps(&["reset"], false, false));
        assert!(!Retry::default().wants_what_was_sent(true, true));
    }

    #[test]
    fn what_istio_retries_unasked_is_never_a_request_that_may_have_been_served() {
        let default = [
            "cancelled",
            "connect-failure",
            "refused-stream",
            "retriable-status-codes",
            "unavailable",
        ];
        assert!(wants(&default, Failure::Connect));
        assert!(wants(&default, Failure::Refused));
        assert!(!wants(&default, Failure::Reset { sent: true }));
        assert!(!wants(&default, Failure::Reset { sent: false }));
        assert!(!wants(&default, answer(503)));
    }

    #[test]
    fn resets_count_as_server_errors() {
        for condition in ["5xx", "gateway-error", "reset"] {
            assert!(wants(&[condition], Failure::Reset { sent: true }), "{condition}");
            assert!(wants(&[condition], Failure::Connect), "{condition}");
        }
        assert!(wants(&["reset-before-request"], Failure::Reset { sent: false }));
        assert!(!wants(&["reset-before-request"], Failure::Reset { sent: true }));
        assert!(!wants(&["5xx", "reset"], Failure::Overflow));
    }

    #[test]
    fn no_retries_are_none() {
        let none = RetryPolicy { retries_max: 0, ..policy(&["5xx"]) };
        assert!(!Retry::compile(&none).unwrap().wants(answer(500)));
        let unknown = Retry::compile(&policy(&["5xxx"])).unwrap_err();
        assert_eq!(unknown, Fault::RetryCondition("5xxx".to_owned()));
    }
}
