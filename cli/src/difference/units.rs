//! A part of a snapshot as people read it: the tree of its fields, in which a quantity stands with its unit.
//!
//! What a number counts its type says ([`Microseconds`], [`PartsPerMillion`]), so that a new field is shown right without
//! anybody saying it again.
//!
//! [`Microseconds`]: mesh_snapshot::object::Microseconds
//! [`PartsPerMillion`]: mesh_snapshot::object::PartsPerMillion

use std::time::Duration;

use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::{Error, Map, Value};

/// Null where there is no such tree; a snapshot's objects all have one.
pub(super) fn tree<T: Serialize + ?Sized>(of: &T) -> Value {
    of.serialize(Tree).unwrap_or_default()
}

/// A number of the newtype of this name.
fn quantity(newtype: &str, number: u64) -> String {
    match newtype {
        "Microseconds" => format!("{:?}", Duration::from_micros(number)),
        "PartsPerMillion" => {
            let (whole, rest) = (number / 10_000, number % 10_000);
            let rest = format!("{rest:04}");
            match rest.trim_end_matches('0') {
                "" => format!("{whole} %"),
                rest => format!("{whole}.{rest} %"),
            }
        }
        _ => number.to_string(),
    }
}

struct Tree;

/// A list, or the fields of a struct, in the making.
struct Parts<P> {
    of: Of,
    parts: P,
}

/// What they are the content of.
enum Of {
    Itself,
    Variant(&'static str),
    /// A [`Reference`]: what it leads to is an object of its own, and compared by itself. Here it is the name of that.
    ///
    /// [`Reference`]: mesh_snapshot::Reference
    Edge,
}

type List = Parts<Vec<Value>>;
/// And the key whose value is to come.
type Fields = Parts<(Map<String, Value>, Option<String>)>;

fn list(of: Of) -> List {
    Parts { of, parts: Vec::new() }
}

fn fields(of: Of) -> Fields {
    Parts { of, parts: (Map::new(), None) }
}

/// An object with one field.
fn named(name: &str, value: Value) -> Value {
    Value::Object(Map::from_iter([(name.to_owned(), value)]))
}

/// A key as it is called everywhere: `RouteTable shop/reviews`. What looks otherwise from some namespaces (`shop/reviews@web`)
/// is compared by itself there, too, and called alike.
fn called(key: &Value) -> String {
    let part = |name: &str| key.get(name).and_then(Value::as_str).unwrap_or_default();
    let name = part("name").split('@').next().unwrap_or_default();
    match part("namespace") {
        "" => format!("{} {name}", part("kind")),
        namespace => format!("{} {namespace}/{name}", part("kind")),
    }
}

impl List {
    fn push<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.parts.push(value.serialize(Tree)?);
        Ok(())
    }

    fn done(self) -> Value {
        let list = Value::Array(self.parts);
        match self.of {
            Of::Variant(name) => named(name, list),
            Of::Itself | Of::Edge => list,
        }
    }
}

impl Fields {
    fn set<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), Error> {
        self.parts.0.insert(name.to_owned(), value.serialize(Tree)?);
        Ok(())
    }

    /// A variant none of whose fields says anything is its name, like one without fields.
    fn done(self) -> Value {
        let fields = self.parts.0;
        match self.of {
            Of::Variant(name) if fields.is_empty() => Value::String(name.to_owned()),
            Of::Variant(name) => named(name, Value::Object(fields)),
            Of::Edge => Value::String(fields.get("key").map(called).unwrap_or_default()),
            Of::Itself => Value::Object(fields),
        }
    }
}

/// Of these values there is nothing to say but what JSON says.
macro_rules! as_in_json {
    ($($method:ident: $type:ty,)*) => {$(
        fn $method(self, value: $type) -> Result<Value, Error> {
            serde_json::value::Serializer.$method(value)
        }
    )*};
}

impl Serializer for Tree {
    type Ok = Value;
    type Error = Error;
    type SerializeSeq = List;
    type SerializeTuple = List;
    type SerializeTupleStruct = List;
    type SerializeTupleVariant = List;
    type SerializeMap = Fields;
    type SerializeStruct = Fields;
    type SerializeStructVariant = Fields;

    as_in_json! {
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_f32: f32,
        serialize_f64: f64,
        serialize_char: char,
        serialize_str: &str,
        serialize_bytes: &[u8],
        serialize_unit_struct: &'static str,
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<Value, Error> {
        let value = value.serialize(Self)?;
        Ok(match value.as_u64() {
            Some(number) => Value::String(quantity(name, number)),
            None => value,
        })
    }

    fn serialize_none(self) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<Value, Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<Value, Error> {
        Ok(Value::Null)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<Value, Error> {
        Ok(variant.into())
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<Value, Error> {
        Ok(named(variant, value.serialize(self)?))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<List, Error> {
        Ok(list(Of::Itself))
    }

    fn serialize_tuple(self, _: usize) -> Result<List, Error> {
        Ok(list(Of::Itself))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<List, Error> {
        Ok(list(Of::Itself))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<List, Error> {
        Ok(list(Of::Variant(variant)))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Fields, Error> {
        Ok(fields(Of::Itself))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Fields, Error> {
        Ok(fields(if name == "Reference" { Of::Edge } else { Of::Itself }))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Fields, Error> {
        Ok(fields(Of::Variant(variant)))
    }
}

macro_rules! elements {
    ($($sort:ident $method:ident,)*) => {$(
        impl $sort for List {
            type Ok = Value;
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                self.push(value)
            }

            fn end(self) -> Result<Value, Error> {
                Ok(self.done())
            }
        }
    )*};
}

elements! {
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field,
}

macro_rules! structs {
    ($($sort:ident,)*) => {$(
        impl $sort for Fields {
            type Ok = Value;
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), Error> {
                self.set(name, value)
            }

            fn end(self) -> Result<Value, Error> {
                Ok(self.done())
            }
        }
    )*};
}

structs! { SerializeStruct, SerializeStructVariant, }

impl SerializeMap for Fields {
    type Ok = Value;
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.parts.1 = Some(match serde_json::to_value(key)? {
            Value::String(name) => name,
            other => other.to_string(),
        });
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let name = self.parts.1.take().ok_or_else(|| Error::custom("a value without a key"))?;
        self.set(&name, value)
    }

    fn end(self) -> Result<Value, Error> {
        Ok(self.done())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use mesh_snapshot::object::{ClientTls, ConnectionPool, Delay, Microseconds, PartsPerMillion};
    use mesh_snapshot::{Digest, Key, Kind, Reference};
    use serde_json::json;

    use super::*;

    /// A field that nobody has heard of, wherever it stands.
    #[test]
    fn a_quantity_is_told_with_the_unit_of_its_type() {
        #[derive(serde::Serialize)]
        struct New {
            patience: Option<Microseconds>,
            weight: u32,
            likelihood: BTreeMap<u16, Vec<PartsPerMillion>>,
            choice: Choice,
        }
        #[derive(serde::Serialize)]
        enum Choice {
            After(Microseconds),
            Within { most: Microseconds },
            Between(Microseconds, Microseconds),
            Never,
        }
        let new = |choice| New {
            patience: Some(Microseconds(1_000)),
            weight: 1_000,
            likelihood: BTreeMap::from([(80, vec![PartsPerMillion(125_000), PartsPerMillion(1)])]),
            choice,
        };
        let shown = |choice| json!({"patience": "1ms", "weight": 1000, "likelihood": {"80": ["12.5 %", "0.0001 %"]}, "choice": choice});
        let (long, short) = (Microseconds::from_secs(90), Microseconds(1_500_000));
        for (choice, told) in [
            (Choice::After(long), json!({"After": "90s"})),
            (Choice::Within { most: short }, json!({"Within": {"most": "1.5s"}})),
            (Choice::Between(short, long), json!({"Between": ["1.5s", "90s"]})),
            (Choice::Never, json!("Never")),
        ] {
            assert_eq!(tree(&new(choice)), shown(told));
        }
    }

    #[test]
    fn an_edge_is_the_name_of_what_it_leads_to() {
        let from_there = Key::new(Kind::RouteTable, "shop", "v/edge/public@web/gateways");
        let there = Reference { key: from_there, digest: Digest::of(b"a") };
        assert_eq!(tree(&there), json!("RouteTable shop/v/edge/public"));
        for key in [
            Key::new(Kind::RouteTable, "shop", "v/edge/public"),
            Key::new(Kind::ClientPolicy, "", "mesh"),
        ] {
            let of = |content: &[u8]| Reference { key: key.clone(), digest: Digest::of(content) };
            assert_eq!(tree(&of(b"a")), json!(key.to_string()));
            assert_eq!(tree(&[of(b"a")]), tree(&[of(b"b")]));
        }
    }

    /// But for quantities, and variants that say nothing, it is the tree that JSON writes.
    #[test]
    fn other_values_are_those_of_json() {
        let delay = Delay { duration: Microseconds::from_secs(3), share: PartsPerMillion::ALL };
        assert_eq!(tree(&delay), json!({"duration": "3s", "share": "100 %"}));
        let written = json!({"duration": 3_000_000, "share": 1_000_000});
        assert_eq!(serde_json::to_value(&delay).unwrap(), written);
        assert_eq!(tree(&(1, "a", [true], None::<u8>)), json!([1, "a", [true], null]));
    }

    #[test]
    fn a_variant_that_says_no_more_is_its_name() {
        let tls = |sni: &str| ClientTls::IstioMutual {
            sni: sni.to_owned(),
            subject_alt_names: BTreeSet::new(),
        };
        assert_eq!(tree(&tls("")), json!("istioMutual"));
        assert_eq!(tree(&tls("x")), json!({"istioMutual": {"sni": "x"}}));
        assert_eq!(tree(&ConnectionPool::default()), json!({}));
    }
}
