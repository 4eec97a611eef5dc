//! A text match, compiled.

use mesh_snapshot::object::StringMatch;

use crate::pattern::Pattern;
use crate::program::{Fault, Ledger};

#[derive(Clone, Debug)]
pub(crate) enum Text {
    Exact(Box<str>),
    Prefix(Box<str>),
    /// Whole segments; without a slash at the end.
    PathPrefix(Box<str>),
    Regex(Pattern),
}

impl Text {
    pub(crate) fn compile(text: &StringMatch, ledger: &Ledger) -> Result<Self, Fault> {
        Ok(match text {
            StringMatch::Exact(text) => Self::Exact(text.as_str().into()),
            StringMatch::Prefix(text) => Self::Prefix(text.as_str().into()),
            StringMatch::PathPrefix(text) => Self::PathPrefix(text.trim_end_matches('/').into()),
            StringMatch::Regex(source) => Self::Regex(ledger.pattern(source)?),
        })
    }

    pub(crate) fn matches(&self, text: &[u8]) -> bool {
        self.covered(text, false).is_some()
    }

    /// How many bytes of `text` the match covers, if it holds: for a prefix its own, else all. Expressions mind case
    /// even so: Istio's `ignoreUriCase` is for exact and prefix matches only.
    pub(crate) fn covered(&self, text: &[u8], ignore_case: bool) -> Option<usize> {
        match self {
            Self::Exact(exact) => same(text, exact, ignore_case).then_some(text.len()),
            Self::Prefix(prefix) => {
                let start = text.get(..prefix.len())?;
                same(start, prefix, ignore_case).then_some(prefix.len())
            }
            Self::PathPrefix(prefix) => {
                let (start, rest) = text.split_at_checked(prefix.len())?;
                let whole = rest.first().is_none_or(|&byte| byte == b'/');
                (whole && same(start, prefix, ignore_case)).then_some(prefix.len())
            }
            Self::Regex(pattern) => pattern.matches(text).then_some(text.len()),
        }
    }
}

fn same(text: &[u8], expected: &str, ignore_case: bool) -> bool {
    if ignore_case {
        text.eq_ignore_ascii_case(expected.as_bytes())
    } else {
        text == expected.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::object::StringMatch;

    use super::Text;
    use crate::program::Ledger;

    fn covered(text: &StringMatch, path: &str, ignore_case: bool) -> Option<usize> {
        Text::compile(text, &Ledger::unlimited()).unwrap().covered(path.as_bytes(), ignore_case)
    }

    fn prefix(text: &str) -> StringMatch {
        StringMatch::Prefix(text.to_owned())
    }

    fn segments(text: &str) -> StringMatch {
        StringMatch::PathPrefix(text.to_owned())
    }

    #[test]
    fn a_prefix_is_of_text_and_a_path_prefix_of_segments() {
        assert_eq!(covered(&prefix("/a"), "/ab", false), Some(2));
        assert_eq!(covered(&prefix("/a/"), "/a", false), None);
        assert_eq!(covered(&segments("/a"), "/ab", false), None);
        assert_eq!(covered(&segments("/a"), "/a/b", false), Some(2));
        assert_eq!(covered(&segments("/a"), "/a", false), Some(2));
        assert_eq!(covered(&segments("/a/"), "/a", false), Some(2));
        assert_eq!(covered(&segments(""), "/a", false), Some(0));
        assert_eq!(covered(&segments("/"), "/a", false), Some(0));
    }

    #[test]
    fn case_counts_unless_told_otherwise_and_always_for_expressions() {
        assert_eq!(covered(&prefix("/A"), "/ab", false), None);
        assert_eq!(covered(&prefix("/A"), "/ab", true), Some(2));
        assert_eq!(covered(&segments("/A"), "/a/b", true), Some(2));
        assert_eq!(covered(&StringMatch::Exact("/A".to_owned()), "/a", true), Some(2));
        assert_eq!(covered(&StringMatch::Regex("/A.*".to_owned()), "/ab", true), None);
        assert_eq!(covered(&StringMatch::Regex("/a.*".to_owned()), "/ab", true), Some(3));
    }
}
