//! Time and shares, as objects have them.

use mesh_snapshot::object::{Microseconds, PartsPerMillion};

use crate::api::istio::Percent;
use crate::api::scalar::Duration;

/// A span that is negative was refused before.
pub(in crate::lower) fn micros(span: Option<Duration>) -> Option<Microseconds> {
    span.and_then(Duration::micros).map(Microseconds)
}

/// 0 to 100, all of them where nothing is said.
pub(super) fn share(percent: Option<Percent>) -> PartsPerMillion {
    percent.map_or(PartsPerMillion::ALL, |percent| parts(percent.value * 10_000.0))
}

/// Of whole percent.
pub(super) fn whole_percent(percent: u32) -> PartsPerMillion {
    PartsPerMillion(percent.min(100) * 10_000)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a whole number between zero and a million"
)]
fn parts(millionths: f64) -> PartsPerMillion {
    PartsPerMillion(millionths.round().clamp(0.0, 1_000_000.0) as u32)
}

/// A share of the requests, as a fraction.
pub(super) fn fraction(numerator: i32, denominator: i32) -> PartsPerMillion {
    if denominator <= 0 {
        return PartsPerMillion(0);
    }
    parts(f64::from(numerator) / f64::from(denominator) * 1_000_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_exact_to_the_millionth() {
        let of = |value| share(Some(Percent { value })).0;
        assert_eq!(
            [of(0.0), of(0.0001), of(4.35), of(33.3333), of(100.0)],
            [0, 1, 43_500, 333_333, 1_000_000]
        );
        assert_eq!(share(None), PartsPerMillion::ALL);
        assert_eq!(fraction(1, 3).0, 333_333);
        assert_eq!(fraction(1, 0).0, 0);
    }
}
