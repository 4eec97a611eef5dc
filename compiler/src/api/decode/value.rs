//! A node of a tree as `serde` sees it.

use serde::de::{Deserializer, Visitor};

use crate::parse::{Content, NodeId, Tree, scalar};

use super::access::{Elements, Fields, Pairs, Variant};
use super::empty::Empty;
use super::log::{Log, Note};
use super::meant::{is_bare_text, unquoted};
use super::stop::{Expected, Fault, Stop};

/// What all values of one document share.
pub(super) struct Reader<'a> {
    pub tree: &'a Tree,
    pub source: &'a str,
    pub log: &'a Log,
    /// Whether a field without a value is worth a word.
    pub notes_absent_values: bool,
    /// Whether kustomizations change the resource.
    pub is_built: bool,
}

/// What a faulty value plainly stands for.
#[derive(PartialEq)]
enum Meant<'a> {
    Scalar(scalar::Scalar),
    Text(&'a str),
}

/// A value and the field that it stands under.
#[derive(Clone, Copy)]
pub(super) struct Value<'a> {
    pub reader: &'a Reader<'a>,
    pub node: NodeId,
    pub name: &'a str,
    /// In a map of texts an absent value is an empty one, as Go reads it.
    pub in_map: bool,
}

impl<'a> Value<'a> {
    pub(super) fn root(reader: &'a Reader<'a>, node: NodeId) -> Self {
        Self { reader, node, name: "", in_map: false }
    }

    pub(super) fn content(&self) -> Content {
        self.reader.tree.content(self.node)
    }

    /// The text as it stands in the file, quotes included.
    pub(super) fn shown(&self) -> &'a str {
        self.reader.source.get(self.reader.tree.span(self.node).range()).unwrap_or_default()
    }

    fn stop(&self, fault: Fault) -> Stop {
        Stop::new(fault).at(self.node, self.name)
    }

    fn wrong<T>(&self, expected: Expected) -> Result<T, Stop> {
        Err(self.stop(Fault::WrongType(expected)))
    }

    /// Whether it says nothing: it is faulty or a hole.
    pub(super) fn is_empty(&self) -> bool {
        self.is_faulty() || self.is_hole()
    }

    /// Whether it was found to be faulty, by an attempt before this one or by the parser.
    fn is_faulty(&self) -> bool {
        if self.content() == Content::Faulty {
            self.reader.log.faulty(self.node);
        }
        self.reader.log.is_faulty(self.node)
    }

    fn is_hole(&self) -> bool {
        let Content::Text(text) = self.content() else { return false };
        let is_hole = is_placeholder(self.reader.tree.text(text, self.reader.source));
        if is_hole {
            self.reader.log.placeholder(self.node);
        }
        is_hole
    }

    /// What a faulty value plainly stands for, as `expected`.
    fn meant(&self, expected: Expected) -> Option<Meant<'a>> {
        let is_asked = !self.is_hole() && self.reader.log.expected(self.node) == Some(expected);
        let shown = self.shown();
        match is_asked {
            true if is_bare_text(expected, shown) => Some(Meant::Text(shown)),
            true => unquoted(expected, shown).map(|(_, value)| Meant::Scalar(value)),
            false => None,
        }
    }

    /// The same, of whatever type.
    fn is_meant(&self) -> bool {
        let expected = self.reader.log.expected(self.node);
        expected.is_some_and(|expected| self.meant(expected).is_some())
    }

    fn note_ambiguity(&self) {
        if scalar::is_ambiguous(self.shown()) {
            self.reader.log.note(Note::Ambiguous(self.node));
        }
    }

    /// A whole number of `min..=max`.
    fn integer(&self, min: i64, max: u64) -> Result<i64, Stop> {
        let value = match self.content() {
            Content::Integer(value) => value,
            // JSON has one kind of number, and Kubernetes writes 80.0 as 80.
            Content::Float(value) if value.fract() == 0.0 && value.abs() < 9e15 => {
                #[expect(clippy::cast_possible_truncation, reason = "whole, and far below 2⁶³")]
                let value = value as i64;
                value
            }
            _ => return self.wrong(Expected::Integer),
        };
        if value < min || u64::try_from(value).is_ok_and(|value| value > max) {
            return Err(self.stop(Fault::OutOfRange { min, max }));
        }
        self.note_ambiguity();
        Ok(value)
    }
}

/// `${NAME}`, `${NAME:-default}` and `{{ … }}`, anywhere in a text: what `envsubst`, Flux and templates fill in; and
/// `$(NAME)` in a word, which is Kustomize's.
pub(in crate::api) fn is_placeholder(text: &str) -> bool {
    // Asked of every text, and hardly any has one: to search for the signs below costs more than to look at each byte.
    if !text.bytes().any(|byte| matches!(byte, b'$' | b'{')) {
        return false;
    }
    if is_variable(text) {
        return true;
    }
    if text.split_once("{{").is_some_and(|(_, after)| after.contains("}}")) {
        return true;
    }
    let mut rest = text;
    while let Some((_, after)) = rest.split_once("${") {
        let name =
            after.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(after.len());
        let (name, tail) = after.split_at(name);
        let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if begins && tail.starts_with(['}', ':', '-', '=']) && tail.contains('}') {
            return true;
        }
        rest = after;
    }
    false
}

/// What a proxy has in its own environment, and Kubernetes fills in there. Source: Istio, "Datadog".
const OF_POD: &[&str] =
    &["HOST_IP", "INSTANCE_IP", "NODE_NAME", "POD_IP", "POD_NAME", "POD_NAMESPACE"];

/// Whether a word holds `$(NAME)`. In scripts and expressions it means other things.
fn is_variable(text: &str) -> bool {
    let is_of_word = |c: char| c.is_ascii_alphanumeric() || "._-:/@*,$()".contains(c);
    if !text.contains("$(") || !text.chars().all(is_of_word) {
        return false;
    }
    text.split("$(").skip(1).any(|after| {
        let name = after.split_once(')').map_or("", |(name, _)| name);
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(is_of_name)
            && !OF_POD.contains(&name)
    })
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ty, $min:expr, $max:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
            if self.is_empty() {
                let meant = match self.meant(Expected::Integer) {
                    Some(Meant::Scalar(scalar::Scalar::Integer(value))) => <$type>::try_from(value).ok(),
                    _ => None,
                };
                return visitor.$visit(meant.unwrap_or_default());
            }
            let value = self.integer($min, $max)?;
            let value = <$type>::try_from(value).map_err(|_| self.stop(Fault::WrongType(Expected::Integer)))?;
            visitor.$visit(value).map_err(|stop: Stop| stop.at(self.node, self.name))
        }
    )*};
}

impl<'de> Deserializer<'de> for Value<'de> {
    type Error = Stop;

    integers! {
        deserialize_i8 visit_i8 i8, i64::from(i8::MIN), 127;
        deserialize_i16 visit_i16 i16, i64::from(i16::MIN), 32_767;
        deserialize_i32 visit_i32 i32, i64::from(i32::MIN), 2_147_483_647;
        deserialize_i64 visit_i64 i64, i64::MIN, 9_223_372_036_854_775_807;
        deserialize_u8 visit_u8 u8, 0, 255;
        deserialize_u16 visit_u16 u16, 0, 65_535;
        deserialize_u32 visit_u32 u32, 0, 4_294_967_295;
        deserialize_u64 visit_u64 u64, 0, u64::MAX;
    }

    /// Asked for by types that take a whole number or a text, which refuse the rest, and by those that take anything.
    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        if self.is_empty() {
            return visitor.visit_unit();
        }
        let value = match self.content() {
            Content::Integer(value) => visitor.visit_i64(value),
            Content::Text(text) => {
                visitor.visit_str(self.reader.tree.text(text, self.reader.source))
            }
            other => {
                let value = match other {
                    Content::Bool(value) => visitor.visit_bool(value),
                    Content::Float(_) => match self.integer(i64::MIN, u64::MAX) {
                        Ok(value) => visitor.visit_i64(value),
                        Err(_) => self.deserialize_f64(visitor),
                    },
                    Content::Sequence(_) => visitor.visit_seq(Elements::new(self)),
                    Content::Mapping(_) => visitor.visit_map(Pairs::new(self)),
                    _ => visitor.visit_unit(),
                };
                return value.or_else(|stop| match stop.node {
                    None => self.wrong(Expected::IntegerOrText),
                    Some(_) => Err(stop),
                });
            }
        };
        value.map_err(|stop: Stop| stop.at(self.node, self.name))
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        if self.is_empty() {
            let is_true = Some(Meant::Scalar(scalar::Scalar::Bool(true)));
            return visitor.visit_bool(self.meant(Expected::Bool) == is_true);
        }
        match self.content() {
            Content::Bool(value) => {
                self.note_ambiguity();
                visitor.visit_bool(value)
            }
            _ => self.wrong(Expected::Bool),
        }
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        if self.is_empty() {
            let meant = match self.meant(Expected::Number) {
                Some(Meant::Scalar(scalar::Scalar::Float(value))) => value,
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "so large a number is a float to everybody"
                )]
                Some(Meant::Scalar(scalar::Scalar::Integer(value))) => value as f64,
                _ => 0.0,
            };
            return visitor.visit_f64(meant);
        }
        match self.content() {
            #[expect(
                clippy::cast_precision_loss,
                reason = "so large a number is a float to everybody"
            )]
            Content::Integer(value) => {
                self.note_ambiguity();
                visitor.visit_f64(value as f64)
            }
            Content::Float(value) => visitor.visit_f64(value),
            _ => self.wrong(Expected::Number),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_f64(visitor)
    }

    /// Of a hole it is known that it is filled alike wherever it is written alike.
    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        if self.is_faulty() {
            let meant = match self.meant(Expected::Text) {
                Some(Meant::Text(text)) => text,
                _ => "",
            };
            return visitor.visit_str(meant);
        }
        // It is noted by being asked.
        let _ = self.is_hole();
        let value = match self.content() {
            Content::Text(text) => {
                visitor.visit_str(self.reader.tree.text(text, self.reader.source))
            }
            Content::Null if self.in_map => visitor.visit_str(""),
            _ => return self.wrong(Expected::Text),
        };
        value.map_err(|stop: Stop| stop.at(self.node, self.name))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_str(visitor)
    }

    /// A text as it stands, or nothing in place of what is none.
    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.content() {
            Content::Text(_) => self.deserialize_byte_buf(visitor),
            _ => visitor.visit_unit(),
        }
    }

    /// A text as it stands, with what elsewhere would be placeholders.
    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.content() {
            Content::Text(text) => {
                visitor.visit_str(self.reader.tree.text(text, self.reader.source))
            }
            _ if self.is_faulty() => visitor.visit_str(""),
            Content::Null if self.in_map => visitor.visit_str(""),
            _ => self.wrong(Expected::Text),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.content() {
            Content::Null => visitor.visit_none(),
            _ if self.is_faulty() && !self.is_meant() => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        visitor.visit_unit()
    }

    /// Asked for by types that are texts in a language of their own: spans of time.
    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        if self.is_empty() {
            return visitor.visit_unit();
        }
        visitor
            .visit_newtype_struct(self)
            .map_err(|stop: Stop| stop.of_duration().at(self.node, self.name))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.content() {
            _ if self.is_empty() => Empty.deserialize_seq(visitor),
            Content::Sequence(_) => visitor.visit_seq(Elements::new(self)),
            _ => self.wrong(Expected::List),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        match self.content() {
            _ if self.is_empty() => Empty.deserialize_map(visitor),
            Content::Mapping(_) => visitor.visit_map(Pairs::new(self)),
            _ => self.wrong(Expected::Mapping),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        match self.content() {
            _ if self.is_empty() => Empty.deserialize_struct(name, fields, visitor),
            Content::Mapping(_) => {
                let log = self.reader.log;
                let outer = log.outer.replace(fields);
                let value = visitor.visit_map(Fields::new(self, fields, outer));
                log.outer.set(outer);
                value.map_err(|stop: Stop| stop.at(self.node, self.name))
            }
            _ => self.wrong(Expected::Fields(fields)),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        if self.is_empty() {
            return Empty.deserialize_enum(name, variants, visitor);
        }
        let word = match self.content() {
            Content::Text(text) => self.reader.tree.text(text, self.reader.source),
            // Quotes would not make a value of it.
            Content::Bool(_) | Content::Integer(_) | Content::Float(_)
                if !variants.contains(&self.shown()) =>
            {
                return Err(self.stop(Fault::UnknownValue(variants)));
            }
            _ => return self.wrong(Expected::Text),
        };
        match variants.iter().find(|variant| **variant == word) {
            Some(variant) => visitor.visit_enum(Variant(variant)),
            None => Err(self.stop(Fault::UnknownValue(variants))),
        }
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Stop> {
        visitor.visit_unit()
    }
}

#[cfg(test)]
mod tests {
    use super::is_placeholder;

    #[test]
    fn only_what_is_substituted_is_a_placeholder() {
        for text in [
            "${HOST}",
            "a.${DOMAIN}",
            "${X:-y}",
            "${X:=y}",
            "$1 ${_a}",
            "{{ .Values.x }}",
            "$(HOST)",
            "a.$(my-domain).svc",
        ] {
            assert!(is_placeholder(text), "{text}");
        }
        for text in [
            "$HOST",
            "^/a${",
            "^a${1}$",
            "%REQ(x)%",
            "$(HOST_IP):8126",
            "^/a$(b)",
            "$(a b)",
            "$()",
            "{a}",
            "/{a}/{{",
        ] {
            assert!(!is_placeholder(text), "{text}");
        }
    }
}
