//! Paths: each begins with a slash, has no query, and is as its normalisation leaves it.

use std::borrow::Cow;
use std::fmt::Write as _;

use mesh_engine::path::{NormalizeError, normalize_path};
use mesh_engine::pattern::{Alphabet, Pattern};
use mesh_snapshot::object::PathNormalization;

use super::super::form::Form;
use super::super::letters::PATH;

/// A character that ends whatever a text may leave open: an escape, a segment of dots, a run of slashes.
const ANY: &str = "~";

const NO_SLASH: &str = "a path begins with `/`";

/// A text is in the normal form exactly where normalisation leaves it as it is.
pub(super) fn fault(form: Form<'_>, mode: PathNormalization) -> Option<&'static str> {
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
    let mut faults = samples(form).map(|sample| fault_of_one(&sample, mode));
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

fn fault_of_one(path: &str, mode: PathNormalization) -> Option<&'static str> {
    let normal = match normalize_path(path, mode) {
        Err(NormalizeError::NotAbsolute) => return Some(NO_SLASH),
        Err(NormalizeError::BadCharacter) => return Some(PATH.why),
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

pub(super) fn expression_fault(source: &str, mode: PathNormalization) -> Option<&'static str> {
    let alphabet = PATH.alphabet();
    if Pattern::may_match(source, &alphabet).ok()? {
        let prefix = Pattern::prefix_of(source).ok()?;
        return if prefix.is_empty() { None } else { fault(Form::Prefix(&prefix), mode) };
    }
    let is_without_slash =
        Pattern::may_match(source, &Alphabet { first: None, ..alphabet }).ok()?;
    Some(if is_without_slash {
        NO_SLASH
    } else {
        "it takes no text without a query, white space or letters beyond ASCII"
    })
}

/// The same path as a client would send it, in the normal form.
pub(super) fn meant(form: Form<'_>, mode: PathNormalization) -> Option<String> {
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

    use super::super::{Never, Part};
    use super::PathNormalization::{Base, DecodeAndMergeSlashes, MergeSlashes, None as Raw};
    use super::*;

    const MODES: [PathNormalization; 4] = [Raw, Base, MergeSlashes, DecodeAndMergeSlashes];

    /// Of a value of a policy.
    fn of_path(value: &str, mode: PathNormalization) -> Option<Never> {
        Part::Path(mode).never(Form::of_policy_path(value)?)
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
        let instead = |source| Part::Path(Base).never(Form::Regex(source)).map(|it| it.instead);
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
