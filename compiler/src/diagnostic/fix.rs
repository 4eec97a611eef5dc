//! Changes that would mend a fault.

use crate::parse::scalar;
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

    /// With `text` in the place of what stands at `place`, as it is.
    #[must_use]
    pub fn replace(mut self, place: Place, text: impl Into<String>) -> Self {
        self.edits.push(Edit { place, text: text.into(), form: Form::Verbatim });
        self
    }

    /// One that writes another scalar where one stands: in the same quotes, and in some where YAML would read another value.
    #[must_use]
    pub fn write(applicability: Applicability, place: Place, text: impl Into<String>) -> Self {
        let text = text.into();
        let mut fix = Self::new(applicability, format!("write `{text}`"));
        fix.edits.push(Edit { place, text, form: Form::Scalar });
        fix
    }
}

/// New text in the place of old.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Edit {
    pub place: Place,
    pub text: String,
    pub form: Form,
}

/// How the text of an edit is to be understood.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Form {
    /// Bytes of the file.
    Verbatim,
    /// A value, however it is written.
    Scalar,
}

impl Form {
    /// What is written for `text` in the place of `old`, which is in the file.
    pub(super) fn write(self, text: String, old: &str) -> String {
        match (self, old.chars().next()) {
            (Self::Verbatim, _) => text,
            (Self::Scalar, Some('\'')) => format!("'{}'", text.replace('\'', "''")),
            (Self::Scalar, Some('"')) => double_quoted(&text),
            (Self::Scalar, _) if is_plain(&text) || scalar::resolve(old).is_some() => text,
            (Self::Scalar, _) => double_quoted(&text),
        }
    }
}

/// Whether a text stands for itself without quotes, wherever in a document it is.
fn is_plain(text: &str) -> bool {
    let is_within = |c: char| c.is_ascii_alphanumeric() || "-_./*+@=~".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || "_./".contains(c))
        && text.chars().all(is_within)
        && scalar::resolve(text).is_none()
}

fn double_quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::Form;

    #[test]
    fn a_text_stays_one_and_keeps_its_quotes() {
        for (old, new, written) in [
            ("a", "b.example.com", "b.example.com"),
            ("\"a\"", "b", "\"b\""),
            ("'a'", "it's", "'it''s'"),
            ("a", "*.example.com", "\"*.example.com\""),
            ("a", "a: b", "\"a: b\""),
            ("a", "true", "\"true\""),
            ("a", "80", "\"80\""),
            // A number stays one, too.
            ("8080", "80", "80"),
            ("\"8080\"", "80", "\"80\""),
        ] {
            assert_eq!(Form::Scalar.write(new.to_owned(), old), written, "{old} {new}");
        }
        assert_eq!(Form::Verbatim.write("[a]".to_owned(), "'a'"), "[a]");
    }
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
