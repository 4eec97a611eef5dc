//! Sends a request to a cluster: over and over where its policy wants that, within the time there is.

mod deadline;
mod tries;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Request, Response, StatusCode};
use mesh_engine::route::{Failure, Retry};
use tokio::time::{Instant, sleep};

use self::deadline::{Deadline, within};
use self::tries::Tries;
use super::exchange::Exchange;
use super::local_reply::LocalReply;
use super::pick::pick;
use crate::cluster::{Cause, Cluster, Endpoint, Original, Pick, Picked, Place, SendError};
use crate::http::grpc::GRPC_STATUS;
use crate::http::{Body, BodyError, ExchangeError};
use crate::observe::Flags;

/// Where a request goes, and how often.
pub(crate) struct Plan<'p> {
    pub(crate) cluster: Rc<Cluster>,
    pub(crate) hash: Option<u64>,
    /// For clusters that lead where they are told to.
    pub(crate) original: Option<Original>,
    /// Of the whole answer, from when the request has come whole.
    pub(crate) timeout: Option<Duration>,
    /// Of one try's head, from the same moment.
    pub(crate) try_timeout: Option<Duration>,
    pub(crate) retry: &'p Retry,
    /// The version that the client is taken to speak.
    pub(crate) version: http::Version,
}

/// Intervals grow up to so many times the first. Source: Envoy, `RetryBackOff`.
const BACKOFF_GROWTH_MAX: u32 = 10;

/// How a try ended that gave no answer to pass on.
enum Failed {
    Answer(Response<Body>),
    Send(SendError),
    TimedOut,
}

/// The answer, its body bounded by the time there is; or why there is none.
pub(crate) async fn forward(
    request: Request<Body>,
    plan: &Plan<'_>,
    exchange: &mut Exchange,
) -> Result<Response<Body>, LocalReply> {
    let received = Rc::clone(&exchange.received);
    let deadline = plan.timeout.map(|timeout| Deadline::new(&received, timeout));
    exchange.outcome.cluster = Some(Arc::clone(&plan.cluster.spec().name));
    let mut tries = Tries::new(request, plan.retry, exchange.is_inbound());
    let mut avoid: Vec<Arc<Endpoint>> = Vec::new();
    let mut retries = 0;
    // Held from the decision to try again until it is known how that went. Source: Envoy, `RetryStateImpl::resetRetry`.
    let mut retrying: Option<Place> = None;
    loop {
        let Some(picked) = choose(plan, &avoid, deadline.as_ref()).await else {
            exchange.nobody_to_try();
            return Err(LocalReply::no_healthy_upstream());
        };
        let endpoint = Arc::clone(picked.endpoint());
        exchange.trying(&endpoint);
        let request = tries
            .next(exchange.outcome.attempts, |request| picked.may_refuse(request, plan.version))?;
        let from = Cell::new(None);
        let of_try = plan.try_timeout.map(|timeout| Deadline::new(&received, timeout));
        let sending = picked.send_telling(request, plan.version, &from);
        let attempted = match within(sending, [of_try.as_ref(), deadline.as_ref()]).await {
            Some(sent) => sent.map_err(Failed::Send),
            None => Err(Failed::TimedOut),
        };
        exchange.outcome.local = from.get();
        let failed = match attempted {
            Ok(response) => {
                if !plan.retry.wants(answered(&response)) {
                    return Ok(deadline::bound(response, deadline));
                }
                Failed::Answer(response)
            }
            Err(failed) => failed,
        };
        drop(retrying.take());
        if matches!(failed, Failed::TimedOut) {
            plan.cluster.timed_out(&endpoint);
        }
        let wanted = plan.retry.wants(failure(&failed));
        let is_over = deadline.as_ref().is_some_and(Deadline::is_over);
        let may = wanted && !is_over && tries.are_possible(&failed);
        if may && retries < plan.retry.retries_max {
            retrying = plan.cluster.retry();
            if retrying.is_some() {
                retries += 1;
                tries.take_back(failed);
                avoid.push(endpoint);
                let pause = backoff(plan.retry.backoff, retries, exchange.serving.roll());
                let until = Instant::now() + pause;
                let end = deadline.as_ref().map(Deadline::at);
                if end.is_some_and(|end| end < until) {
                    return Err(LocalReply::timed_out());
                }
                sleep(pause).await;
                continue;
            }
            // Source: Envoy, `RetryStatus::NoOverflow`.
            exchange.outcome.flags |= Flags::UPSTREAM_OVERFLOW;
        } else if may && 0 < retries {
            exchange.outcome.flags |= Flags::RETRIES_EXHAUSTED;
        }
        return give_up(failed, deadline, exchange);
    }
}

async fn choose(
    plan: &Plan<'_>,
    avoid: &[Arc<Endpoint>],
    deadline: Option<&Deadline>,
) -> Option<Picked> {
    let avoid = if plan.retry.avoid_previous_endpoints { avoid } else { &[] };
    let wanted = Pick { hash: plan.hash, avoid, original: plan.original };
    pick(&plan.cluster, &wanted, deadline.map(Deadline::at)).await
}

fn answered(response: &Response<Body>) -> Failure {
    let grpc_status = response.headers().get(&GRPC_STATUS);
    let grpc_status = grpc_status.and_then(|value| value.to_str().ok()?.parse().ok());
    Failure::Answer { status: response.status().as_u16(), grpc_status }
}

fn failure(failed: &Failed) -> Failure {
    match failed {
        Failed::Answer(response) => answered(response),
        Failed::TimedOut => Failure::Reset { sent: true },
        Failed::Send(error) => match &error.cause {
            Cause::Overflow(_) => Failure::Overflow,
            Cause::Connect(_) => Failure::Connect,
            Cause::Exchange(ExchangeError::Refused) => Failure::Refused,
            Cause::Exchange(_) => Failure::Reset { sent: !error.is_unprocessed },
        },
    }
}

/// Between nothing and the interval, which doubles. Source: Envoy, `JitteredExponentialBackOffStrategy`.
fn backoff(first: Duration, number: u32, roll: u32) -> Duration {
    let growth = 1_u32.checked_shl(number.saturating_sub(1)).unwrap_or(u32::MAX);
    let interval = first.saturating_mul(growth.min(BACKOFF_GROWTH_MAX));
    interval.mul_f64(f64::from(roll) / f64::from(u32::MAX))
}

/// What the client hears in the end.
fn give_up(
    failed: Failed,
    deadline: Option<Deadline>,
    exchange: &mut Exchange,
) -> Result<Response<Body>, LocalReply> {
    match failed {
        Failed::Answer(response) => Ok(deadline::bound(response, deadline)),
        Failed::TimedOut => Err(LocalReply::timed_out()),
        Failed::Send(error) => {
            let reply = unanswered(&error);
            exchange.outcome.failure = Some(error.cause);
            Err(reply)
        }
    }
}

static OVERLOADED: HeaderName = HeaderName::from_static("x-envoy-overloaded");

/// Source: Envoy, `Filter::onUpstreamReset`.
fn unanswered(error: &SendError) -> LocalReply {
    let (reason, details) = match &error.cause {
        Cause::Overflow(_) => ("overflow", "upstream_reset_before_response_started{overflow}"),
        Cause::Connect(_) => {
            ("connection failure", "upstream_reset_before_response_started{connection_failure}")
        }
        Cause::Exchange(ExchangeError::Closed) => (
            "connection termination",
            "upstream_reset_before_response_started{connection_termination}",
        ),
        Cause::Exchange(ExchangeError::Reset(_) | ExchangeError::Refused) => {
            ("remote reset", "upstream_reset_before_response_started{remote_reset}")
        }
        Cause::Exchange(ExchangeError::Protocol(_)) => {
            ("protocol error", "upstream_reset_before_response_started{protocol_error}")
        }
        Cause::Exchange(ExchangeError::Request(body)) => return broken_off(body),
        Cause::Exchange(ExchangeError::NoAuthority) => {
            return LocalReply::bad_request("missing_host_header");
        }
    };
    let status = match &error.cause {
        Cause::Exchange(ExchangeError::Protocol(_)) => StatusCode::BAD_GATEWAY,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let text = format!(
        "upstream connect error or disconnect/reset before headers. reset reason: {reason}"
    );
    let flags = Flags::named(error.flag().as_str()).unwrap_or_default();
    let reply = LocalReply::new(status, details).saying(text).flagged(flags);
    match &error.cause {
        Cause::Overflow(_) => reply.with(OVERLOADED.clone(), HeaderValue::from_static("true")),
        _ => reply,
    }
}

/// The client's own doing: no server failed it.
fn broken_off(body: &BodyError) -> LocalReply {
    if body.is_malformed() {
        return LocalReply::bad_request("http1.codec_error");
    }
    let gone = LocalReply::new(StatusCode::BAD_REQUEST, "downstream_remote_disconnect");
    gone.flagged(Flags::DOWNSTREAM_TERMINATION)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::backoff;

    #[test]
    fn intervals_double_up_to_ten_times_the_first() {
        let first = Duration::from_millis(25);
        let longest = |number| backoff(first, number, u32::MAX).as_millis();
        assert_eq!(
            [longest(1), longest(2), longest(3), longest(9), longest(99)],
            [25, 50, 100, 250, 250]
        );
        assert_eq!(backoff(first, 5, 0), Duration::ZERO);
    }
}
