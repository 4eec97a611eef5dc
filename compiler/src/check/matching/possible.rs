//! What a request can have, as a proxy compares it: why no request has a text, or any of the texts that a pattern takes.
//!
//! Where a request may have it after all, nothing is said. Sources: the engine's normal form of paths; RFC 9110 §5.5 (values of
//! headers), §9.1 (methods), RFC 9113 §8.3.1 (scheme and authority), WHATWG URL (parameters, `&`).

use std::borrow::Cow;
use std::fmt::Write as _;

use mesh_engine::path::{NormalizeError, normalize_path};
use mesh_engine::pattern::{Alphabet, Pattern};
use mesh_snapshot::object::PathNormalization;

use super::texts;
use crate::api::istio::StringMatch;

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
    /// The value of a parameter of the query, as it is sent.
    Parameter,
}

/// Which texts are asked for.
#[derive(Clone, Copy, Debug)]
pub(in crate::check) enum Form<'t> {
    Exact(&'t str),
    Prefix(&'t str),
    Suffix(&'t str),
    /// A template of a path.
    Template(&'t str),
    Regex(&'t str),
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

const SCHEMES: &[&str] = &["http", "https"];

/// A character that ends whatever a text may leave open: an escape, a segment of dots, a run of slashes.
const ANY: &str = "~";

impl<'t> Form<'t> {
    /// A value of an `AuthorizationPolicy`; absent: any text.
    pub(in crate::check) fn of_policy(value: &'t str) -> Option<Self> {
        match (value.strip_prefix('*'), value.strip_suffix('*')) {
            (Some(""), _) => None,
            (Some(suffix), _) => Some(Self::Suffix(suffix)),
            (None, Some(prefix)) => Some(Self::Prefix(prefix)),
            (None, None) => Some(Self::Exact(value)),
        }
    }

    /// The same of a path. Source: Istio, `security.ContainsPathTemplate`.
    pub(in crate::check) fn of_policy_path(value: &'t str) -> Option<Self> {
        let is_template = value.contains("{*}") || value.contains("{**}");
        if is_template { Some(Self::Template(value)) } else { Self::of_policy(value) }
    }

    /// What a match of a route asks for; absent: any text.
    pub(in crate::check) fn of_match(it: &'t StringMatch) -> Option<Self> {
        match (&it.exact, &it.prefix, &it.regex) {
            (Some(text), ..) => Some(Self::Exact(text)),
            (None, Some(text), _) => Some(Self::Prefix(text)).filter(|_| !text.is_empty()),
            (None, None, Some(text)) => Some(Self::Regex(text)),
            (None, None, None) => None,
        }
    }

    pub(in crate::check) const fn text(&self) -> &'t str {
        match self {
            Self::Exact(text)
            | Self::Prefix(text)
            | Self::Suffix(text)
            | Self::Template(text)
            | Self::Regex(text) => text,
        }
    }

    /// The same with another text.
    const fn with<'o>(&self, text: &'o str) -> Form<'o> {
        match self {
            Self::Exact(_) => Form::Exact(text),
            Self::Prefix(_) => Form::Prefix(text),
            Self::Suffix(_) => Form::Suffix(text),
            Self::Template(_) => Form::Template(text),
            Self::Regex(_) => Form::Regex(text),
        }
    }
}

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

    fn fault(self, form: Form<'_>) -> Option<&'static str> {
        match (self, form) {
            (Self::Path(mode), Form::Regex(source)) => path_expression(source, mode),
            (Self::Path(mode), _) => path(form, mode),
            (Self::Scheme, _) => scheme(form),
            (_, Form::Regex(source)) => self.expression(source),
            _ => self.text(form),
        }
    }

    fn text(self, form: Form<'_>) -> Option<&'static str> {
        let text = form.text();
        if !text.bytes().all(self.alphabet()) {
            return Some(self.letters());
        }
        let is_white = [' ', '\t'];
        match (self, form) {
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
        let alphabet = Alphabet { has: self.alphabet(), first: None };
        if !Pattern::may_match(source, &alphabet).ok()? {
            return Some(self.letters());
        }
        // An expression that takes other texts, too, may be for a method that nobody else knows.
        let mut words = source.split(['|', '(', ')']).filter(|it| !it.is_empty()).peekable();
        let is_of_methods = words.peek().is_some() && words.all(is_lower_method);
        (matches!(self, Self::Method) && is_of_methods).then_some(METHODS_HAVE_CASE)
    }

    /// The bytes that it may be made of.
    fn alphabet(self) -> fn(u8) -> bool {
        match self {
            Self::Path(_) => |byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#'),
            Self::Method => {
                |byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
            }
            Self::Scheme => |byte| byte.is_ascii_lowercase(),
            Self::Authority => {
                |byte| byte.is_ascii_alphanumeric() || b"-._~:[]!$&'()*+,;=%".contains(&byte)
            }
            Self::Value => |byte| !matches!(byte, 0 | b'\r' | b'\n'),
            Self::Parameter => |byte| byte > b' ' && !matches!(byte, b'&' | b'#' | 0x7f),
        }
    }

    /// What is wrong with a text of other bytes.
    const fn letters(self) -> &'static str {
        match self {
            Self::Path(_) => "white space and letters beyond ASCII are escaped in a path",
            Self::Method => "no method has such a character",
            Self::Scheme => "the scheme is `http` or `https`",
            Self::Authority => "it is a host, perhaps with a port, and nothing else",
            Self::Value => "no header holds a NUL or the end of a line",
            Self::Parameter => "white space, `&` and `#` are escaped in a parameter",
        }
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
            (Self::Path(mode), _) => meant_path(form, mode)?,
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
const NO_SLASH: &str = "a path begins with `/`";

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

fn scheme(form: Form<'_>) -> Option<&'static str> {
    let pattern = match form {
        Form::Regex(source) => Some(texts::compiled(source)?),
        _ => None,
    };
    let takes = |it: &&str| match form {
        Form::Exact(text) | Form::Template(text) => it == &text,
        Form::Prefix(text) => it.starts_with(text),
        Form::Suffix(text) => it.ends_with(text),
        Form::Regex(_) => pattern.as_ref().is_none_or(|pattern| pattern.matches(it)),
    };
    (!SCHEMES.iter().any(takes)).then_some(Part::Scheme.letters())
}

/// A text is in the normal form exactly where normalisation leaves it as it is.
fn path(form: Form<'_>, mode: PathNormalization) -> Option<&'static str> {
    let text = form.text();
    let is_absolute = text.starts_with('/');
    if is_absolute && is_plain(text) {
        return None;
    }
    let begins = match form {
        Form::Suffix(_) => true,
        Form::Template(_) => is_absolute || text.starts_with('{'),
        _ => is_absolute,
    };
    if !begins {
        return Some(NO_SLASH);
    }
    if text.contains(['?', '#']) {
        return Some("what follows `?` or `#` is no part of it");
    }
    let mut faults = samples(form).map(|sample| path_fault(&sample, mode));
    faults.try_fold(None, |_, fault| fault.map(Some))?
}

/// Whether there is nothing in a text that any normalisation might look at.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_".contains(&byte))
        && !text.contains("//")
}

/// Paths of which one is possible where any is: the shortest, and one that goes on with what changes nothing.
fn samples(form: Form<'_>) -> impl Iterator<Item = String> {
    let text = form.text();
    let all = match form {
        Form::Exact(_) | Form::Regex(_) => vec![text.to_owned()],
        Form::Prefix(_) => vec![text.to_owned(), format!("{text}{ANY}")],
        Form::Suffix(_) if text.starts_with('/') => vec![text.to_owned(), format!("/{ANY}{text}")],
        Form::Suffix(_) => vec![format!("/{text}"), format!("/{ANY}{text}")],
        Form::Template(_) => {
            let filled = text.replace("{**}", ANY).replace("{*}", ANY);
            vec![if filled.starts_with('/') { filled } else { format!("/{filled}") }]
        }
    };
    all.into_iter()
}

fn path_fault(path: &str, mode: PathNormalization) -> Option<&'static str> {
    let normal = match normalize_path(path, mode) {
        Err(NormalizeError::NotAbsolute) => return Some(NO_SLASH),
        Err(NormalizeError::BadCharacter) => return Some(Part::Path(mode).letters()),
        Err(NormalizeError::Nul) => return Some("no path holds an escaped NUL"),
        Ok(normal) => normal,
    };
    if normal == path {
        return None;
    }
    let lower = path.to_ascii_lowercase();
    let is_decoded = mode == PathNormalization::DecodeAndMergeSlashes;
    let changes = [
        (path.contains('\\'), "`\\` is read as `/`"),
        (
            is_decoded && (lower.contains("%2f") || lower.contains("%5c")),
            "escaped slashes are unescaped",
        ),
        (has_dots(path), "`.` and `..` are resolved"),
        (mode != PathNormalization::Base && path.contains("//"), "slashes are merged"),
        (
            path.contains(['"', '<', '>', '^', '`', '{', '|', '}']),
            "brackets, quotes and their like are escaped",
        ),
    ];
    let found = changes.into_iter().find(|(is_so, _)| *is_so);
    Some(
        found
            .map_or("escapes of letters, digits, `-`, `.`, `_` and `~` are undone", |(_, why)| why),
    )
}

/// Whether a segment is `.` or `..`, perhaps with parameters.
fn has_dots(path: &str) -> bool {
    path.split('/').any(|segment| matches!(segment.split(';').next(), Some("." | "..")))
}

fn path_expression(source: &str, mode: PathNormalization) -> Option<&'static str> {
    let has = Part::Path(mode).alphabet();
    if Pattern::may_match(source, &Alphabet { has, first: Some(b'/') }).ok()? {
        let prefix = Pattern::prefix_of(source).ok()?;
        return if prefix.is_empty() { None } else { path(Form::Prefix(&prefix), mode) };
    }
    let is_without_slash = Pattern::may_match(source, &Alphabet { has, first: None }).ok()?;
    Some(if is_without_slash {
        NO_SLASH
    } else {
        "it takes no text without a query, white space or letters beyond ASCII"
    })
}

/// The same path as a client would send it, in the normal form.
fn meant_path(form: Form<'_>, mode: PathNormalization) -> Option<String> {
    let text = form.text().trim();
    let is_other = text.contains(['?', '#', '*']) || text.contains("://");
    if is_other || matches!(form, Form::Template(_)) {
        return None;
    }
    let mut escaped = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_graphic() {
            escaped.push(char::from(byte));
        } else {
            write!(escaped, "%{byte:02X}").ok()?;
        }
    }
    let whole = match form {
        Form::Suffix(_) => format!("/{ANY}{escaped}"),
        _ if escaped.starts_with('/') => escaped,
        _ => format!("/{escaped}"),
    };
    let ends: Cow<'_, str> = match form {
        Form::Prefix(_) => format!("{whole}{ANY}").into(),
        _ => whole.into(),
    };
    let normal = normalize_path(&ends, mode).ok()?;
    let start = if matches!(form, Form::Suffix(_)) { 1 + ANY.len() } else { 0 };
    let end = if matches!(form, Form::Prefix(_)) { ANY.len() } else { 0 };
    normal.get(start..normal.len().checked_sub(end)?).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::PathNormalization::{Base, DecodeAndMergeSlashes, MergeSlashes, None as Raw};
    use super::*;

    const MODES: [PathNormalization; 4] = [Raw, Base, MergeSlashes, DecodeAndMergeSlashes];

    fn never(part: Part, form: Form<'_>) -> Option<Never> {
        part.never(form)
    }

    /// Of a value of a policy.
    fn of_path(value: &str, mode: PathNormalization) -> Option<Never> {
        never(Part::Path(mode), Form::of_policy_path(value)?)
    }

    #[test]
    fn some_paths_no_request_has() {
        for (path, instead) in [
            ("admin", Some("/admin")),
            ("/q?x=1", None),
            ("/a#b", None),
            ("/x/../admin", Some("/admin")),
            ("/%61dmin", Some("/admin")),
            ("/%61dmin*", Some("/admin")),
            ("*/%61dmin", Some("/admin")),
            ("/a b", Some("/a%20b")),
            ("/café", Some("/caf%C3%A9")),
            ("/a\\b", Some("/a/b")),
            ("/a/..", Some("/")),
            ("/%2e%2e/a", Some("/a")),
            ("/a%00", None),
            ("/a|b", Some("/a%7Cb")),
            ("/{*}/../b", None),
            ("http://shop/a", None),
            ("/a/./*", Some("/a/")),
        ] {
            let found = of_path(path, Base).unwrap_or_else(|| panic!("{path} is possible"));
            assert_eq!(found.instead.as_deref(), instead, "{path}");
        }
        for path in [
            "/a",
            "*",
            "*/b",
            "/a*",
            "/{*}/b",
            "{**}/b",
            "/a//b",
            "/a%20b",
            "/caf%C3%A9",
            "/a%2Fb",
            "/a/..*",
            "/a/.*",
            "/%6*",
            "/%*",
            "*..",
            "*61",
            "/a;b",
            "/%zz",
            "*.php",
            "/~a",
            "/%2F",
            "//*",
        ] {
            assert!(of_path(path, Base).is_none(), "{path}");
        }
    }

    #[test]
    fn a_path_is_as_its_normalisation_leaves_it() {
        for (path, modes) in [
            ("/%61", &[Base, MergeSlashes, DecodeAndMergeSlashes][..]),
            ("/x/../a", &[Base, MergeSlashes, DecodeAndMergeSlashes]),
            ("/a//b", &[MergeSlashes, DecodeAndMergeSlashes]),
            ("//", &[]),
            ("//*", &[]),
            ("/a%2Fb", &[DecodeAndMergeSlashes]),
            ("/é", &MODES),
            ("/a?b", &MODES),
        ] {
            let never: Vec<_> =
                MODES.into_iter().filter(|mode| of_path(path, *mode).is_some()).collect();
            assert_eq!(never, modes, "{path}");
        }
    }

    #[test]
    fn some_expressions_take_no_path() {
        let instead = |source| never(Part::Path(Base), Form::Regex(source)).map(|it| it.instead);
        let slash = |source: &str| Some(Some(format!("/{source}")));
        assert_eq!(instead("api/.*"), slash("api/.*"));
        for source in ["api|v1", "https?://shop/.*"] {
            assert_eq!(instead(source), Some(None), "{source}");
        }
        for source in ["/a\\?b=.*", "/%61.*", "/a b", "", "/x/\\.\\./a", "^(api|v1)/"] {
            assert!(instead(source).is_some(), "{source}");
        }
        for source in [".*", "/api/.*", "/a(\\?.*)?", "[^a]+", "/a%20b", ".*/b", "/\\.\\..*"] {
            assert!(instead(source).is_none(), "{source}");
        }
    }

    #[test]
    fn other_parts_have_their_own_letters() {
        use Form::{Exact, Prefix, Regex, Suffix};
        use Part::{Authority, Method, Parameter, Scheme, Value};
        for (part, form, instead) in [
            (Method, Exact("get"), Some("GET")),
            (Method, Exact("POST "), Some("POST")),
            (Method, Exact("é"), None),
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

    proptest! {
        /// Of no path that a request has, nor of any part of one, it is said that there is none.
        #[test]
        fn what_is_normal_is_possible(
            raw in "/[a/.%2fF65ceE\\\\;{}|~_-]{0,12}",
            cut in any::<proptest::sample::Index>(),
            mode in proptest::sample::select(&MODES[..]),
        ) {
            let Ok(normal) = normalize_path(&raw, mode) else { return Ok(()) };
            let (start, end) = normal.split_at(cut.index(normal.len()));
            let part = Part::Path(mode);
            prop_assert!(part.never(Form::Exact(&normal)).is_none(), "{normal}");
            prop_assert!(start.is_empty() || part.never(Form::Prefix(start)).is_none(), "{start} of {normal}");
            prop_assert!(end.is_empty() || part.never(Form::Suffix(end)).is_none(), "{end} of {normal}");
        }
    }
}
