//! Fields that are known by name and not looked into.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

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

/// A text whose value is used in few places; whatever is no text is an empty one, and nobody is told.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct AnyText(pub String);

impl<'de> Deserialize<'de> for AnyText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Any)
    }
}

struct Any;

impl<'de> Visitor<'de> for Any {
    type Value = AnyText;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<AnyText, E> {
        Ok(AnyText(text.to_owned()))
    }

    fn visit_bool<E>(self, _: bool) -> Result<AnyText, E> {
        Ok(AnyText::default())
    }

    fn visit_i64<E>(self, _: i64) -> Result<AnyText, E> {
        Ok(AnyText::default())
    }

    fn visit_u64<E>(self, _: u64) -> Result<AnyText, E> {
        Ok(AnyText::default())
    }

    fn visit_f64<E>(self, _: f64) -> Result<AnyText, E> {
        Ok(AnyText::default())
    }

    fn visit_unit<E>(self) -> Result<AnyText, E> {
        Ok(AnyText::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<AnyText, A::Error> {
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(AnyText::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AnyText, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(AnyText::default())
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
        json_schema!(true)
    }
}
