//! Failures on purpose.

use mesh_snapshot::object::{Abort, AbortStatus, Delay, Fault};

use super::unit::{micros, share, whole_percent};
use crate::api::istio;

/// By their numbers. Source: gRPC, "Status codes and their use in gRPC".
const GRPC_STATUSES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

pub(super) fn lower(fault: Option<&istio::HttpFaultInjection>) -> Fault {
    let Some(fault) = fault else { return Fault::default() };
    Fault {
        delay: fault.delay.as_ref().and_then(delay),
        abort: fault.abort.as_ref().and_then(abort),
    }
}

/// Without a percentage nothing is delayed, and nothing aborted. Source: Istio, `TranslateFault`.
fn delay(delay: &istio::Delay) -> Option<Delay> {
    let share = match delay.percentage {
        None => whole_percent(u32::try_from(delay.percent).unwrap_or(0)),
        percentage => share(percentage),
    };
    Some(Delay { duration: micros(delay.fixed_delay)?, share })
}

/// One that does not say with what error does nothing.
fn abort(abort: &istio::Abort) -> Option<Abort> {
    let http = abort.http_status.and_then(|status| u16::try_from(status).ok());
    let number = |name: &String| GRPC_STATUSES.iter().position(|status| status == name);
    let grpc = abort.grpc_status.as_ref().and_then(number);
    let grpc = grpc.and_then(|number| u32::try_from(number).ok());
    let status = http.map(AbortStatus::Http).or(grpc.map(AbortStatus::Grpc))?;
    let share = abort.percentage.map_or(whole_percent(0), |percentage| share(Some(percentage)));
    Some(Abort { status, share })
}
