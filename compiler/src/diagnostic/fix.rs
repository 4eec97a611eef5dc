//! Changes that would mend a fault.

use crate::source::{FileId, Span};

use super::Place;

/// Whether a change may be made without asking.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Applicability {
    /// It keeps what the author meant.
    Safe,
    /// It is likely what the author meant.
    Unsafe,
    /// It shows the form, and holds something that the author must fill in.
    Display,
}

impl Applicability {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Safe => "safe",
            Self::Unsafe => "unsafe",
            Self::Display => "display",
        }
    }
}

/// One way to mend a fault: all of its edits together.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fix {
    /// What it does, in the imperative.
    pub title: String,
    pub applicability: Applicability,
    pub edits: Vec<Edit>,
}

impl Fix {
    #[must_use]
    pub fn new(applicability: Applicability, title: impl Into<String>) -> Self {
        Self { title: title.into(), applicability, edits: Vec::new() }
    }

    /// With `text` in the place of what stands at `place`.
    #[must_use]
    pub fn replace(mut self, place: Place, text: impl Into<String>) -> Self {
        self.edits.push(Edit { place, text: text.into() });
        self
    }
}

/// New text in the place of old.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Edit {
    pub place: Place,
    pub text: String,
}

/// A [`Fix`] whose places have been looked up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TextFix {
    pub title: String,
    pub applicability: Applicability,
    pub edits: Vec<TextEdit>,
}

/// New text for some bytes of a file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct TextEdit {
    pub file: FileId,
    pub span: Span,
    pub text: String,
}
