//! Spans of time in settings: `30s`, `1h30m`, as in policy.

use std::time::Duration;

use serde::{Deserialize, Deserializer, de};

/// Not negative.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Span(pub Duration);

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let span: mesh_compiler::api::scalar::Duration =
            text.parse().map_err(|error| de::Error::custom(format!("`{text}` {error}")))?;
        let negative = || de::Error::custom(format!("`{text}` is negative"));
        span.micros().map(|micros| Self(Duration::from_micros(micros))).ok_or_else(negative)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_written_as_in_policy() {
        let read = |text: &str| serde_json::from_str::<Span>(text);
        assert_eq!(read(r#""1.5s""#).unwrap(), Span(Duration::from_millis(1500)));
        assert!(read(r#""-1s""#).unwrap_err().to_string().contains("`-1s` is negative"));
        assert!(read(r#""soon""#).unwrap_err().to_string().contains("`soon` is no span of time"));
    }
}
