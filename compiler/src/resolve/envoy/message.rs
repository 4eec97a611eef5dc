//! Envoy's messages, as they stand in YAML.
//!
//! Source: the JSON form of Protocol Buffers: a field is called `max_tokens` or `maxTokens`, a duration is `60s`, a number may be
//! text. Source of `TypedStruct`: xDS, `udpa.type.v1.TypedStruct`, a message under the name of another.

use serde_json::{Map, Value};

/// A message, or what ought to be one: then it has no fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    fields: Option<&'a Map<String, Value>>,
}

impl<'a> Message<'a> {
    pub(super) fn of(value: &'a Value) -> Self {
        Self { fields: value.as_object() }
    }

    /// A field by its name in `snake_case`.
    pub(super) fn get(self, name: &str) -> Option<&'a Value> {
        let fields = self.fields?;
        fields.get(name).or_else(|| fields.get(&camel(name))).filter(|value| !value.is_null())
    }

    pub(super) fn message(self, name: &str) -> Self {
        Self { fields: self.get(name).and_then(Value::as_object) }
    }

    pub(super) fn messages(self, name: &str) -> impl Iterator<Item = Self> {
        let list = self.get(name).and_then(Value::as_array);
        list.into_iter().flatten().map(Self::of)
    }

    pub(super) fn text(self, name: &str) -> Option<&'a str> {
        self.get(name)?.as_str().filter(|text| !text.is_empty())
    }

    pub(super) fn number(self, name: &str) -> Option<u64> {
        match self.get(name)? {
            Value::String(text) => text.parse().ok(),
            value => value.as_u64(),
        }
    }

    pub(super) fn flag(self, name: &str) -> Option<bool> {
        self.get(name)?.as_bool()
    }

    pub(super) fn is_empty(self) -> bool {
        self.fields.is_none_or(Map::is_empty)
    }

    /// The names of its fields in `snake_case`.
    pub(super) fn field_names(self) -> impl Iterator<Item = String> {
        self.fields.into_iter().flat_map(Map::keys).map(|name| snake(name))
    }

    /// The names of a map's entries: they are the author's own.
    pub(super) fn names_as_written(self) -> impl Iterator<Item = String> {
        self.fields.into_iter().flat_map(Map::keys).cloned()
    }

    /// The names of its fields as they stand there, for a sentence.
    pub(super) fn names(self) -> String {
        let names: Vec<_> =
            self.fields.into_iter().flat_map(Map::keys).map(|name| format!("`{name}`")).collect();
        if names.is_empty() { "nothing".to_owned() } else { names.join(", ") }
    }

    /// `is` or `are`, after [`Message::names`].
    pub(super) fn be(self) -> &'static str {
        if self.fields.is_some_and(|fields| fields.len() > 1) { "are" } else { "is" }
    }

    /// Of a filter: the name of its configuration's type, and the configuration.
    pub(super) fn typed_config(self) -> (Option<&'a str>, Self) {
        let name = if self.get("typed_config").is_some() { "typed_config" } else { "config" };
        self.message(name).unpacked()
    }

    /// A message that says of itself which one it is.
    pub(super) fn unpacked(self) -> (Option<&'a str>, Self) {
        match self.text("@type") {
            Some(kind) if kind.ends_with(".TypedStruct") => {
                (self.text("type_url"), self.message("value"))
            }
            kind => (kind, self),
        }
    }
}

/// A field of a message by its name in `snake_case`: as it is called there, and its value.
pub(crate) fn written<'v>(message: &'v Value, name: &str) -> Option<(&'v str, &'v Value)> {
    let fields = message.as_object()?;
    let spellings = [name.to_owned(), camel(name)];
    let found = spellings.iter().find_map(|spelling| fields.get_key_value(spelling));
    found.map(|(name, value)| (name.as_str(), value))
}

fn camel(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |done, word| {
        let mut letters = word.chars();
        let head = letters.next().map(|letter| letter.to_ascii_uppercase());
        done + &head.into_iter().chain(letters).collect::<String>()
    })
}

fn snake(name: &str) -> String {
    let mut done = String::with_capacity(name.len());
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            done.push('_');
        }
        done.push(letter.to_ascii_lowercase());
    }
    done
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Message;

    #[test]
    fn a_field_has_two_spellings() {
        for value in [json!({ "max_tokens": 3 }), json!({ "maxTokens": "3" })] {
            let message = Message::of(&value);
            assert_eq!(message.number("max_tokens"), Some(3));
            assert_eq!(message.field_names().collect::<Vec<_>>(), ["max_tokens"]);
        }
        assert_eq!(Message::of(&json!([1])).get("max_tokens"), None);
    }

    #[test]
    fn a_message_may_stand_under_another_name() {
        let value = json!({ "typed_config": {
            "@type": "type.googleapis.com/udpa.type.v1.TypedStruct",
            "type_url": "type.googleapis.com/a.v3.B",
            "value": { "c": "d" },
        } });
        let (kind, config) = Message::of(&value).typed_config();
        assert_eq!((kind, config.text("c")), (Some("type.googleapis.com/a.v3.B"), Some("d")));
    }
}
