//! Canonical bytes: JSON with sorted keys, no insignificant white space and no floats.
//!
//! Two values are equal exactly when their canonical bytes are, on every machine and in every version. A
//! reader takes canonical bytes only: anything else that means the same is refused, so that one object
//! has one digest. Keys are sorted by their bytes as written; text is escaped only where RFC 8259 §7 requires it.

mod writer;

use serde::Serialize;
use serde::de::DeserializeOwned;

use writer::{NoCanonicalForm, Writer};

/// The canonical bytes of `value`.
///
/// # Panics
///
/// When the type holds a float, raw bytes, or a map whose keys are neither text nor integers: a fault of
/// the type, met by any test that encodes it.
#[must_use]
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut encoder = Encoder::default();
    encoder.encode(value);
    encoder.0.into_bytes()
}

/// Encodes one value after the other, all in the same memory.
#[derive(Debug, Default)]
pub struct Encoder(Writer);

impl Encoder {
    /// The canonical bytes of `value`.
    ///
    /// # Panics
    ///
    /// As [`encode`] does.
    #[expect(clippy::panic, reason = "a type without canonical form is a fault of this crate")]
    pub fn encode<T: Serialize + ?Sized>(&mut self, value: &T) -> &[u8] {
        self.0.clear();
        match value.serialize(&mut self.0) {
            Ok(()) => self.0.bytes(),
            Err(NoCanonicalForm(what)) => panic!("{what} has no canonical form"),
        }
    }
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

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, HashMap};

    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    use super::{decode, encode};

    #[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
    enum Shape {
        Unit,
        Newtype(String),
        Tuple(u8, i64),
        Struct { zebra: bool, ant: Option<u16> },
    }

    #[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
    struct Thing {
        zoo: Vec<Shape>,
        by_number: BTreeMap<u16, String>,
        by_name: BTreeMap<String, Vec<i32>>,
        a: (),
    }

    fn shape() -> impl Strategy<Value = Shape> {
        prop_oneof![
            Just(Shape::Unit),
            any::<String>().prop_map(Shape::Newtype),
            any::<(u8, i64)>().prop_map(|(a, b)| Shape::Tuple(a, b)),
            any::<(bool, Option<u16>)>().prop_map(|(zebra, ant)| Shape::Struct { zebra, ant }),
        ]
    }

    fn thing() -> impl Strategy<Value = Thing> {
        let numbers = proptest::collection::btree_map(any::<u16>(), any::<String>(), 0..4);
        let names = proptest::collection::btree_map(any::<String>(), any::<Vec<i32>>(), 0..4);
        (proptest::collection::vec(shape(), 0..4), numbers, names)
            .prop_map(|(zoo, by_number, by_name)| Thing { zoo, by_number, by_name, a: () })
    }

    /// Written another way: a tree with sorted maps, printed by `serde_json`. This fails too when some
    /// crate in the build switches `serde_json/preserve_order` on.
    fn reference(thing: &Thing) -> String {
        serde_json::to_value(thing).unwrap().to_string()
    }

    proptest! {
        #[test]
        fn agrees_with_a_sorted_tree(thing in thing()) {
            let bytes = encode(&thing);
            let tree: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
            prop_assert_eq!(tree.to_string(), reference(&thing));
            prop_assert_eq!(decode::<Thing>(&bytes).unwrap(), thing);
        }

        #[test]
        fn the_order_of_insertion_does_not_matter(map in any::<HashMap<String, u8>>()) {
            let sorted: BTreeMap<_, _> = map.clone().into_iter().collect();
            prop_assert_eq!(encode(&map), encode(&sorted));
        }
    }

    #[test]
    fn a_key_stands_before_the_longer_ones_that_it_begins() {
        let map = BTreeMap::from([("a", 1), ("a!", 2), ("a b", 3), ("aa", 4)]);
        assert_eq!(encode(&map), br#"{"a":1,"a b":3,"a!":2,"aa":4}"#);
    }

    #[test]
    fn any_other_form_is_refused() {
        for other in
            [r#"{"b":1,"a":2}"#, r#"{"a": 2,"b":1}"#, r#"{"a":2,"b":1} "#, r#"{"\u0061":2,"b":1}"#]
        {
            assert!(decode::<BTreeMap<String, u8>>(other.as_bytes()).is_err(), "{other}");
        }
        assert!(decode::<BTreeMap<String, u8>>(br#"{"a":2,"b":1}"#).is_ok());
    }

    #[test]
    fn only_what_must_be_escaped_is() {
        assert_eq!(encode("\"\\\n\u{7f}é"), "\"\\\"\\\\\\u000a\u{7f}é\"".as_bytes());
    }

    #[test]
    #[should_panic(expected = "a float has no canonical form")]
    fn floats_have_none() {
        let _ = encode(&[1.5]);
    }
}
