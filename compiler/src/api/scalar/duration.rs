//! Spans of time.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::text_scalar;

const NANOSECOND: i128 = 1;
const MILLISECOND: i128 = 1_000_000;
const SECOND: i128 = 1_000 * MILLISECOND;

/// A span of time in whole nanoseconds, written as Go writes it: `1.5s`, `1h30m`, `250ms`. May be negative or zero;
/// what a field allows is for its kind to say. Source: Go, `time.ParseDuration`.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Duration(i64);

impl Duration {
    #[must_use]
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis * 1_000_000)
    }

    #[must_use]
    pub const fn nanos(self) -> i64 {
        self.0
    }

    /// `None` for a negative one. What is finer than a microsecond is cut off.
    #[must_use]
    pub fn micros(self) -> Option<u64> {
        u64::try_from(self.0).ok().map(|nanos| nanos / 1000)
    }
}

text_scalar!(Duration, "Duration");

/// Text that is no span of time.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NotADuration {
    #[error("is no span of time; write a number and a unit, as in `1.5s`, `250ms` or `1h30m`")]
    Malformed,
    #[error("is longer than 292 years")]
    TooLong,
}

impl FromStr for Duration {
    type Err = NotADuration;

    fn from_str(text: &str) -> Result<Self, NotADuration> {
        let (negative, mut rest) = match text.as_bytes().first() {
            Some(b'-') => (true, text.get(1..).unwrap_or_default()),
            Some(b'+') => (false, text.get(1..).unwrap_or_default()),
            _ => (false, text),
        };
        if rest == "0" {
            return Ok(Self(0));
        }
        if rest.is_empty() {
            return Err(NotADuration::Malformed);
        }
        let mut total: i128 = 0;
        while !rest.is_empty() {
            let (nanos, after) = part(rest)?;
            total = total.checked_add(nanos).ok_or(NotADuration::TooLong)?;
            rest = after;
        }
        let signed = if negative { -total } else { total };
        i64::try_from(signed).map(Self).map_err(|_| NotADuration::TooLong)
    }
}

/// One number with its unit, in nanoseconds, and what follows it.
fn part(text: &str) -> Result<(i128, &str), NotADuration> {
    let end =
        text.find(|c: char| !(c.is_ascii_digit() || c == '.')).ok_or(NotADuration::Malformed)?;
    let (number, rest) = text.split_at(end);
    let unit_end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_end);
    let unit = match unit {
        "ns" => NANOSECOND,
        "us" | "µs" | "μs" => 1000 * NANOSECOND,
        "ms" => MILLISECOND,
        "s" => SECOND,
        "m" => 60 * SECOND,
        "h" => 3600 * SECOND,
        _ => return Err(NotADuration::Malformed),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || fraction.contains('.') {
        return Err(NotADuration::Malformed);
    }
    let digits = |digits: &str| match digits {
        "" => Ok(0),
        _ => digits.parse::<i128>().map_err(|_| NotADuration::TooLong),
    };
    // Eighteen digits are finer than a nanosecond of an hour.
    let fraction = fraction.get(..18).unwrap_or(fraction);
    let scale = 10_i128.pow(u32::try_from(fraction.len()).unwrap_or(0));
    let whole = digits(whole)?.checked_mul(unit).ok_or(NotADuration::TooLong)?;
    Ok((whole + digits(fraction)? * unit / scale, rest))
}

/// The shortest text in one unit.
impl fmt::Display for Duration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = i128::from(self.0);
        let units = [
            (3600 * SECOND, "h"),
            (60 * SECOND, "m"),
            (SECOND, "s"),
            (MILLISECOND, "ms"),
            (1000, "us"),
        ];
        match units.iter().find(|(unit, _)| nanos != 0 && nanos % unit == 0) {
            Some((unit, name)) => write!(f, "{}{name}", nanos / unit),
            None if nanos == 0 => f.write_str("0s"),
            None => write!(f, "{nanos}ns"),
        }
    }
}

impl JsonSchema for Duration {
    fn schema_name() -> Cow<'static, str> {
        "Duration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^[-+]?(0|([0-9]+(\\.[0-9]*)?|\\.[0-9]+)(ns|us|µs|ms|s|m|h))+$",
        })
    }
}

/// A span of time as the Gateway API writes it: whole numbers of at most five digits with a unit, at most four of
/// them, `1h30m` or `500ms`. Source: GEP-2257.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct GatewayDuration(Duration);

impl GatewayDuration {
    #[must_use]
    pub const fn duration(self) -> Duration {
        self.0
    }
}

text_scalar!(GatewayDuration, "GatewayDuration");

/// Text that is no span of time to the Gateway API.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error(
    "is no span of time; write whole numbers with the units h, m, s and ms, as in `1h30m` or `500ms`"
)]
pub struct NotAGatewayDuration;

impl FromStr for GatewayDuration {
    type Err = NotAGatewayDuration;

    fn from_str(text: &str) -> Result<Self, NotAGatewayDuration> {
        let mut rest = text;
        let mut parts = 0;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let after = rest.get(digits..).unwrap_or_default();
            let unit = ["ms", "h", "m", "s"].into_iter().find(|unit| after.starts_with(unit));
            let (1..=5, Some(unit)) = (digits, unit) else { return Err(NotAGatewayDuration) };
            rest = after.get(unit.len()..).unwrap_or_default();
            parts += 1;
        }
        if !(1..=4).contains(&parts) {
            return Err(NotAGatewayDuration);
        }
        text.parse().map(Self).map_err(|_| NotAGatewayDuration)
    }
}

impl JsonSchema for GatewayDuration {
    fn schema_name() -> Cow<'static, str> {
        "GatewayDuration".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^([0-9]{1,5}(h|m|s|ms)){1,4}$" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        let cases = [
            ("0", Ok(0)),
            ("1.5s", Ok(1_500_000_000)),
            ("-1.5h", Ok(-5_400_000_000_000)),
            ("1h30m0.5s", Ok(5_400_500_000_000)),
            (".5s", Ok(500_000_000)),
            ("5.s", Ok(5_000_000_000)),
            ("100us", Ok(100_000)),
            ("1µs", Ok(1000)),
            ("0.1ns", Ok(0)),
            ("9223372036854775807ns", Ok(i64::MAX)),
            ("9223372036854775808ns", Err(NotADuration::TooLong)),
            ("99999999999999999999999999999999999999999h", Err(NotADuration::TooLong)),
            ("3000000h", Err(NotADuration::TooLong)),
            ("", Err(NotADuration::Malformed)),
            ("-", Err(NotADuration::Malformed)),
            ("1", Err(NotADuration::Malformed)),
            ("s", Err(NotADuration::Malformed)),
            (".s", Err(NotADuration::Malformed)),
            ("1.2.3s", Err(NotADuration::Malformed)),
            ("1d", Err(NotADuration::Malformed)),
            ("1 s", Err(NotADuration::Malformed)),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Duration>().map(Duration::nanos), expected, "{text:?}");
        }
    }

    #[test]
    fn the_gateway_api_takes_fewer() {
        for text in ["1h", "1h30m", "500ms", "0s", "1h1m1s1ms"] {
            assert!(text.parse::<GatewayDuration>().is_ok(), "{text}");
        }
        for text in ["", "1.5s", "-1s", "1", "1us", "123456s", "1s1s1s1s1s", "0"] {
            assert!(text.parse::<GatewayDuration>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_duration_is_shown_in_one_unit() {
        for (nanos, shown) in
            [(0, "0s"), (90_000_000_000, "90s"), (60_000_000_000, "1m"), (1500, "1500ns")]
        {
            assert_eq!(Duration(nanos).to_string(), shown);
        }
    }
}
