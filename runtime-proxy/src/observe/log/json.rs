//! A record as one line of JSON.

use std::fmt::Write as _;

use mesh_engine::format::{Format, Segment, Values};

use super::values::is_number;

/// Writes one object. `scratch` is empty before and after.
pub(super) fn write(
    fields: &[(Box<str>, Format)],
    values: &impl Values,
    scratch: &mut String,
    out: &mut String,
) {
    out.push('{');
    for (at, (name, format)) in fields.iter().enumerate() {
        if at != 0 {
            out.push(',');
        }
        string(name, out);
        out.push(':');
        value(format, values, scratch, out);
    }
    out.push('}');
}

/// An operator that stands alone keeps its type, and is `null` where it has no value. Source: Envoy, `json_format`.
fn value(format: &Format, values: &impl Values, scratch: &mut String, out: &mut String) {
    if let [Segment::Value { operator, length_max: None }] = format.segments() {
        if !values.write(operator, scratch) {
            out.push_str("null");
        } else if is_number(operator) {
            out.push_str(scratch);
        } else {
            string(scratch, out);
        }
    } else {
        format.write(values, "-", scratch);
        string(scratch, out);
    }
    scratch.clear();
}

/// Source: RFC 8259 §7.
pub(super) fn string(text: &str, out: &mut String) {
    out.push('"');
    for symbol in text.chars() {
        match symbol {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            symbol if symbol < ' ' => {
                let _ = write!(out, "\\u{:04x}", u32::from(symbol));
            }
            symbol => out.push(symbol),
        }
    }
    out.push('"');
}
