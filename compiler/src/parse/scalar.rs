//! What a plain scalar means: YAML 1.1 as Kubernetes reads it.
//!
//! `kubectl` and the API server turn YAML into JSON with Go's `yaml.v2`, whose resolver is neither YAML 1.1
//! nor 1.2: `y`, `on` and `no` are booleans, `0777` is octal, `1_000` is a thousand, `08` is a float,
//! a date is a text. Source: go-yaml v2, `resolve.go`.

use std::borrow::Cow;

use super::Content;

/// The meaning of a plain scalar that is not a text, if it has one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scalar {
    Null,
    Bool(bool),
    Integer(i64),
    Float(f64),
    /// `.inf` or `.nan`: no JSON says it, so Kubernetes refuses the whole document.
    NotFinite,
}

impl Scalar {
    pub(super) fn content(self) -> Content {
        match self {
            Self::Null => Content::Null,
            Self::Bool(value) => Content::Bool(value),
            Self::Integer(value) => Content::Integer(value),
            Self::Float(value) => Content::Float(value),
            Self::NotFinite => Content::Faulty,
        }
    }
}

/// Resolves a plain, untagged scalar; `None` is a text.
#[must_use]
pub fn resolve(plain: &str) -> Option<Scalar> {
    // Most scalars are texts, and their first character shows it.
    match plain.as_bytes().first() {
        None => Some(Scalar::Null),
        Some(b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O' | b'~') => {
            word(plain)
        }
        Some(b'+' | b'-' | b'.' | b'0'..=b'9') => special_float(plain).or_else(|| number(plain)),
        Some(_) => None,
    }
}

fn word(plain: &str) -> Option<Scalar> {
    match plain {
        "y" | "Y" | "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            Some(Scalar::Bool(true))
        }
        "n" | "N" | "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            Some(Scalar::Bool(false))
        }
        "~" | "null" | "Null" | "NULL" => Some(Scalar::Null),
        _ => None,
    }
}

fn special_float(plain: &str) -> Option<Scalar> {
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(plain);
    let infinite = matches!(unsigned, ".inf" | ".Inf" | ".INF");
    let not_a_number = matches!(plain, ".nan" | ".NaN" | ".NAN");
    (infinite || not_a_number).then_some(Scalar::NotFinite)
}

fn number(plain: &str) -> Option<Scalar> {
    if plain.starts_with('.') {
        return is_float(plain).then(|| float(plain)).flatten();
    }
    let digits =
        if plain.contains('_') { Cow::Owned(plain.replace('_', "")) } else { Cow::Borrowed(plain) };
    if let Some(value) = integer(&digits) {
        return Some(value);
    }
    is_float(&digits).then(|| float(&digits)).flatten()
}

/// An integer as Go's `ParseInt` reads it with base 0: `0x`, `0o`, `0b`, and a leading `0` for octal.
fn integer(digits: &str) -> Option<Scalar> {
    let (negative, unsigned) = match digits.as_bytes().first()? {
        b'-' => (true, digits.get(1..)?),
        b'+' => (false, digits.get(1..)?),
        _ => (false, digits),
    };
    let (radix, magnitude) = match unsigned.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, unsigned.get(2..)?),
        [b'0', b'o' | b'O', ..] => (8, unsigned.get(2..)?),
        [b'0', b'b' | b'B', ..] => (2, unsigned.get(2..)?),
        [b'0', _, ..] => (8, unsigned.get(1..)?),
        _ => (10, unsigned),
    };
    if !magnitude.starts_with(|first: char| first.is_ascii_alphanumeric()) {
        return None; // a second sign
    }
    let value = u64::from_str_radix(magnitude, radix).ok()?;
    let Ok(signed) = i64::try_from(value) else {
        #[expect(clippy::cast_precision_loss, reason = "so large a number is a float to everybody")]
        let float = value as f64;
        return Some(Scalar::Float(if negative { -float } else { float }));
    };
    Some(Scalar::Integer(if negative { -signed } else { signed }))
}

/// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (unsigned, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let mantissa = match mantissa.split_once('.') {
        Some(("", fraction)) => digits(fraction),
        Some((whole, fraction)) => digits(whole) && (fraction.is_empty() || digits(fraction)),
        None => digits(mantissa),
    };
    mantissa
        && exponent
            .is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

fn float(text: &str) -> Option<Scalar> {
    let value: f64 = text.parse().ok()?;
    // Go's `ParseFloat` fails where the value is too large, and the scalar stays a text.
    value.is_finite().then_some(Scalar::Float(value))
}

/// Whether YAML 1.1 and 1.2 read this plain scalar differently, so that people do too.
#[must_use]
pub fn is_ambiguous(plain: &str) -> bool {
    let unsigned = plain.strip_prefix(['+', '-']).unwrap_or(plain);
    // Most do not look like it, so what they mean need not be found out again.
    let is_odd_number = matches!(unsigned.as_bytes(), [b'0', b'0'..=b'9' | b'b', ..]);
    let is_odd_word = !matches!(plain, "true" | "True" | "TRUE" | "false" | "False" | "FALSE");
    match plain.as_bytes().first() {
        Some(b'+' | b'-' | b'.' | b'0'..=b'9') if is_odd_number || plain.contains('_') => {
            matches!(resolve(plain), Some(Scalar::Integer(_) | Scalar::Float(_)))
        }
        Some(first) if first.is_ascii_alphabetic() && is_odd_word => {
            matches!(resolve(plain), Some(Scalar::Bool(_)))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_are_what_kubernetes_takes_them_for() {
        use Scalar::{Bool, Float, Integer, NotFinite, Null};
        let cases = [
            ("y", Some(Bool(true))),
            ("NO", Some(Bool(false))),
            ("off", Some(Bool(false))),
            ("yEs", None),
            ("~", Some(Null)),
            ("", Some(Null)),
            ("nUll", None),
            ("0", Some(Integer(0))),
            ("-0", Some(Integer(0))),
            ("+12", Some(Integer(12))),
            ("0777", Some(Integer(511))),
            ("-017", Some(Integer(-15))),
            ("0o17", Some(Integer(15))),
            ("0x1F", Some(Integer(31))),
            ("0b11", Some(Integer(3))),
            ("1_000", Some(Integer(1000))),
            ("08", Some(Float(8.0))),
            ("1.5", Some(Float(1.5))),
            ("1.", Some(Float(1.0))),
            (".5", Some(Float(0.5))),
            ("1e3", Some(Float(1000.0))),
            ("9223372036854775807", Some(Integer(i64::MAX))),
            ("18446744073709551615", Some(Float(18_446_744_073_709_551_615.0))),
            ("1e999", None),
            ("--1", None),
            ("1.5s", None),
            ("10s", None),
            ("1.2.3.4", None),
            ("2001-01-02", None),
            ("12:30", None),
            ("-", None),
            (".", None),
            ("0x", None),
            (".inf", Some(NotFinite)),
            ("-.INF", Some(NotFinite)),
            (".NaN", Some(NotFinite)),
            ("v1", None),
        ];
        for (text, expected) in cases {
            assert_eq!(resolve(text), expected, "{text:?}");
        }
    }

    #[test]
    fn what_yaml_1_2_reads_differently_is_known() {
        for text in ["yes", "on", "N", "0777", "08", "1_000", "0b1"] {
            assert!(is_ambiguous(text), "{text}");
        }
        for text in ["true", "False", "0", "80", "1.5", "x", "10s", "0.5"] {
            assert!(!is_ambiguous(text), "{text}");
        }
    }
}
