//! Why decoding stopped.

use std::fmt;

use serde::de::{self, Unexpected};

use crate::parse::NodeId;

/// A fault that `serde` cannot get past.
#[derive(Debug)]
pub(super) struct Stop {
    /// Where; absent until the innermost value on the way out adds itself.
    pub node: Option<NodeId>,
    /// The field that the value stands under.
    pub name: Option<Box<str>>,
    pub fault: Fault,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Fault {
    /// A value of another type: what the field takes.
    WrongType(Expected),
    /// A whole number outside of `min..=max`.
    OutOfRange { min: i64, max: u64 },
    /// A word that is none of these.
    UnknownValue(&'static [&'static str]),
    /// The mapping lacks this field.
    Missing(&'static str),
    /// A text that its type does not understand, in that type's words.
    Invalid(String),
}

/// What a field takes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Expected {
    Bool,
    Integer,
    Number,
    Text,
    /// A text such as `5s`.
    Duration,
    IntegerOrText,
    List,
    Mapping,
    /// A mapping with these fields.
    Fields(&'static [&'static str]),
}

impl Expected {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Bool => "`true` or `false`",
            Self::Integer => "a whole number",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Duration => "a span of time",
            Self::IntegerOrText => "a whole number or a text",
            Self::List => "a list",
            Self::Mapping | Self::Fields(_) => "a mapping",
        }
    }
}

impl Stop {
    pub(super) fn new(fault: Fault) -> Self {
        Self { node: None, name: None, fault }
    }

    /// The same, where the text that was asked for is a span of time.
    pub(super) fn of_duration(self) -> Self {
        match self.fault {
            Fault::WrongType(Expected::Text) => {
                Self { fault: Fault::WrongType(Expected::Duration), ..self }
            }
            _ => self,
        }
    }

    /// Adds where it happened, unless something inside has.
    pub(super) fn at(mut self, node: NodeId, name: &str) -> Self {
        if self.node.is_none() {
            self.node = Some(node);
            self.name = Some(name.into());
        }
        self
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.fault)
    }
}

impl std::error::Error for Stop {}

impl de::Error for Stop {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(Fault::Invalid(message.to_string()))
    }

    fn missing_field(field: &'static str) -> Self {
        Self::new(Fault::Missing(field))
    }

    fn invalid_type(_: Unexpected<'_>, expected: &dyn de::Expected) -> Self {
        Self::new(Fault::Invalid(format!("expected {expected}")))
    }
}
