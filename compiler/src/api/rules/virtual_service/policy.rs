//! Retries, faults and CORS.

use super::super::checks::{
    DEPRECATED_FIELD, INEFFECTIVE_FAULT, INVALID_CORS, INVALID_FAULT, INVALID_PERCENTAGE,
    INVALID_RETRY,
};
use super::super::header::is_token;
use super::super::{duration, expression, share};
use super::action::report_status;
use crate::api::istio::{Abort, CorsPolicy, Delay, HttpFaultInjection, HttpRetry};
use crate::api::rules::DEPRECATED;
use crate::diagnostic::{Applicability, At, Diagnostic, Fix};

/// Envoy's conditions, gRPC's after them. Source: Envoy, `x-envoy-retry-on` and `x-envoy-retry-grpc-on`.
const CONDITIONS: &[&str] = &[
    "5xx",
    "gateway-error",
    "reset",
    "reset-before-request",
    "connect-failure",
    "retriable-4xx",
    "refused-stream",
    "retriable-status-codes",
    "retriable-headers",
    "envoy-ratelimited",
    "http3-post-connect-failure",
    "cancelled",
    "deadline-exceeded",
    "internal",
    "resource-exhausted",
    "unavailable",
];

/// Also for the mesh's defaults.
pub(in super::super) fn check_retries(
    retries: Option<&HttpRetry>,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let Some(retries) = retries else { return };
    if retries.attempts < 0 {
        let found = Diagnostic::new(
            &INVALID_RETRY,
            at.field("attempts").value(),
            "the number of attempts is negative",
        );
        out.push(found.label("0 or more"));
    }
    let settings = [
        ("perTryTimeout", retries.per_try_timeout.is_some()),
        ("retryOn", !retries.retry_on.is_empty()),
        ("retryRemoteLocalities", retries.retry_remote_localities.is_some()),
    ];
    if retries.attempts == 0
        && let Some((name, _)) = settings.iter().find(|(_, is_set)| *is_set)
    {
        let found = Diagnostic::new(
            &INVALID_RETRY,
            at.field(name).key(),
            "retries are switched off, and yet described",
        );
        let found = found.label("without `attempts` there are none").lacking(at, &["attempts"]);
        out.push(found.help("say how often with `attempts`, or remove the rest"));
    }
    duration::check(retries.per_try_timeout, &at.field("perTryTimeout"), out);
    duration::check(retries.backoff, &at.field("backoff"), out);
    check_conditions(&retries.retry_on, &at.field("retryOn"), out);
}

fn check_conditions(retry_on: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if retry_on.is_empty() {
        return;
    }
    let mut start = 0;
    for condition in retry_on.split(',') {
        let is_status = condition.parse::<u16>().is_ok_and(is_known_status);
        if !is_status && !CONDITIONS.contains(&condition) {
            let place = if condition.is_empty() {
                at.value()
            } else {
                at.within(start..start + condition.len())
            };
            let found = Diagnostic::new(
                &INVALID_RETRY,
                place,
                format!("`{condition}` is no condition for a retry"),
            );
            let near = crate::api::decode::nearest(condition, CONDITIONS.iter().copied());
            out.push(found.meant(near, "unknown condition").help(format!(
                "the conditions are statuses such as `503`, and {}",
                CONDITIONS.join(", ")
            )));
        }
        start += condition.len() + 1;
    }
}

/// Statuses that have a name. Source: the IANA registry of HTTP status codes.
fn is_known_status(status: u16) -> bool {
    matches!(
        status,
        100..=103 | 200..=208 | 226 | 300..=305 | 307..=308 | 400..=418 | 421..=426 | 428..=429 | 431 | 451 | 500..=508 | 510..=511
    )
}

pub(super) fn check_fault(
    fault: Option<&HttpFaultInjection>,
    at: &At<'_>,
    out: &mut Vec<Diagnostic>,
) {
    let Some(fault) = fault else { return };
    if fault.delay.is_none() && fault.abort.is_none() {
        let found = Diagnostic::new(&INVALID_FAULT, at.key(), "the fault does nothing");
        out.push(found.label("needs `delay` or `abort`").lacking(at, &["delay", "abort"]));
    }
    if let Some(delay) = &fault.delay {
        check_delay(delay, &at.field("delay"), out);
    }
    if let Some(abort) = &fault.abort {
        check_abort(abort, &at.field("abort"), out);
    }
}

fn check_delay(delay: &Delay, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    share::check_fine(delay.percentage, &at.field("percentage"), out);
    if delay.percent != 0 {
        let at = at.field("percent");
        if !(0..=100).contains(&delay.percent) {
            let found = Diagnostic::new(
                &INVALID_PERCENTAGE,
                at.value(),
                format!("`{}` is no percentage", delay.percent),
            );
            out.push(found.label("0 to 100"));
        }
        let found = Diagnostic::new(
            &DEPRECATED_FIELD,
            at.key(),
            "`percent` is an old way to say `percentage`",
        );
        let found = found.label("deprecated").consequence(DEPRECATED);
        out.push(match delay.percentage {
            Some(_) => found.help("remove it where `percentage` says the same"),
            None => found.fix(of_share(&at, "percentage", delay.percent.into())),
        });
    }
    if delay.percentage.is_none() && delay.percent == 0 {
        out.push(of_nobody(at, "delay", "delayed"));
    }
    duration::check(delay.fixed_delay, &at.field("fixedDelay"), out);
    if let Some(delay) = delay.exponential_delay {
        duration::check(Some(delay), &at.field("exponentialDelay"), out);
    }
}

/// Source: Istio, `HTTPFaultInjection`: if left unspecified, no request is.
fn of_nobody(at: &At<'_>, what: &str, done: &str) -> Diagnostic {
    let message = format!("the {what} does not say to how many requests it happens");
    let found = Diagnostic::new(&INEFFECTIVE_FAULT, at.key(), message).label("needs `percentage`");
    found
        .consequence(format!("no request is {done}"))
        .help("for all of them, write `percentage: {value: 100}`")
}

fn check_abort(abort: &Abort, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    share::check_fine(abort.percentage, &at.field("percentage"), out);
    let kinds =
        [abort.http_status.is_some(), abort.grpc_status.is_some(), abort.http2_error.is_some()];
    if kinds.iter().filter(|is_set| **is_set).count() > 1 {
        let found =
            Diagnostic::new(&INVALID_FAULT, at.key(), "an abort answers with one kind of error");
        out.push(found.label("`httpStatus` or `grpcStatus`"));
    }
    if kinds == [false; 3] {
        let found =
            Diagnostic::new(&INEFFECTIVE_FAULT, at.key(), "the abort does not say with what error");
        out.push(
            found
                .label("needs `httpStatus` or `grpcStatus`")
                .lacking(at, &["httpStatus", "grpcStatus", "http2Error"])
                .consequence("no request is aborted"),
        );
    }
    if abort.percentage.is_none() && kinds != [false; 3] {
        out.push(of_nobody(at, "abort", "aborted"));
    }
    if let Some(status) = abort.http_status {
        report_status(i64::from(status), &INVALID_FAULT, &at.field("httpStatus"), out);
    }
    if let Some(status) = &abort.grpc_status
        && !GRPC_STATUSES.contains(&status.as_str())
    {
        let found = Diagnostic::new(
            &INVALID_FAULT,
            at.field("grpcStatus").value(),
            format!("`{status}` is no status of gRPC"),
        );
        let near = crate::api::decode::nearest(status, GRPC_STATUSES.iter().copied());
        let found = found.meant(near, "unknown status");
        out.push(found.help(format!("the statuses are {}", GRPC_STATUSES.join(", "))));
    }
}

/// Source: gRPC, "Status codes and their use in gRPC".
const GRPC_STATUSES: &[&str] = &[
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

/// What a browser may be told to allow; `*` is all. Source: RFC 9110 §9.1, RFC 5789.
const METHODS: &[&str] =
    &["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "CONNECT", "OPTIONS", "TRACE", "*"];

/// Each origin, as a text that is compared with all of it.
fn exact_origins(at: &At<'_>, origins: &[String]) -> Fix {
    let fix = Fix::new(Applicability::Safe, "write `allowOrigins: [{exact: …}]`");
    let fix = fix.put(at.key(), "allowOrigins");
    origins
        .iter()
        .enumerate()
        .fold(fix, |fix, (index, it)| fix.nest(at.index(index).value(), "exact", it))
}

/// A share by its old name, in whole percent, by another one.
pub(super) fn of_share(at: &At<'_>, name: &'static str, percent: i64) -> Fix {
    Fix::new(Applicability::Safe, format!("write `{name}: {{value: …}}`")).put(at.key(), name).nest(
        at.value(),
        "value",
        percent.to_string(),
    )
}

pub(super) fn check_cors(cors: Option<&CorsPolicy>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let Some(cors) = cors else { return };
    if !cors.allow_origin.is_empty() {
        let found = Diagnostic::new(
            &DEPRECATED_FIELD,
            at.field("allowOrigin").key(),
            "`allowOrigin` is an old way to say `allowOrigins`",
        );
        let found = found.label("deprecated").consequence(DEPRECATED);
        out.push(if cors.allow_origins.is_empty() {
            found.fix(exact_origins(&at.field("allowOrigin"), &cors.allow_origin))
        } else {
            found.help("remove it where `allowOrigins` says the same")
        });
    }
    let origins = at.field("allowOrigins");
    for (index, origin) in cors.allow_origins.iter().enumerate() {
        let at = origins.index(index);
        let texts = [&origin.exact, &origin.prefix, &origin.regex];
        if texts.iter().all(|text| text.as_deref().is_none_or(str::is_empty)) {
            out.push(
                Diagnostic::new(&INVALID_CORS, at.value(), "an origin without a text")
                    .label("needs `exact`, `prefix` or `regex`")
                    .lacking(&at, &["exact", "prefix", "regex"]),
            );
        } else {
            expression::check_regex(origin, &at, out);
        }
    }
    let methods = at.field("allowMethods");
    for (index, method) in cors.allow_methods.iter().enumerate() {
        if !METHODS.contains(&method.as_str()) {
            let found = Diagnostic::new(
                &INVALID_CORS,
                methods.index(index).value(),
                format!("`{method}` is no method of HTTP"),
            );
            let is_lower = METHODS.contains(&method.to_ascii_uppercase().as_str());
            out.push(found.label(if is_lower {
                "methods are in upper case"
            } else {
                "unknown method"
            }));
        }
    }
    for (field, names) in
        [("allowHeaders", &cors.allow_headers), ("exposeHeaders", &cors.expose_headers)]
    {
        let at = at.field(field);
        for (index, name) in names.iter().enumerate().filter(|(_, name)| !is_token(name)) {
            let found = Diagnostic::new(
                &INVALID_CORS,
                at.index(index).value(),
                format!("`{name}` is no name of a header"),
            );
            out.push(found.label("letters, digits and `-`"));
        }
    }
    duration::check_seconds(cors.max_age, &at.field("maxAge"), out);
}
