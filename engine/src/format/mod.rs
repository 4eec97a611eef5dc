//! Envoy's format language: text with operators (`%REQ(x-user)%`), in access logs and header values.
//!
//! The compiler refuses what the proxy could not write, by the same table. Writing appends to a text of the
//! caller's, so nothing is allocated that is not kept.

mod operator;
mod parse;

use std::fmt::Write as _;

pub use operator::{HeaderSource, Operator};
pub use parse::{FormatError, FormatFault};

/// The access log line where `MeshConfig.accessLogFormat` is empty. Source: Istio, `EnvoyTextLogFormat`; the
/// epoch at its end is ours.
pub const DEFAULT_TEXT: &str = concat!(
    "[%START_TIME%] \"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%\" %RESPONSE_CODE% ",
    "%RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% ",
    "\"%UPSTREAM_TRANSPORT_FAILURE_REASON%\" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% ",
    "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% \"%REQ(X-FORWARDED-FOR)%\" \"%REQ(USER-AGENT)%\" ",
    "\"%REQ(X-REQUEST-ID)%\" \"%REQ(:AUTHORITY)%\" \"%UPSTREAM_HOST%\" %UPSTREAM_CLUSTER% ",
    "%UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% ",
    "%REQUESTED_SERVER_NAME% %ROUTE_NAME% %EPOCH%\n"
);

/// The access log's fields where `MeshConfig.accessLogFormat` is empty and its encoding is JSON. Source: Istio,
/// `EnvoyJSONLogFormatIstio`; the epoch is ours.
pub const DEFAULT_JSON: &[(&str, &str)] = &[
    ("start_time", "%START_TIME%"),
    ("method", "%REQ(:METHOD)%"),
    ("path", "%REQ(X-ENVOY-ORIGINAL-PATH?:PATH)%"),
    ("protocol", "%PROTOCOL%"),
    ("response_code", "%RESPONSE_CODE%"),
    ("response_flags", "%RESPONSE_FLAGS%"),
    ("response_code_details", "%RESPONSE_CODE_DETAILS%"),
    ("connection_termination_details", "%CONNECTION_TERMINATION_DETAILS%"),
    ("upstream_transport_failure_reason", "%UPSTREAM_TRANSPORT_FAILURE_REASON%"),
    ("bytes_received", "%BYTES_RECEIVED%"),
    ("bytes_sent", "%BYTES_SENT%"),
    ("duration", "%DURATION%"),
    ("upstream_service_time", "%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)%"),
    ("x_forwarded_for", "%REQ(X-FORWARDED-FOR)%"),
    ("user_agent", "%REQ(USER-AGENT)%"),
    ("request_id", "%REQ(X-REQUEST-ID)%"),
    ("authority", "%REQ(:AUTHORITY)%"),
    ("upstream_host", "%UPSTREAM_HOST%"),
    ("upstream_cluster", "%UPSTREAM_CLUSTER%"),
    ("upstream_local_address", "%UPSTREAM_LOCAL_ADDRESS%"),
    ("downstream_local_address", "%DOWNSTREAM_LOCAL_ADDRESS%"),
    ("downstream_remote_address", "%DOWNSTREAM_REMOTE_ADDRESS%"),
    ("requested_server_name", "%REQUESTED_SERVER_NAME%"),
    ("route_name", "%ROUTE_NAME%"),
    ("epoch", "%EPOCH%"),
];

/// A parsed format: what is written, in order.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Format {
    segments: Box<[Segment]>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Segment {
    Text(Box<str>),
    Value {
        operator: Operator,
        /// Bytes of the value that are written; the rest is cut.
        length_max: Option<usize>,
    },
}

/// What operators stand for, at one moment of one request.
pub trait Values {
    /// Appends the value of `operator`. Whether there is one: where there is none, nothing was appended.
    fn write(&self, operator: &Operator, out: &mut String) -> bool;
}

impl Format {
    /// Reads a format.
    ///
    /// # Errors
    ///
    /// At the first operator that is unknown, lacks its argument, or is not closed.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        parse::segments(text).map(|segments| Self { segments: segments.into() })
    }

    /// The text, where it holds no operator: it can be written without asking anybody.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match &*self.segments {
            [] => Some(""),
            [Segment::Text(text)] => Some(text),
            _ => None,
        }
    }

    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Appends the text, with `absent` (`-` in logs, nothing in headers) for each value that there is not.
    pub fn write(&self, values: &impl Values, absent: &str, out: &mut String) {
        for segment in &self.segments {
            match segment {
                Segment::Text(text) => out.push_str(text),
                Segment::Value { operator, length_max } => {
                    let start = out.len();
                    if !values.write(operator, out) {
                        out.push_str(absent);
                    }
                    cut(out, start, *length_max);
                }
            }
        }
    }
}

/// Drops what is more than `length_max` bytes after `start`, and no half character.
fn cut(out: &mut String, start: usize, length_max: Option<usize>) {
    let Some(mut end) = length_max.map(|length| start.saturating_add(length)) else { return };
    while end < out.len() && !out.is_char_boundary(end) {
        end -= 1;
    }
    out.truncate(end);
}

impl std::fmt::Display for Format {
    /// A format that parses to this one.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for segment in &self.segments {
            match segment {
                Segment::Text(text) => f.write_str(&text.replace('%', "%%"))?,
                Segment::Value { operator, length_max } => {
                    write!(f, "%{operator}")?;
                    length_max.map_or(Ok(()), |length| write!(f, ":{length}"))?;
                    f.write_char('%')?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{DEFAULT_TEXT, Format, Operator, Values};

    struct Sample;

    impl Values for Sample {
        fn write(&self, operator: &Operator, out: &mut String) -> bool {
            match operator {
                Operator::ResponseCode => out.push_str("503"),
                Operator::Request(source) if &*source.name == "x-user" => out.push_str("jürgen"),
                _ => return false,
            }
            true
        }
    }

    fn written(format: &str) -> String {
        let mut out = String::from(">");
        Format::parse(format).unwrap().write(&Sample, "-", &mut out);
        out
    }

    #[test]
    fn values_stand_where_their_operators_stood() {
        assert_eq!(written("a %RESPONSE_CODE%%%%REQ(X-User)%"), ">a 503%jürgen");
        assert_eq!(written("%REQ(none)%|%PROTOCOL%"), ">-|-");
        assert_eq!(written(""), ">");
    }

    #[test]
    fn a_length_cuts_a_value_between_characters() {
        assert_eq!(written("%REQ(x-user):1%!"), ">j!");
        assert_eq!(written("%REQ(x-user):2%!"), ">j!");
        assert_eq!(written("%REQ(x-user):3%!"), ">jü!");
        assert_eq!(written("%REQ(x-user):99%!"), ">jürgen!");
        assert_eq!(written("%REQ(x-user):0%!"), ">!");
    }

    #[test]
    fn text_without_operators_needs_no_values() {
        assert_eq!(Format::parse("100%% sure").unwrap().as_text(), Some("100% sure"));
        assert_eq!(Format::parse("").unwrap().as_text(), Some(""));
        assert_eq!(Format::parse("%PROTOCOL%").unwrap().as_text(), None);
    }

    #[test]
    fn a_format_is_written_as_it_is_read() {
        for text in
            [DEFAULT_TEXT, "%%%REQ(a?:path):7%", "%START_TIME(%Y-%m-%dT%H:%M:%S%z)% %EPOCH%"]
        {
            let format = Format::parse(text).unwrap();
            assert_eq!(Format::parse(&format.to_string()).unwrap(), format);
        }
    }
}
