//! Canonical bytes: JSON with sorted keys, no insignificant white space and no floats.
//!
//! Two values are equal exactly when their canonical bytes are, on every machine and in every version. A
//! reader takes canonical bytes only: anything else that means the same is refused, so that one object
//! has one digest.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The canonical bytes of `value`.
///
/// # Panics
///
/// When the type holds a float, or a map whose keys are not text: a fault of the type, met by any test
/// that encodes it.
#[must_use]
pub fn encode<T: Serialize>(value: &T) -> Vec<u8> {
    let tree = serde_json::to_value(value).unwrap_or_else(|error| unreachable!("{error}"));
    let mut bytes = Vec::new();
    write(&tree, &mut bytes);
    bytes
}

/// Why bytes are not the canonical form of a value.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("not a value of this kind: {0}")]
    Malformed(String),
    #[error("not in canonical form")]
    NotCanonical,
}

/// Reads canonical bytes.
///
/// # Errors
///
/// When the bytes are no such value, or a value in another form than the canonical one.
pub fn decode<T: DeserializeOwned + Serialize>(bytes: &[u8]) -> Result<T, DecodeError> {
    let value =
        serde_json::from_slice(bytes).map_err(|error| DecodeError::Malformed(error.to_string()))?;
    if encode(&value) == bytes { Ok(value) } else { Err(DecodeError::NotCanonical) }
}

fn write(tree: &serde_json::Value, bytes: &mut Vec<u8>) {
    use serde_json::Value;
    match tree {
        Value::Null => bytes.extend_from_slice(b"null"),
        Value::Bool(true) => bytes.extend_from_slice(b"true"),
        Value::Bool(false) => bytes.extend_from_slice(b"false"),
        Value::Number(number) => {
            assert!(!number.is_f64(), "canonical JSON has no floats");
            bytes.extend_from_slice(number.to_string().as_bytes());
        }
        Value::String(text) => write_text(text, bytes),
        Value::Array(items) => {
            bytes.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    bytes.push(b',');
                }
                write(item, bytes);
            }
            bytes.push(b']');
        }
        Value::Object(fields) => {
            // The map is sorted unless some crate in the build switches `preserve_order` on.
            let mut fields: Vec<_> = fields.iter().collect();
            fields.sort_unstable_by_key(|(name, _)| *name);
            bytes.push(b'{');
            for (index, (name, value)) in fields.into_iter().enumerate() {
                if index > 0 {
                    bytes.push(b',');
                }
                write_text(name, bytes);
                bytes.push(b':');
                write(value, bytes);
            }
            bytes.push(b'}');
        }
    }
}

/// Escapes what RFC 8259 §7 requires and nothing else.
fn write_text(text: &str, bytes: &mut Vec<u8>) {
    bytes.push(b'"');
    for byte in text.bytes() {
        match byte {
            b'"' => bytes.extend_from_slice(b"\\\""),
            b'\\' => bytes.extend_from_slice(b"\\\\"),
            0..0x20 => bytes.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
            _ => bytes.push(byte),
        }
    }
    bytes.push(b'"');
}
