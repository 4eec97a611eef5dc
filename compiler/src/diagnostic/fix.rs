//! Changes that would mend a fault.

use std::borrow::Cow;

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

    /// With another scalar in the place of the one that stands at `place`, as [`Self::write`] writes it.
    #[must_use]
    pub fn put(mut self, place: Place, text: impl Into<String>) -> Self {
        self.edits.push(Edit { place, text: text.into(), form: Form::Scalar });
        self
    }

    /// With `text` in the place of what stands at `place`, as it is.
    #[must_use]
    pub fn replace(mut self, place: Place, text: impl Into<String>) -> Self {
        self.edits.push(Edit { place, text: text.into(), form: Form::Verbatim });
        self
    }

    /// With a mapping of one key in the place of the scalar `text` at `place`, its value.
    #[must_use]
    pub fn nest(mut self, place: Place, key: &'static str, text: impl Into<String>) -> Self {
        self.edits.push(Edit { place, text: text.into(), form: Form::Nested(key) });
        self
    }

    /// One that writes another scalar where one stands: in the same quotes, and in some where YAML would read another value.
    #[must_use]
    pub fn write(applicability: Applicability, place: Place, text: impl Into<String>) -> Self {
        let text = text.into();
        Self::new(applicability, format!("write `{text}`")).put(place, text)
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
    /// A value, as that of the only key of a mapping.
    Nested(&'static str),
}

impl Form {
    /// What is written for `text` in the place of `old`, which is in the file. A block scalar ends with its last line: the end
    /// of that line, and what the next begins with, stay.
    pub(super) fn write(self, text: String, old: &str, notation: Notation) -> String {
        let is_bare = || match notation {
            _ if is_number(old) && is_number(&text) => true,
            Notation::Yaml => is_plain(&text),
            Notation::Json => false,
        };
        match (self, old.chars().next()) {
            (Self::Verbatim, _) => text,
            (Self::Nested(key), _) => {
                let written = Self::Scalar.write(text, old, notation);
                let value = written.trim_end();
                let after = written.get(value.len()..).unwrap_or_default();
                let key = if notation == Notation::Json { double_quoted(key) } else { key.into() };
                format!("{{{key}: {}}}{after}", within_brackets(value))
            }
            (Self::Scalar, Some('\'')) if !text.contains(char::is_control) => {
                format!("'{}'", text.replace('\'', "''"))
            }
            (Self::Scalar, Some('\'' | '"')) => double_quoted(&text),
            (Self::Scalar, Some('|' | '>')) => {
                let end = old.trim_end_matches([' ', '\n', '\r']).len();
                let end = old.get(end..).unwrap_or_default();
                Self::Scalar.write(text, "", notation) + end
            }
            (Self::Scalar, _) if is_bare() => text,
            (Self::Scalar, _) => double_quoted(&text),
        }
    }
}

/// How a file is written.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Notation {
    Yaml,
    /// Where a text has quotes, wherever it stands.
    Json,
}

impl Notation {
    /// By the file's name.
    pub(super) fn of(path: &str) -> Self {
        let extension = std::path::Path::new(path).extension();
        let is_json = extension.is_some_and(|it| it.eq_ignore_ascii_case("json"));
        if is_json { Self::Json } else { Self::Yaml }
    }
}

/// A scalar that stands alone on its line as it is written within brackets, where a comma and more have a meaning.
pub(crate) fn within_brackets(written: &str) -> Cow<'_, str> {
    let is_quoted = written.starts_with(['\'', '"']);
    if is_quoted || is_plain(written) || scalar::resolve(written).is_some() {
        return Cow::Borrowed(written);
    }
    Cow::Owned(double_quoted(written))
}

fn is_number(text: &str) -> bool {
    use scalar::Scalar::{Float, Integer};
    matches!(scalar::resolve(text), Some(Integer(_) | Float(_)))
}

/// Whether a text stands for itself without quotes, wherever in a document it is.
fn is_plain(text: &str) -> bool {
    let is_within = |c: char| c.is_ascii_alphanumeric() || "-_./*+@=~".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || "_./".contains(c))
        && text.chars().all(is_within)
        && scalar::resolve(text).is_none()
}

fn double_quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            _ if c.is_control() => quoted.extend(['\\', 'u'].into_iter().chain(hexadecimal(c))),
            _ => quoted.push(c),
        }
    }
    quoted + "\""
}

/// Its number in four digits: no character of control has more.
fn hexadecimal(c: char) -> impl Iterator<Item = char> {
    let digit = move |place: u32| char::from_digit(u32::from(c) >> (4 * place) & 0xf, 16);
    (0..4).rev().filter_map(digit)
}

#[cfg(test)]
mod tests {
    use super::{Form, Notation, within_brackets};

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
            // A word that YAML takes for a truth value does not.
            ("off", "OFF", "\"OFF\""),
            ("'a'", "a\nb", "\"a\\u000ab\""),
            // What follows a block is not of its value.
            ("|-\n    a\n  ", "b", "b\n  "),
            (">\n  a\r\n", "a: b", "\"a: b\"\r\n"),
        ] {
            let wrote = Form::Scalar.write(new.to_owned(), old, Notation::Yaml);
            assert_eq!(wrote, written, "{old} {new}");
        }
        for (old, new, written) in [
            ("10", "10", "{value: 10}"),
            ("'a b'", "a b", "{value: 'a b'}"),
            ("a, b", "a, b", "{value: \"a, b\"}"),
            ("|-\n    a\n  ", "a", "{value: a}\n  "),
        ] {
            let wrote = Form::Nested("value").write(new.to_owned(), old, Notation::Yaml);
            assert_eq!(wrote, written, "{old} {new}");
        }
        let nested = Form::Nested("value").write("a".to_owned(), "\"a\"", Notation::Json);
        assert_eq!(nested, "{\"value\": \"a\"}");
        assert_eq!(Form::Verbatim.write("[a]".to_owned(), "'a'", Notation::Yaml), "[a]");
        for (old, new, written) in [("5", "5s", "\"5s\""), ("5", "6", "6"), ("\"a\"", "b", "\"b\"")]
        {
            assert_eq!(Form::Scalar.write(new.to_owned(), old, Notation::Json), written);
        }
    }

    #[test]
    fn a_text_stays_one_within_brackets() {
        for (written, within) in [
            ("a.example.com", "a.example.com"),
            ("80", "80"),
            ("'a, b'", "'a, b'"),
            ("GET, POST", "\"GET, POST\""),
            ("/api/{*}", "\"/api/{*}\""),
            ("a[0]", "\"a[0]\""),
            ("a:b", "\"a:b\""),
        ] {
            assert_eq!(within_brackets(written), within);
        }
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
