//! Spans of time that a proxy keeps.

use super::checks::INVALID_DURATION;
use crate::api::scalar::Duration;
use crate::diagnostic::{At, Diagnostic};

const MILLISECOND: i64 = 1_000_000;
const SECOND: i64 = 1000 * MILLISECOND;

/// At least a millisecond, and whole ones.
pub(super) fn check(duration: Option<Duration>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let Some(duration) = duration else { return };
    if duration.nanos() < MILLISECOND {
        let message = format!("`{duration}` is too short");
        out.push(
            Diagnostic::new(&INVALID_DURATION, at.value(), message).label("must be at least 1ms"),
        );
    } else if duration.nanos() % MILLISECOND != 0 {
        let message = format!("`{duration}` is no whole number of milliseconds");
        out.push(
            Diagnostic::new(&INVALID_DURATION, at.value(), message)
                .label("finer than a millisecond"),
        );
    }
}

/// The same, but whole seconds.
pub(super) fn check_seconds(duration: Option<Duration>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    check(duration, at, out);
    if let Some(duration) = duration
        && duration.nanos() >= MILLISECOND
        && duration.nanos() % SECOND != 0
    {
        let message = format!("`{duration}` is no whole number of seconds");
        out.push(
            Diagnostic::new(&INVALID_DURATION, at.value(), message)
                .label("only seconds can be said here"),
        );
    }
}
