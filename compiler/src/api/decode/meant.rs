//! What a value of another type plainly stands for: a number in quotes is that number.
//!
//! It stays a fault, and is told with its fix. What else is said of the resource, and of what refers to it, is said as if it were
//! mended: one mistake is told once.

use crate::parse::scalar::{self, Scalar};

use super::stop::Expected;

/// A number or a truth value in quotes: without them, and what it is then.
pub(super) fn unquoted(expected: Expected, text: &str) -> Option<(&str, Scalar)> {
    let bare = ['"', '\'']
        .into_iter()
        .find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
        .filter(|bare| !bare.is_empty() && !bare.contains(['\\', '\'', '"']))?;
    let value = scalar::resolve(bare)?;
    let is_taken = match value {
        Scalar::Bool(_) => expected == Expected::Bool,
        Scalar::Integer(_) => {
            matches!(expected, Expected::Integer | Expected::Number) && is_decimal(bare)
        }
        Scalar::Float(_) => expected == Expected::Number && is_decimal(bare),
        Scalar::Null | Scalar::NotFinite => false,
    };
    is_taken.then_some((bare, value))
}

/// Whether a value without quotes is a text with them, which is not so of an alias.
pub(super) fn is_bare_text(expected: Expected, text: &str) -> bool {
    expected == Expected::Text && scalar::resolve(text).is_some_and(|it| it != Scalar::Null)
}

/// Whether a number is read alike by everybody: digits without a zero before them, and perhaps a fraction. `010` is eight to YAML,
/// and perhaps ten to who has written it.
pub(super) fn is_decimal(number: &str) -> bool {
    let number = number.strip_prefix('-').unwrap_or(number);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let is_digits = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
    is_digits(whole) && is_digits(fraction) && (whole == "0" || !whole.starts_with('0'))
}
