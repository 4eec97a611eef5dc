//! Percentages.

use super::checks::INVALID_PERCENTAGE;
use crate::api::istio::Percent;
use crate::diagnostic::{At, Diagnostic};

/// 0 to 100.
pub(super) fn check(percent: f64, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if !(0.0..=100.0).contains(&percent) {
        let message = format!("`{percent}` is no percentage");
        out.push(Diagnostic::new(&INVALID_PERCENTAGE, at.value(), message).label("0 to 100"));
    }
}

/// The same; and not below what a proxy can tell from nothing, a millionth.
pub(super) fn check_fine(percent: Option<Percent>, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    let Some(Percent { value }) = percent else { return };
    let at = at.field("value");
    if value > 0.0 && value < 0.0001 {
        let message = format!("`{value}` percent is less than a proxy can tell from nothing");
        out.push(
            Diagnostic::new(&INVALID_PERCENTAGE, at.value(), message).label("0, or 0.0001 to 100"),
        );
    } else {
        check(value, &at, out);
    }
}
