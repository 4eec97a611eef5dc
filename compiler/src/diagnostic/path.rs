//! The way to a field inside of a resource.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::parse::DocumentId;

use super::{Part, Place};

/// One step of a way.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Segment {
    /// The entry of a mapping with this key. Rules name most of them, and make a path for all that they look at.
    Field(Cow<'static, str>),
    /// The element of a list, from 0.
    Index(u32),
}

/// The way from a resource's root: `spec.http[0].match[1].uri`; a key that is not a plain word stands in
/// quotes, `metadata.annotations["example.com/a"]`.
#[derive(Clone, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct FieldPath(Vec<Segment>);

impl FieldPath {
    #[must_use]
    pub fn new(segments: Vec<Segment>) -> Self {
        Self(segments)
    }

    /// `metadata.name`
    #[must_use]
    pub(crate) fn of_name() -> Self {
        Self::default().field("metadata").field("name")
    }

    pub(crate) fn is_of_name(&self) -> bool {
        let is =
            |segment: &Segment, name: &str| matches!(segment, Segment::Field(it) if it == name);
        matches!(self.segments(), [a, b] if is(a, "metadata") && is(b, "name"))
    }

    #[must_use]
    pub fn segments(&self) -> &[Segment] {
        &self.0
    }

    #[must_use]
    pub fn field(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.0.push(Segment::Field(name.into()));
        self
    }

    /// The element at `index`, from 0.
    #[must_use]
    pub fn index(mut self, index: usize) -> Self {
        self.push_index(index);
        self
    }

    fn push_index(&mut self, index: usize) {
        self.0.push(Segment::Index(u32::try_from(index).unwrap_or(u32::MAX)));
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, segment) in self.0.iter().enumerate() {
            match segment {
                Segment::Index(index) => write!(f, "[{index}]")?,
                Segment::Field(name) if is_word(name) => {
                    let dot = if position == 0 { "" } else { "." };
                    write!(f, "{dot}{name}")?;
                }
                Segment::Field(name) => write!(f, "[{name:?}]")?,
            }
        }
        Ok(())
    }
}

fn is_word(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte))
}

/// Text that is no path.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("not a field path: `{0}`")]
pub struct NotAPath(String);

/// Reads what [`FieldPath`] displays, but for escapes in quoted keys.
impl FromStr for FieldPath {
    type Err = NotAPath;

    fn from_str(text: &str) -> Result<Self, NotAPath> {
        let not_a_path = || NotAPath(text.to_owned());
        let mut path = Self::default();
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(quoted) = rest.strip_prefix("[\"") {
                let (name, after) = quoted.split_once("\"]").ok_or_else(not_a_path)?;
                (path, rest) = (path.field(name.to_owned()), after);
            } else if let Some(bracket) = rest.strip_prefix('[') {
                let (index, after) = bracket.split_once(']').ok_or_else(not_a_path)?;
                (path, rest) = (path.index(index.parse().map_err(|_| not_a_path())?), after);
            } else {
                let word = if path.0.is_empty() {
                    rest
                } else {
                    rest.strip_prefix('.').ok_or_else(not_a_path)?
                };
                let end = word.find(['.', '[']).unwrap_or(word.len());
                let (name, after) = word.split_at(end);
                if !is_word(name) {
                    return Err(not_a_path());
                }
                (path, rest) = (path.field(name.to_owned()), after);
            }
        }
        Ok(path)
    }
}

/// Where a walk over a typed resource is: a [`FieldPath`] on the stack, which allocates nothing until
/// something is found there. `at.field("http").index(2)` borrows `at`.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    document: DocumentId,
    parent: Option<&'a At<'a>>,
    step: Step<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Step<'a> {
    Root,
    Field(&'a str),
    Index(usize),
}

impl<'a> At<'a> {
    /// At the root of a resource.
    #[must_use]
    pub const fn root(document: DocumentId) -> Self {
        Self { document, parent: None, step: Step::Root }
    }

    #[must_use]
    pub const fn field(&'a self, name: &'a str) -> Self {
        Self { document: self.document, parent: Some(self), step: Step::Field(name) }
    }

    #[must_use]
    pub const fn index(&'a self, index: usize) -> Self {
        Self { document: self.document, parent: Some(self), step: Step::Index(index) }
    }

    #[must_use]
    pub const fn document(&self) -> DocumentId {
        self.document
    }

    #[must_use]
    pub fn path(&self) -> FieldPath {
        let ancestors = std::iter::successors(Some(self), |at| at.parent);
        let mut path = FieldPath(Vec::with_capacity(ancestors.count()));
        self.extend(&mut path);
        path
    }

    fn extend(&self, path: &mut FieldPath) {
        if let Some(parent) = self.parent {
            parent.extend(path);
        }
        match self.step {
            Step::Root => {}
            Step::Field(name) => path.0.push(Segment::Field(name.to_owned().into())),
            Step::Index(index) => path.push_index(index),
        }
    }

    /// The field's value; where it is absent, what ought to hold it.
    #[must_use]
    pub fn value(&self) -> Place {
        self.part(Part::Value)
    }

    /// The field's key; a list's element has none, so there it is the value.
    #[must_use]
    pub fn key(&self) -> Place {
        self.part(Part::Key)
    }

    /// Some bytes of the field's text.
    #[must_use]
    pub fn within(&self, bytes: std::ops::Range<usize>) -> Place {
        let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        self.part(Part::Within { start: number(bytes.start), end: number(bytes.end) })
    }

    fn part(&self, part: Part) -> Place {
        Place::Field { document: self.document, path: self.path(), part }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_as_it_is_written() {
        for text in ["spec.http[0].match[12].uri", "metadata.annotations[\"a.b/c\"].d", "[0]", ""] {
            assert_eq!(text.parse::<FieldPath>().unwrap().to_string(), text);
        }
        for text in ["a..b", "a[", "a[x]", ".a", "a[\"b"] {
            assert!(text.parse::<FieldPath>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_walk_knows_its_path() {
        let root = At::root(DocumentId(0));
        let http = root.field("spec").path();
        assert_eq!(http.to_string(), "spec");
        let spec = root.field("spec");
        let list = spec.field("http");
        assert_eq!(list.index(3).path().to_string(), "spec.http[3]");
    }
}
