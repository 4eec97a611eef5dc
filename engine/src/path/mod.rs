//! The one normal form of a path.
//!
//! It is computed once, before policy and before routes, so that both judge what the upstream will get. It is
//! idempotent: the next proxy finds nothing to change. Istio's modes; within them, what Envoy 1.40 does, byte by
//! byte, but for one thing: `..;x` is a parent directory in each of its spellings, as some servers read it.

mod canonical;

use std::borrow::Cow;

use mesh_snapshot::object::PathNormalization;

/// Why a path has no normal form. Answer 400.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum NormalizeError {
    #[error("the path does not begin with a slash")]
    NotAbsolute,
    /// White space, a control character, or anything outside ASCII, unescaped.
    #[error("the path holds a character that must be escaped")]
    BadCharacter,
    /// `%00`: text ends there for some servers.
    #[error("the path holds an escaped NUL")]
    Nul,
}

/// The normal form of `raw`, a path without query ([`crate::request::split_target`]). Borrowed when it is in that
/// form already.
///
/// # Errors
///
/// When an honest client cannot have sent it.
pub fn normalize_path(raw: &str, mode: PathNormalization) -> Result<Cow<'_, str>, NormalizeError> {
    if !raw.starts_with('/') {
        return Err(NormalizeError::NotAbsolute);
    }
    if !raw.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(NormalizeError::BadCharacter);
    }
    if mode == PathNormalization::None || !needs_work(raw, mode) {
        return Ok(Cow::Borrowed(raw));
    }
    let mut path = canonical::form(unescape_slashes(raw, mode).as_bytes())?;
    if matches!(mode, PathNormalization::MergeSlashes | PathNormalization::DecodeAndMergeSlashes) {
        merge_slashes(&mut path);
    }
    Ok(if path == raw { Cow::Borrowed(raw) } else { Cow::Owned(path) })
}

/// Whether anything could change. Most paths of most requests leave here.
fn needs_work(path: &str, mode: PathNormalization) -> bool {
    let rewritten =
        |byte| matches!(byte, b'%' | b'\\' | b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}');
    path.bytes().any(rewritten)
        || path.contains("/.")
        || (mode != PathNormalization::Base && path.contains("//"))
}

fn unescape_slashes(path: &str, mode: PathNormalization) -> Cow<'_, str> {
    if mode != PathNormalization::DecodeAndMergeSlashes || !path.contains('%') {
        return Cow::Borrowed(path);
    }
    let mut decoded = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        decoded.push_str(before);
        let (slash, tail) = match after.split_at_checked(2) {
            Some(("2f" | "2F", tail)) => ('/', tail),
            Some(("5c" | "5C", tail)) => ('\\', tail),
            _ => ('%', after),
        };
        decoded.push(slash);
        rest = tail;
    }
    decoded.push_str(rest);
    Cow::Owned(decoded)
}

/// Joins the segments that are not empty; a first and a last slash stay. So a path of nothing but slashes
/// keeps two, as in Envoy.
fn merge_slashes(path: &mut String) {
    if !path.contains("//") {
        return;
    }
    let mut merged = String::with_capacity(path.len());
    for segment in path.split('/').filter(|segment| !segment.is_empty()) {
        merged.push('/');
        merged.push_str(segment);
    }
    if merged.is_empty() {
        merged.push('/');
    }
    if path.ends_with('/') {
        merged.push('/');
    }
    *path = merged;
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use proptest::prelude::*;

    use super::PathNormalization::{Base, DecodeAndMergeSlashes, MergeSlashes, None};
    use super::{NormalizeError, PathNormalization, normalize_path};

    const MODES: [PathNormalization; 4] = [None, Base, MergeSlashes, DecodeAndMergeSlashes];

    /// What a path becomes in each of [`MODES`].
    fn forms(raw: &str) -> [String; 4] {
        MODES.map(|mode| normalize_path(raw, mode).unwrap().into_owned())
    }

    #[test]
    fn each_mode_does_more_than_the_one_before() {
        for (raw, expected) in [
            ("/shop/", ["/shop/"; 4]),
            ("/a//b", ["/a//b", "/a//b", "/a/b", "/a/b"]),
            ("/a/./b/../c", ["/a/./b/../c", "/a/c", "/a/c", "/a/c"]),
            ("/a\\..\\b", ["/a\\..\\b", "/b", "/b", "/b"]),
            ("/a%2Fb%5cc", ["/a%2Fb%5cc", "/a%2Fb%5cc", "/a%2Fb%5cc", "/a/b/c"]),
            ("/a/%2e%2e%2fb", ["/a/%2e%2e%2fb", "/a/..%2fb", "/a/..%2fb", "/b"]),
            ("/a//../../b", ["/a//../../b", "/b", "/b", "/b"]),
            ("//", ["//"; 4]),
            ("///", ["///", "///", "//", "//"]),
            ("/a//", ["/a//", "/a//", "/a/", "/a/"]),
        ] {
            assert_eq!(forms(raw), expected, "{raw}");
        }
    }

    #[test]
    fn dot_segments_go_in_every_spelling() {
        for (raw, expected) in [
            ("/..", "/"),
            ("/.", "/"),
            ("/a/.", "/a/"),
            ("/a/b/..", "/a/"),
            ("/a/.%2E/b", "/b"),
            ("/%2e", "/"),
            ("/a/..;/b", "/b"),
            ("/a/..;x=1/b", "/b"),
            ("/a/%2e%2e;/b", "/b"),
            ("/a/.;/b", "/a/b"),
            ("/x/a/..;", "/x/"),
            ("//../a", "/a"),
        ] {
            assert_eq!(normalize_path(raw, Base).unwrap(), expected, "{raw}");
        }
        for raw in ["/a/...", "/.a", "/a.", "/a/..b/", "/..a;/b", "/a;b/c", "/;/x"] {
            assert_eq!(normalize_path(raw, Base).unwrap(), raw);
        }
    }

    #[test]
    fn unreserved_characters_lose_their_escapes_and_delimiters_gain_one() {
        for (raw, expected) in [
            ("/%61%5F%7e%2D", "/a_~-"),
            ("/%21%3b%c3%A9%2F", "/%21%3b%c3%A9%2F"),
            ("/\"<>^`{|}", "/%22%3C%3E%5E%60%7B%7C%7D"),
            ("/%zz%", "/%zz%"),
            ("/%c0%2e%c0%2e/x", "/%c0.%c0./x"),
            ("/0x2e0x2e/x", "/0x2e0x2e/x"),
        ] {
            assert_eq!(normalize_path(raw, Base).unwrap(), expected, "{raw}");
        }
    }

    #[test]
    fn an_escape_that_unescaping_would_make_is_kept_apart() {
        for (raw, expected) in [
            ("/%%36%31", "/%2561"),
            ("/%2%46", "/%252F"),
            ("/%25%32%46", "/%252F"),
            ("/%%34%31%", "/%2541%"),
            ("/%%3%34", "/%%2534"),
            ("/%252F", "/%252F"),
        ] {
            assert_eq!(normalize_path(raw, DecodeAndMergeSlashes).unwrap(), expected, "{raw}");
        }
    }

    #[test]
    fn what_no_honest_client_sends_is_refused() {
        for mode in MODES {
            assert_eq!(normalize_path("a", mode), Err(NormalizeError::NotAbsolute));
            assert_eq!(normalize_path("", mode), Err(NormalizeError::NotAbsolute));
            assert_eq!(normalize_path("*", mode), Err(NormalizeError::NotAbsolute));
            for raw in ["/a b", "/\u{1}", "/é", "/\u{7f}"] {
                assert_eq!(normalize_path(raw, mode), Err(NormalizeError::BadCharacter));
            }
        }
        assert_eq!(normalize_path("/a%00", Base), Err(NormalizeError::Nul));
        assert_eq!(normalize_path("/a%00", None).unwrap(), "/a%00");
        assert_eq!(normalize_path("/a%0", Base).unwrap(), "/a%0");
    }

    #[test]
    fn a_path_in_normal_form_is_not_copied() {
        for raw in ["/", "/shop/cart", "/a%2Fb", "/a%20b"] {
            assert!(matches!(normalize_path(raw, MergeSlashes), Ok(Cow::Borrowed(_))), "{raw}");
        }
    }

    proptest! {
        #[test]
        fn once_is_enough(raw in "/[a./\\\\;%0-9A-Fa-f{]{0,12}", mode in prop::sample::select(&MODES)) {
            if let Ok(once) = normalize_path(&raw, mode) {
                let twice = normalize_path(&once, mode);
                prop_assert!(matches!(&twice, Ok(Cow::Borrowed(_))), "{once} → {twice:?}");
            }
        }

        #[test]
        fn nothing_climbs_out(raw in "/[a./\\\\;%2eE5cC]{0,14}") {
            if let Ok(path) = normalize_path(&raw, DecodeAndMergeSlashes) {
                prop_assert!(path.starts_with('/'));
                prop_assert!(!path.contains('\\'), "{path}");
                prop_assert!(!path.split('/').any(|segment| matches!(segment, "." | "..")), "{path}");
            }
        }
    }
}
