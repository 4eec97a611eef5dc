//! How a type that is a text reads itself.

/// Implements `Deserialize` for a `Default + FromStr` type through a newtype struct, so that the decoder can say that
/// there is no value (`visit_unit`) where the text is faulty. The error's words follow the field's name.
macro_rules! text_scalar {
    ($type:ty, $name:literal) => {
        impl<'de> serde::Deserialize<'de> for $type {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct Visitor;
                impl<'de> serde::de::Visitor<'de> for Visitor {
                    type Value = $type;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str($name)
                    }

                    fn visit_unit<E: serde::de::Error>(self) -> Result<$type, E> {
                        Ok(<$type>::default())
                    }

                    fn visit_newtype_struct<D: serde::Deserializer<'de>>(
                        self,
                        deserializer: D,
                    ) -> Result<$type, D::Error> {
                        deserializer.deserialize_str(self)
                    }

                    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<$type, E> {
                        text.parse().map_err(E::custom)
                    }
                }
                deserializer.deserialize_newtype_struct($name, Visitor)
            }
        }
    };
}

pub(super) use text_scalar;
