//! Fields that are known by name and not looked into.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, IgnoredAny, Visitor};

/// Anything at all: the field is known, and nothing in it is used. Written down for what it is there for: a field
/// with the wrong name is found, and one with the right name is not called wrong.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Opaque;

impl<'de> Deserialize<'de> for Opaque {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_ignored_any(IgnoredAny).map(|_| Self)
    }
}

impl JsonSchema for Opaque {
    fn schema_name() -> Cow<'static, str> {
        "Opaque".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!(true)
    }
}

/// A text as it stands, where there is one: nothing else is looked into.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct TextIfAny(pub Option<String>);

impl<'de> Deserialize<'de> for TextIfAny {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(IfAny)
    }
}

struct IfAny;

impl Visitor<'_> for IfAny {
    type Value = TextIfAny;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<TextIfAny, E> {
        Ok(TextIfAny(Some(text.to_owned())))
    }

    fn visit_bytes<E>(self, _: &[u8]) -> Result<TextIfAny, E> {
        Ok(TextIfAny(None))
    }

    fn visit_unit<E>(self) -> Result<TextIfAny, E> {
        Ok(TextIfAny(None))
    }
}

impl JsonSchema for TextIfAny {
    fn schema_name() -> Cow<'static, str> {
        "TextIfAny".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!(true)
    }
}

/// A text as it stands: what would be a placeholder elsewhere belongs to it.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AnyText(pub String);

impl<'de> Deserialize<'de> for AnyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_byte_buf(Any)
    }
}

struct Any;

impl Visitor<'_> for Any {
    type Value = AnyText;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E>(self, text: &str) -> Result<AnyText, E> {
        Ok(AnyText(text.to_owned()))
    }
}

impl JsonSchema for AnyText {
    fn schema_name() -> Cow<'static, str> {
        "AnyText".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string" })
    }
}
