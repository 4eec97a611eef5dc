//! The serializer behind [`super::encode`]: one pass, fields put in order where their object ends.

use serde::Serialize;
use serde::ser::{self, Impossible};

#[derive(Debug, thiserror::Error)]
#[error("{0} has no canonical form")]
pub(super) struct NoCanonicalForm(pub(super) String);

impl ser::Error for NoCanonicalForm {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

#[derive(Debug, Default)]
pub(super) struct Writer {
    bytes: Vec<u8>,
    /// Where the fields of an object are put in order; kept between objects.
    spare: Vec<u8>,
    /// The fields of the objects that are being written, the innermost last.
    spans: Vec<Span>,
}

impl Writer {
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Begins anew, in the same memory.
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.spans.clear();
    }

    fn fields(&mut self, closing: &'static [u8]) -> Fields<'_> {
        let first = self.spans.len();
        Fields { writer: self, first, closing }
    }

    fn text(&mut self, text: &str) {
        self.bytes.push(b'"');
        let must_be_escaped = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        let mut rest = text.as_bytes();
        // Asked of all bytes and not up to the first, which the compiler turns into a few instructions for many bytes.
        let is_odd = rest.iter().fold(false, |is_odd, byte| is_odd | must_be_escaped(byte));
        while let Some(at) = rest.iter().position(must_be_escaped).filter(|_| is_odd) {
            let (before, after) = rest.split_at(at);
            self.bytes.extend_from_slice(before);
            match after.first() {
                Some(b'"') => self.bytes.extend_from_slice(b"\\\""),
                Some(b'\\') => self.bytes.extend_from_slice(b"\\\\"),
                Some(byte) => self.bytes.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
                None => {}
            }
            rest = after.get(1..).unwrap_or_default();
        }
        self.bytes.extend_from_slice(rest);
        self.bytes.push(b'"');
    }

    /// The formatting machinery would take longer than all the rest of a number's field.
    fn number(&mut self, value: u64) {
        if value >= 10 {
            self.number(value / 10);
        }
        self.bytes.push(b'0' + (value % 10) as u8);
    }
}

/// `[…]`, and `{"Variant":[…]}` with a `closing` brace.
pub(super) struct List<'a> {
    writer: &'a mut Writer,
    empty: bool,
    closing: &'static [u8],
}

impl List<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoCanonicalForm> {
        if !std::mem::take(&mut self.empty) {
            self.writer.bytes.push(b',');
        }
        value.serialize(&mut *self.writer)
    }

    fn finish(self) {
        self.writer.bytes.extend_from_slice(self.closing);
    }
}

/// `{…}`, and `{"Variant":{…}}` with a `closing` brace. Fields are written as they come, each as
/// `"name":value`, and put in order at the end if they did not come in order.
pub(super) struct Fields<'a> {
    writer: &'a mut Writer,
    /// The place of the first of its fields among those of the writer.
    first: usize,
    closing: &'static [u8],
}

/// Where a field, its name and its value begin and end.
#[derive(Debug)]
struct Span {
    start: usize,
    name_end: usize,
    end: usize,
}

impl Fields<'_> {
    fn name(&mut self, name: &str) {
        if self.writer.spans.len() > self.first {
            self.writer.bytes.push(b',');
        }
        let start = self.writer.bytes.len();
        self.writer.text(name);
        let name_end = self.writer.bytes.len();
        self.writer.bytes.push(b':');
        self.writer.spans.push(Span { start, name_end, end: start });
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoCanonicalForm> {
        value.serialize(&mut *self.writer)?;
        if let Some(span) = self.writer.spans.last_mut() {
            span.end = self.writer.bytes.len();
        }
        Ok(())
    }

    fn finish(self) -> Result<(), NoCanonicalForm> {
        let Writer { bytes, spare, spans } = &mut *self.writer;
        let own = spans.get_mut(self.first..).unwrap_or_default();
        // Without the closing quote, so that a name sorts before the longer ones that it begins.
        let name = |span: &Span| bytes.get(span.start..span.name_end - 1);
        if !own.is_sorted_by(|left, right| name(left) < name(right)) {
            let start = own.first().map_or(bytes.len(), |span| span.start);
            own.sort_by(|left, right| name(left).cmp(&name(right)));
            if own.windows(2).any(|pair| matches!(pair, [a, b] if name(a) == name(b))) {
                return Err(NoCanonicalForm("a map with one key twice".to_owned()));
            }
            spare.clear();
            for span in &*own {
                if !spare.is_empty() {
                    spare.push(b',');
                }
                spare.extend_from_slice(bytes.get(span.start..span.end).unwrap_or_default());
            }
            bytes.truncate(start);
            bytes.extend_from_slice(spare);
        }
        spans.truncate(self.first);
        bytes.extend_from_slice(self.closing);
        Ok(())
    }
}

impl<'a> ser::Serializer for &'a mut Writer {
    type Ok = ();
    type Error = NoCanonicalForm;
    type SerializeSeq = List<'a>;
    type SerializeTuple = List<'a>;
    type SerializeTupleStruct = List<'a>;
    type SerializeTupleVariant = List<'a>;
    type SerializeMap = Fields<'a>;
    type SerializeStruct = Fields<'a>;
    type SerializeStructVariant = Fields<'a>;

    fn serialize_bool(self, value: bool) -> Result<(), NoCanonicalForm> {
        self.bytes.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Result<(), NoCanonicalForm> {
        self.serialize_i64(value.into())
    }

    fn serialize_i16(self, value: i16) -> Result<(), NoCanonicalForm> {
        self.serialize_i64(value.into())
    }

    fn serialize_i32(self, value: i32) -> Result<(), NoCanonicalForm> {
        self.serialize_i64(value.into())
    }

    fn serialize_i64(self, value: i64) -> Result<(), NoCanonicalForm> {
        if value < 0 {
            self.bytes.push(b'-');
        }
        self.serialize_u64(value.unsigned_abs())
    }

    fn serialize_u8(self, value: u8) -> Result<(), NoCanonicalForm> {
        self.serialize_u64(value.into())
    }

    fn serialize_u16(self, value: u16) -> Result<(), NoCanonicalForm> {
        self.serialize_u64(value.into())
    }

    fn serialize_u32(self, value: u32) -> Result<(), NoCanonicalForm> {
        self.serialize_u64(value.into())
    }

    fn serialize_u64(self, value: u64) -> Result<(), NoCanonicalForm> {
        self.number(value);
        Ok(())
    }

    fn serialize_f32(self, _: f32) -> Result<(), NoCanonicalForm> {
        Err(NoCanonicalForm("a float".to_owned()))
    }

    fn serialize_f64(self, _: f64) -> Result<(), NoCanonicalForm> {
        Err(NoCanonicalForm("a float".to_owned()))
    }

    fn serialize_char(self, value: char) -> Result<(), NoCanonicalForm> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), NoCanonicalForm> {
        self.text(value);
        Ok(())
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), NoCanonicalForm> {
        Err(NoCanonicalForm("raw bytes".to_owned()))
    }

    fn serialize_none(self) -> Result<(), NoCanonicalForm> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), NoCanonicalForm> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), NoCanonicalForm> {
        self.bytes.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), NoCanonicalForm> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), NoCanonicalForm> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), NoCanonicalForm> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), NoCanonicalForm> {
        self.bytes.push(b'{');
        self.text(variant);
        self.bytes.push(b':');
        value.serialize(&mut *self)?;
        self.bytes.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List<'a>, NoCanonicalForm> {
        self.bytes.push(b'[');
        Ok(List { writer: self, empty: true, closing: b"]" })
    }

    fn serialize_tuple(self, length: usize) -> Result<List<'a>, NoCanonicalForm> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        length: usize,
    ) -> Result<List<'a>, NoCanonicalForm> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List<'a>, NoCanonicalForm> {
        self.bytes.push(b'{');
        self.text(variant);
        self.bytes.extend_from_slice(b":[");
        Ok(List { writer: self, empty: true, closing: b"]}" })
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Fields<'a>, NoCanonicalForm> {
        self.bytes.push(b'{');
        Ok(self.fields(b"}"))
    }

    fn serialize_struct(
        self,
        _: &'static str,
        length: usize,
    ) -> Result<Fields<'a>, NoCanonicalForm> {
        self.serialize_map(Some(length))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields<'a>, NoCanonicalForm> {
        self.bytes.push(b'{');
        self.text(variant);
        self.bytes.extend_from_slice(b":{");
        Ok(self.fields(b"}}"))
    }
}

/// The serialization traits of lists differ only in their names, as do those of structs.
macro_rules! list {
    ($($kind:ident :: $method:ident),*) => { $(
        impl ser::$kind for List<'_> {
            type Ok = ();
            type Error = NoCanonicalForm;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoCanonicalForm> {
                self.item(value)
            }

            fn end(self) -> Result<(), NoCanonicalForm> {
                self.finish();
                Ok(())
            }
        }
    )* };
}

list!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

macro_rules! fields {
    ($($kind:ident),*) => { $(
        impl ser::$kind for Fields<'_> {
            type Ok = ();
            type Error = NoCanonicalForm;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), NoCanonicalForm> {
                self.name(name);
                self.value(value)
            }

            fn end(self) -> Result<(), NoCanonicalForm> {
                self.finish()
            }
        }
    )* };
}

fields!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Fields<'_> {
    type Ok = ();
    type Error = NoCanonicalForm;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), NoCanonicalForm> {
        let name = key.serialize(KeyText)?;
        self.name(&name);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), NoCanonicalForm> {
        self.value(value)
    }

    fn end(self) -> Result<(), NoCanonicalForm> {
        self.finish()
    }
}

/// A map's key as text.
pub(super) struct KeyText;

macro_rules! key_text {
    ($($method:ident: $type:ty),*) => { $(
        fn $method(self, value: $type) -> Result<String, NoCanonicalForm> {
            Ok(value.to_string())
        }
    )* };
}

macro_rules! no_key {
    ($($method:ident($($argument:ty),*) -> $result:ty;)*) => { $(
        fn $method(self $(, _: $argument)*) -> Result<$result, NoCanonicalForm> {
            Err(NoCanonicalForm("a map whose keys are neither text nor integers".to_owned()))
        }
    )* };
}

impl ser::Serializer for KeyText {
    type Ok = String;
    type Error = NoCanonicalForm;
    type SerializeSeq = Impossible<String, NoCanonicalForm>;
    type SerializeTuple = Impossible<String, NoCanonicalForm>;
    type SerializeTupleStruct = Impossible<String, NoCanonicalForm>;
    type SerializeTupleVariant = Impossible<String, NoCanonicalForm>;
    type SerializeMap = Impossible<String, NoCanonicalForm>;
    type SerializeStruct = Impossible<String, NoCanonicalForm>;
    type SerializeStructVariant = Impossible<String, NoCanonicalForm>;

    key_text! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_char: char, serialize_str: &str
    }

    no_key! {
        serialize_bool(bool) -> String;
        serialize_f32(f32) -> String;
        serialize_f64(f64) -> String;
        serialize_bytes(&[u8]) -> String;
        serialize_none() -> String;
        serialize_unit() -> String;
        serialize_unit_struct(&'static str) -> String;
        serialize_seq(Option<usize>) -> Self::SerializeSeq;
        serialize_tuple(usize) -> Self::SerializeTuple;
        serialize_tuple_struct(&'static str, usize) -> Self::SerializeTupleStruct;
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Self::SerializeTupleVariant;
        serialize_map(Option<usize>) -> Self::SerializeMap;
        serialize_struct(&'static str, usize) -> Self::SerializeStruct;
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Self::SerializeStructVariant;
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<String, NoCanonicalForm> {
        value.serialize(self)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<String, NoCanonicalForm> {
        Ok(variant.to_owned())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<String, NoCanonicalForm> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<String, NoCanonicalForm> {
        Err(NoCanonicalForm("a map whose keys are neither text nor integers".to_owned()))
    }
}
