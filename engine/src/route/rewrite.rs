//! The path that the upstream gets.

use mesh_snapshot::object::PathRewrite;

use crate::pattern::{GROUPS, Search};
use crate::program::{Fault, Ledger};

/// How a path is rewritten. The query is no part of it and stays.
#[derive(Clone, Debug)]
pub enum Rewrite {
    /// In place of the bytes that the match covered.
    Prefix(Box<str>),
    /// In place of the segments that the match covered, without doubling a slash.
    Segments(Box<str>),
    Full(Box<str>),
    Regex(Substitution),
}

/// Every match of an expression is replaced.
#[derive(Clone, Debug)]
pub struct Substitution {
    search: Box<Search>,
    parts: Box<[Piece]>,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(Box<str>),
    Group(usize),
}

impl Rewrite {
    pub(crate) fn compile(rewrite: &PathRewrite, ledger: &Ledger) -> Result<Self, Fault> {
        Ok(match rewrite {
            PathRewrite::Prefix(text) => Self::Prefix(text.as_str().into()),
            PathRewrite::PathPrefix(text) => Self::Segments(text.trim_end_matches('/').into()),
            PathRewrite::Full(text) => Self::Full(text.as_str().into()),
            PathRewrite::Regex { pattern, substitution } => {
                let substitution = Substitution::new(pattern, substitution)?;
                ledger.charge(substitution.search.memory_bytes())?;
                Self::Regex(substitution)
            }
        })
    }

    /// Appends what `path` becomes, after a match that covered its first `covered` bytes.
    pub fn write(&self, path: &str, covered: usize, out: &mut String) {
        match self {
            Self::Prefix(text) => write_prefix(text, path, covered, out),
            Self::Segments(text) => {
                write_segments(text, path.get(covered..).unwrap_or_default(), out);
            }
            Self::Full(text) => out.push_str(text),
            Self::Regex(substitution) => substitution.write(path, out),
        }
    }
}

/// A match without a word about the path is Istio's prefix `/`, and so covers a slash.
pub(super) fn write_prefix(text: &str, path: &str, covered: usize, out: &mut String) {
    out.push_str(text);
    out.push_str(path.get(covered.max(1)..).unwrap_or_default());
}

/// Source: Gateway API, `HTTPPathModifier.replacePrefixMatch`.
pub(super) fn write_segments(text: &str, rest: &str, out: &mut String) {
    out.push_str(text);
    // A path begins with a slash, and has one between what replaces and what stays.
    if !rest.starts_with('/') && (!rest.is_empty() || text.is_empty()) {
        out.push('/');
    }
    out.push_str(rest);
}

impl Substitution {
    /// Every match of `pattern` becomes `text`, in which `\1` is what the first group has matched.
    ///
    /// # Errors
    ///
    /// [`Fault::Pattern`]: RE2 would refuse the expression, or it is too large. [`Fault::Substitution`]: of `text`.
    pub fn new(pattern: &str, text: &str) -> Result<Self, Fault> {
        let search = Search::new(pattern)
            .map_err(|error| Fault::Pattern { text: pattern.to_owned(), error })?;
        let wrong = |reason| Fault::Substitution { text: text.to_owned(), reason };
        let parts = pieces(text).map_err(wrong)?;
        let groups = search.groups();
        if parts.iter().any(|part| matches!(part, Piece::Group(group) if *group >= groups)) {
            return Err(wrong("it names a group that the expression does not have"));
        }
        Ok(Self { search: Box::new(search), parts: parts.into() })
    }

    /// Source: RE2, `GlobalReplace`: no empty match right after another match.
    fn write(&self, path: &str, out: &mut String) {
        let mut at = 0;
        let mut last_end = None;
        while let Some(groups) = self.search.find(path, at) {
            let [Some((start, end)), ..] = groups else { break };
            out.push_str(path.get(at..start).unwrap_or_default());
            if start == end && last_end == Some(end) {
                let Some(next) = path.get(start..).and_then(|rest| rest.chars().next()) else {
                    break;
                };
                out.push(next);
                at = start + next.len_utf8();
                continue;
            }
            self.write_match(path, &groups, out);
            at = end;
            last_end = Some(end);
        }
        out.push_str(path.get(at..).unwrap_or_default());
    }

    fn write_match(&self, path: &str, groups: &[Option<(usize, usize)>; GROUPS], out: &mut String) {
        for part in &self.parts {
            match part {
                Piece::Text(text) => out.push_str(text),
                Piece::Group(group) => {
                    let found = groups.get(*group).copied().flatten();
                    out.push_str(
                        found.and_then(|(from, to)| path.get(from..to)).unwrap_or_default(),
                    );
                }
            }
        }
    }
}

/// `\0` to `\9` are groups, `\\` is a backslash. Source: RE2, `RE2::Rewrite`.
fn pieces(text: &str) -> Result<Vec<Piece>, &'static str> {
    let mut parts = Vec::new();
    let mut literal = String::new();
    let mut symbols = text.chars();
    while let Some(symbol) = symbols.next() {
        if symbol != '\\' {
            literal.push(symbol);
            continue;
        }
        match symbols.next() {
            Some('\\') => literal.push('\\'),
            Some(digit @ '0'..='9') => {
                parts.push(Piece::Text(std::mem::take(&mut literal).into()));
                parts.push(Piece::Group(digit.to_digit(10).unwrap_or_default() as usize));
            }
            _ => return Err("a backslash is followed by a digit or another backslash"),
        }
    }
    parts.push(Piece::Text(literal.into()));
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::object::PathRewrite;

    use super::Rewrite;
    use crate::program::{Fault, Ledger};

    fn written(rewrite: &PathRewrite, path: &str, covered: usize) -> String {
        let mut out = String::new();
        let rewrite = Rewrite::compile(rewrite, &Ledger::unlimited()).unwrap();
        rewrite.write(path, covered, &mut out);
        out
    }

    #[test]
    fn a_prefix_is_text() {
        let rewrite = || PathRewrite::Prefix("/".to_owned());
        assert_eq!(written(&rewrite(), "/a/b", 2), "//b");
        assert_eq!(written(&rewrite(), "/ab", 2), "/b");
        assert_eq!(written(&PathRewrite::Prefix("/new".to_owned()), "/x/y", 1), "/newx/y");
        assert_eq!(written(&PathRewrite::Prefix("/new".to_owned()), "/x/y", 0), "/newx/y");
    }

    #[test]
    fn segments_are_replaced_as_the_gateway_api_says() {
        for (path, covered, replacement, expected) in [
            ("/foo/bar", 4, "/xyz", "/xyz/bar"),
            ("/foo/bar", 4, "/xyz/", "/xyz/bar"),
            ("/foo", 4, "/xyz", "/xyz"),
            ("/foo/", 4, "/xyz", "/xyz/"),
            ("/foo/bar", 4, "", "/bar"),
            ("/foo/", 4, "", "/"),
            ("/foo", 4, "", "/"),
            ("/foo/", 4, "/", "/"),
            ("/foo", 4, "/", "/"),
            ("/foo", 0, "/xyz", "/xyz/foo"),
        ] {
            let rewrite = PathRewrite::PathPrefix(replacement.to_owned());
            assert_eq!(written(&rewrite, path, covered), expected, "{path} {replacement}");
        }
    }

    #[test]
    fn a_full_rewrite_replaces_all() {
        assert_eq!(written(&PathRewrite::Full("/x".to_owned()), "/a/b", 2), "/x");
    }

    fn regex(pattern: &str, substitution: &str) -> PathRewrite {
        let (pattern, substitution) = (pattern.to_owned(), substitution.to_owned());
        PathRewrite::Regex { pattern, substitution }
    }

    #[test]
    fn all_matches_of_an_expression_are_replaced() {
        assert_eq!(written(&regex("^/a/([^/]+)(/.*)?$", r"/b/\1\2"), "/a/x/y", 0), "/b/x/y");
        assert_eq!(written(&regex("^/a/([^/]+)(/.*)?$", r"/b/\1\2"), "/a/x", 0), "/b/x");
        assert_eq!(written(&regex("a", r"\\\0\0"), "/aba", 0), r"/\aab\aa");
        assert_eq!(written(&regex("z", "x"), "/aba", 0), "/aba");
        assert_eq!(written(&regex("b*", "-"), "abbc", 0), "-a-c-");
        assert_eq!(written(&regex("", "-"), "ab", 0), "-a-b-");
    }

    #[test]
    fn a_substitution_names_groups_that_exist() {
        let fault = |pattern, substitution| {
            Rewrite::compile(&regex(pattern, substitution), &Ledger::unlimited()).unwrap_err()
        };
        assert!(matches!(fault("(a)", r"\2"), Fault::Substitution { .. }));
        assert!(matches!(fault("a", r"\x"), Fault::Substitution { .. }));
        assert!(matches!(fault("a", "\\"), Fault::Substitution { .. }));
        assert!(matches!(fault("(", ""), Fault::Pattern { .. }));
    }
}
