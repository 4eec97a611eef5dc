//! The children of a list or a mapping, handed out one by one.

use serde::de::value::StrDeserializer;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, IntoDeserializer, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};

use crate::parse::{Content, Entry, NodeId};

use super::empty::Empty;
use super::log::Note;
use super::stop::Stop;
use super::value::Value;

/// The elements of a list.
pub(super) struct Elements<'a> {
    list: Value<'a>,
    rest: std::slice::Iter<'a, NodeId>,
}

impl<'a> Elements<'a> {
    pub(super) fn new(list: Value<'a>) -> Self {
        Self { list, rest: list.reader.tree.elements(list.node).iter() }
    }
}

impl<'de> SeqAccess<'de> for Elements<'de> {
    type Error = Stop;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, Stop> {
        let Some(node) = self.rest.next() else { return Ok(None) };
        let element = Value { node: *node, in_map: false, ..self.list };
        seed.deserialize(element).map(Some).map_err(|stop| stop.at(*node, element.name))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.rest.len())
    }
}

/// The entries of a mapping whose keys the author chose.
pub(super) struct Pairs<'a> {
    map: Value<'a>,
    rest: std::slice::Iter<'a, Entry>,
    next: Option<Entry>,
}

impl<'a> Pairs<'a> {
    pub(super) fn new(map: Value<'a>) -> Self {
        Self { map, rest: map.reader.tree.entries(map.node).iter(), next: None }
    }
}

impl<'de> MapAccess<'de> for Pairs<'de> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Stop> {
        let reader = self.map.reader;
        // Nothing counts the entries of a map, so a faulty one is left out, its key with it.
        let Some(entry) = self.rest.find(|entry| !reader.log.is_faulty(entry.value)) else {
            return Ok(None);
        };
        self.next = Some(*entry);
        let key: StrDeserializer<'_, Stop> =
            reader.tree.text(entry.key, reader.source).into_deserializer();
        // A key that its type does not understand makes the whole entry faulty.
        seed.deserialize(key).map(Some).map_err(|stop| stop.at(entry.value, self.map.name))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        let Some(entry) = self.next.take() else { return seed.deserialize(Empty) };
        let reader = self.map.reader;
        let name = reader.tree.text(entry.key, reader.source);
        seed.deserialize(Value { reader, node: entry.value, name, in_map: true })
            .map_err(|stop| stop.at(entry.value, name))
    }
}

/// The fields of a struct: those that the mapping has and the struct knows, and then those that the struct was
/// found to miss.
pub(super) struct Fields<'a> {
    of: Value<'a>,
    known: &'static [&'static str],
    outer: &'static [&'static str],
    rest: std::slice::Iter<'a, Entry>,
    /// The position of the field that may come next.
    likely: usize,
    /// One bit for each field that was handed out: `parse` has reported a key that stands twice.
    seen: u128,
    missing: std::vec::IntoIter<&'static str>,
    /// The value of the field that was handed out; absent for a missing one.
    next: Option<(NodeId, &'static str)>,
}

impl<'a> Fields<'a> {
    pub(super) fn new(
        of: Value<'a>,
        fields: &'static [&'static str],
        outer: &'static [&'static str],
    ) -> Self {
        let rest = of.reader.tree.entries(of.node).iter();
        let missing = of.reader.log.missing(of.node).into_iter();
        Self { of, known: fields, outer, rest, likely: 0, seen: 0, missing, next: None }
    }

    /// The field of this name, and its position. Most authors write fields in the order in which the type has them.
    fn find(&mut self, name: &str) -> Option<(usize, &'static str)> {
        let (before, after) = self.known.split_at_checked(self.likely)?;
        let position = |fields: &[&str]| fields.iter().position(|field| *field == name);
        let found = position(after).map(|at| self.likely + at).or_else(|| position(before))?;
        self.likely = found + 1;
        self.known.get(found).map(|field| (found, *field))
    }

    /// Whether the field at `position` is handed out for the first time.
    fn is_first(&mut self, position: usize) -> bool {
        let bit = 1 << position.min(127);
        let is_first = self.seen & bit == 0;
        self.seen |= bit;
        is_first
    }
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Stop;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, Stop> {
        let reader = self.of.reader;
        while let Some(entry) = self.rest.next() {
            let key = reader.tree.text(entry.key, reader.source);
            let Some((position, field)) = self.find(key) else {
                let (fields, outer) = (self.known, self.outer);
                reader.log.note(Note::UnknownField {
                    of: self.of.node,
                    entry: *entry,
                    fields,
                    outer,
                });
                continue;
            };
            if reader.tree.content(entry.value) == Content::Null {
                if reader.notes_absent_values {
                    reader.log.note(Note::Absent(*entry));
                }
                continue;
            }
            if !self.is_first(position) {
                continue;
            }
            self.next = Some((entry.value, field));
            let field: StrDeserializer<'_, Stop> = (*field).into_deserializer();
            return seed.deserialize(field).map(Some);
        }
        self.next = None;
        match self.missing.next() {
            Some(field) => {
                let field: StrDeserializer<'_, Stop> = field.into_deserializer();
                seed.deserialize(field).map(Some)
            }
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Stop> {
        let Some((node, name)) = self.next.take() else { return seed.deserialize(Empty) };
        seed.deserialize(Value { reader: self.of.reader, node, name, in_map: false })
            .map_err(|stop| stop.at(node, name))
    }
}

/// A word of an enumeration.
pub(super) struct Variant(pub &'static str);

impl<'de> EnumAccess<'de> for Variant {
    type Error = Stop;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Stop> {
        let word: StrDeserializer<'_, Stop> = self.0.into_deserializer();
        Ok((seed.deserialize(word)?, self))
    }
}

/// All enumerations of these APIs are plain words.
impl<'de> VariantAccess<'de> for Variant {
    type Error = Stop;

    fn unit_variant(self) -> Result<(), Stop> {
        Ok(())
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Stop> {
        seed.deserialize(Empty)
    }

    fn tuple_variant<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Stop> {
        Empty.deserialize_seq(visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        Empty.deserialize_struct("", fields, visitor)
    }
}
