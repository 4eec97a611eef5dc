//! What a request can have, as a proxy compares it: why no request has a text, or any of the texts that a pattern takes.
//!
//! Where a request may have it after all, nothing is said. Sources: the engine's normal form of paths; RFC 9110 §5.5 (values of
//! headers), §9.1 (methods), RFC 9113 §8.3.1 (scheme and authority), WHATWG URL (parameters, `&`).

mod path;

use std::borrow::Cow;

use mesh_engine::pattern::Pattern;
use mesh_snapshot::object::PathNormalization;

use super::form::Form;
use super::letters::{self, Letters};
use super::texts;

/// A part of a request.
#[derive(Clone, Copy, Debug)]
pub(in crate::check) enum Part {
    /// Without the query, after it was normalised.
    Path(PathNormalization),
    Method,
    Scheme,
    Authority,
    /// Of a header.
    Value,
    /// The value of one.
    Parameter,
}

/// Why there is no such text.
#[derive(Debug)]
pub(in crate::check) struct Never {
    pub reason: &'static str,
    /// What may have been meant, of the same form.
    pub instead: Option<String>,
}

/// The methods of RFC 9110 §9 and RFC 5789; a proxy compares them with case.
const METHODS: &[&str] =
    &["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"];

impl Never {
    /// What is said of it.
    pub(in crate::check) fn message(&self, form: Form<'_>) -> String {
        let text = printable(form.text());
        if self.reason == METHODS_HAVE_CASE {
            return format!(
                "`{text}` never matches `{}`: {}",
                text.to_ascii_uppercase(),
                self.reason
            );
        }
        let what = match form {
            Form::Exact(_) | Form::Template(_) => format!("is ever `{text}`"),
            Form::Prefix(_) => format!("ever begins with `{text}`"),
            Form::Suffix(_) => format!("ever ends with `{text}`"),
            Form::Regex(_) => format!("ever matches `{text}`"),
        };
        format!("nothing {what}: {}", self.reason)
    }
}

/// A text in which control characters can be seen.
fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let shown =
        |it: char| if it.is_control() { it.escape_default().to_string() } else { it.into() };
    text.chars().map(shown).collect::<String>().into()
}

impl Part {
    /// Of a header that a policy or a route looks at by its name.
    pub(in crate::check) fn of_header(name: &str) -> Self {
        match name.to_ascii_lowercase().as_str() {
            ":method" => Self::Method,
            ":scheme" => Self::Scheme,
            ":authority" | "host" => Self::Authority,
            _ => Self::Value,
        }
    }

    /// Why no request has it so; absent: one may.
    pub(in crate::check) fn never(self, form: Form<'_>) -> Option<Never> {
        let reason = self.fault(form)?;
        let meant = self.meant(form).filter(|it| !it.is_empty() && it != form.text());
        let is_read = |it: &String| !matches!(form, Form::Regex(_)) || Pattern::measure(it).is_ok();
        let instead = meant.filter(|it| is_read(it) && self.fault(form.with(it)).is_none());
        Some(Never { reason, instead })
    }

    /// Which texts there are of it.
    pub(super) const fn letters(self) -> &'static Letters {
        match self {
            Self::Path(_) => &letters::PATH,
            Self::Method => &letters::METHOD,
            Self::Scheme => &letters::SCHEME,
            Self::Authority => &letters::AUTHORITY,
            Self::Value => &letters::VALUE,
            Self::Parameter => &letters::PARAMETER,
        }
    }

    fn fault(self, form: Form<'_>) -> Option<&'static str> {
        let letters = self.letters();
        if let Some(words) = letters.words {
            return (!is_any(words, form)).then_some(letters.why);
        }
        match (self, form) {
            (Self::Path(mode), Form::Regex(source)) => path::expression_fault(source, mode),
            (Self::Path(mode), _) => path::fault(form, mode),
            (_, Form::Regex(source)) => self.expression(source),
            _ => self.text(form),
        }
    }

    fn text(self, form: Form<'_>) -> Option<&'static str> {
        let text = form.text();
        let letters = self.letters();
        if !text.bytes().all(letters.has) {
            return Some(letters.why);
        }
        let is_white = [' ', '\t'];
        match (self, form) {
            (Self::Method, Form::Exact("")) => Some("a request has a method"),
            (Self::Method, Form::Exact(text)) => is_lower_method(text).then_some(METHODS_HAVE_CASE),
            (Self::Value, Form::Exact(text)) => {
                (text.starts_with(is_white) || text.ends_with(is_white)).then_some(WHITE_SPACE)
            }
            (Self::Value, Form::Prefix(text)) => text.starts_with(is_white).then_some(WHITE_SPACE),
            (Self::Value, Form::Suffix(text)) => text.ends_with(is_white).then_some(WHITE_SPACE),
            _ => None,
        }
    }

    fn expression(self, source: &str) -> Option<&'static str> {
        let letters = self.letters();
        if !Pattern::may_match(source, &letters.alphabet()).ok()? {
            return Some(letters.why);
        }
        // An expression that takes other texts, too, may be for a method that nobody else knows.
        let mut words = source.split(['|', '(', ')']).filter(|it| !it.is_empty()).peekable();
        let is_of_methods = words.peek().is_some() && words.all(is_lower_method);
        (matches!(self, Self::Method) && is_of_methods).then_some(METHODS_HAVE_CASE)
    }

    fn meant(self, form: Form<'_>) -> Option<String> {
        let text = form.text();
        Some(match (self, form) {
            (Self::Path(_), Form::Regex(_)) => {
                let is_one = !text.contains('|') && !text.contains("://");
                let is_begun = text.starts_with(|it: char| it.is_ascii_alphanumeric());
                (is_one && is_begun).then(|| format!("/{text}"))?
            }
            (Self::Method | Self::Scheme, Form::Regex(_)) if !is_of_words(text) => return None,
            (Self::Path(mode), _) => path::meant(form, mode)?,
            (Self::Method, _) => text.trim().to_ascii_uppercase(),
            (Self::Scheme, _) => text.trim().to_ascii_lowercase(),
            (_, Form::Regex(_)) | (Self::Parameter, _) => return None,
            (Self::Authority, _) => {
                let text = text.trim();
                let host = text.split_once("://").map_or(text, |(_, host)| host);
                host.split_once('/').map_or(host, |(host, _)| host).to_owned()
            }
            (Self::Value, _) => text.trim_matches([' ', '\t']).to_owned(),
        })
    }
}

const METHODS_HAVE_CASE: &str = "methods are compared with case";
const WHITE_SPACE: &str = "white space around a value is no part of it";

/// Whether a text is one of the methods but for its case.
fn is_lower_method(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    upper != text && METHODS.contains(&upper.as_str())
}

/// Whether an expression stays one when its letters are written otherwise.
fn is_of_words(source: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphabetic() || b"|()?".contains(&byte);
    source.bytes().all(is_plain) && !source.contains("(?")
}

/// Whether one of `words` is such a text; an expression that is not understood may take any.
fn is_any(words: &[&str], form: Form<'_>) -> bool {
    let takes = |word: &str| match form {
        Form::Exact(text) | Form::Template(text) => word == text,
        Form::Prefix(text) => word.starts_with(text),
        Form::Suffix(text) => word.ends_with(text),
        Form::Regex(source) => texts::compiled(source).is_none_or(|it| it.matches(word)),
    };
    words.iter().any(|word| takes(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn never(part: Part, form: Form<'_>) -> Option<Never> {
        part.never(form)
    }

    #[test]
    fn other_parts_have_their_own_letters() {
        use Form::{Exact, Prefix, Regex, Suffix};
        use Part::{Authority, Method, Parameter, Scheme, Value};
        for (part, form, instead) in [
            (Method, Exact("get"), Some("GET")),
            (Method, Exact("POST "), Some("POST")),
            (Method, Exact("é"), None),
            (Method, Exact(""), None),
            (Method, Prefix("a b"), None),
            (Method, Regex("get|post"), Some("GET|POST")),
            (Method, Regex("GET /"), None),
            (Method, Regex("get\\s"), None),
            (Scheme, Exact("HTTPS"), Some("https")),
            (Scheme, Exact("ftp"), None),
            (Scheme, Prefix("x"), None),
            (Scheme, Regex("HTTPS?"), Some("https?")),
            (Authority, Exact("http://web.shop"), Some("web.shop")),
            (Authority, Exact("web.shop/"), Some("web.shop")),
            (Authority, Suffix(" shop"), Some("shop")),
            (Authority, Exact("jo@web"), None),
            (Authority, Regex("web/.*"), None),
            (Value, Exact(" a"), Some("a")),
            (Value, Suffix("a\t"), Some("a")),
            (Value, Exact("a\0"), None),
            (Value, Regex("\\x01"), None),
            (Value, Regex("a\\nb"), None),
            (Parameter, Exact("a&b"), None),
            (Parameter, Exact("a b"), None),
            (Parameter, Regex("a b|c&d"), None),
        ] {
            let found = never(part, form);
            assert_eq!(found.map(|it| it.instead), Some(instead.map(str::to_owned)), "{form:?}");
        }
        for (part, form) in [
            (Method, Exact("GET")),
            (Method, Exact("report")),
            (Method, Prefix("ge")),
            (Method, Regex("get|GET")),
            (Method, Regex("report")),
            (Method, Regex("get|report")),
            (Scheme, Exact("http")),
            (Scheme, Suffix("s")),
            (Scheme, Regex(".*")),
            (Authority, Exact("WEB.shop:80")),
            (Authority, Exact("[::1]:80")),
            (Authority, Regex(".*")),
            (Value, Exact("a b")),
            (Value, Prefix("a ")),
            (Value, Suffix(" a")),
            (Value, Exact("é")),
            (Value, Exact("")),
            (Value, Regex("a\\nb|c")),
            (Parameter, Exact("a%20b+c?")),
            (Parameter, Regex("a b|c")),
        ] {
            assert!(never(part, form).is_none(), "{form:?}");
        }
    }
}
