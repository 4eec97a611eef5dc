//! Sets of texts that a policy accepts: exact ones by hash, the few others one by one.

use std::collections::HashSet;

use mesh_snapshot::object::TextPattern;

use crate::host::{Folded, ends_with, starts_with};
use crate::pattern::Pattern;
use crate::program::{Fault, Ledger};

/// Texts whose case counts.
#[derive(Clone, Debug, Default)]
pub(super) struct TextSet {
    /// Any text that is not empty.
    present: bool,
    exact: HashSet<Box<[u8]>>,
    prefixes: Vec<Box<str>>,
    suffixes: Vec<Box<str>>,
    patterns: Vec<Pattern>,
}

impl TextSet {
    pub(super) fn compile<'a>(
        patterns: impl IntoIterator<Item = &'a TextPattern>,
        ledger: &Ledger,
    ) -> Result<Self, Fault> {
        let mut set = Self::default();
        for pattern in patterns {
            match pattern {
                TextPattern::Present => set.present = true,
                TextPattern::Exact(text) => {
                    ledger.charge(2 * text.len() + 32)?;
                    set.exact.insert(text.as_bytes().into());
                }
                TextPattern::Prefix(text) => set.prefixes.push(text.as_str().into()),
                TextPattern::Suffix(text) => set.suffixes.push(text.as_str().into()),
                TextPattern::Template(text) => set.patterns.push(ledger.template(text)?),
                TextPattern::Glob(text) => set.patterns.push(ledger.pattern(&glob(text))?),
            }
        }
        Ok(set)
    }

    /// Whether it accepts any text, as long as it is not empty.
    pub(super) fn accepts_any(&self) -> bool {
        self.present
    }

    pub(super) fn accepts(&self, text: &[u8]) -> bool {
        (self.present && !text.is_empty())
            || (!self.exact.is_empty() && self.exact.contains(text))
            || self.prefixes.iter().any(|prefix| text.starts_with(prefix.as_bytes()))
            || self.suffixes.iter().any(|suffix| text.ends_with(suffix.as_bytes()))
            || self.patterns.iter().any(|pattern| pattern.matches(text))
    }
}

/// The expression for a text in which each `*` is any run of characters.
fn glob(text: &str) -> String {
    let mut expression = String::with_capacity(2 * text.len());
    for character in text.chars() {
        match character {
            '*' => expression.push_str(".*"),
            '\\' | '.' | '+' | '?' | '(' | ')' | '[' | ']' | '{' | '}' | '|' | '^' | '$' => {
                expression.extend(['\\', character]);
            }
            _ => expression.push(character),
        }
    }
    expression
}

/// Hosts, whose case does not count. A port does, and so does a dot at the end: what a client sends is compared as it
/// is.
#[derive(Clone, Debug, Default)]
pub(super) struct HostSet {
    present: bool,
    exact: Folded<()>,
    prefixes: Vec<Box<str>>,
    suffixes: Vec<Box<str>>,
}

impl HostSet {
    pub(super) fn compile(patterns: &[TextPattern]) -> Result<Self, Fault> {
        let mut set = Self::default();
        for pattern in patterns {
            match pattern {
                TextPattern::Present => set.present = true,
                TextPattern::Exact(text) => {
                    set.exact.insert(text, ());
                }
                TextPattern::Prefix(text) => set.prefixes.push(text.as_str().into()),
                TextPattern::Suffix(text) => set.suffixes.push(text.as_str().into()),
                TextPattern::Template(_) | TextPattern::Glob(_) => {
                    let subject = "Host".to_owned();
                    return Err(Fault::Mismatch { subject, accepts: "such a pattern" });
                }
            }
        }
        Ok(set)
    }

    pub(super) fn accepts(&self, host: &str) -> bool {
        (self.present && !host.is_empty())
            || self.exact.get(host.as_bytes()).is_some()
            || self.prefixes.iter().any(|prefix| starts_with(host, prefix))
            || self.suffixes.iter().any(|suffix| ends_with(host, suffix))
    }
}

#[cfg(test)]
mod tests {
    use mesh_snapshot::object::TextPattern::{Exact, Glob, Prefix, Present, Suffix, Template};

    use super::{HostSet, TextPattern, TextSet};
    use crate::program::Ledger;

    fn set(patterns: &[TextPattern]) -> TextSet {
        TextSet::compile(patterns, &Ledger::unlimited()).unwrap()
    }

    #[test]
    fn any_pattern_may_accept() {
        let all = set(&[
            Exact("a".to_owned()),
            Prefix("b-".to_owned()),
            Suffix("-c".to_owned()),
            Template("/t/{*}".to_owned()),
            Glob("g*o*l".to_owned()),
            Glob("x.*-y".to_owned()),
            Glob("<*>".to_owned()),
            Glob("[({*+?|^$\\".to_owned()),
        ]);
        for text in [
            "a",
            "b-",
            "b-x",
            "-c",
            "x-c",
            "/t/1",
            "gol",
            "goal",
            "gxol",
            "goolool",
            "x.1-y",
            "<a>",
            "[({a+?|^$\\",
        ] {
            assert!(all.accepts(text.as_bytes()), "{text}");
        }
        for text in ["", "A", "ab", "B-x", "/t/", "x-c ", "gl", "go", "ol", "gol ", "xa-y"] {
            assert!(!all.accepts(text.as_bytes()), "{text}");
        }
        assert!(set(&[Present]).accepts(b"x"));
        assert!(!set(&[Present]).accepts(b""));
        assert!(set(&[Exact(String::new())]).accepts(b""));
    }

    #[test]
    fn hosts_ignore_case_and_nothing_else() {
        let hosts = [
            Exact("Shop.example.com".to_owned()),
            Suffix(".wild.test".to_owned()),
            Prefix("pre.".to_owned()),
        ];
        let set = HostSet::compile(&hosts).unwrap();
        for host in ["shop.EXAMPLE.com", "a.WILD.test", ".wild.test", "PRE.x"] {
            assert!(set.accepts(host), "{host}");
        }
        for host in ["shop.example.com:80", "shop.example.com.", "wild.test", "a.wild.test:80", ""]
        {
            assert!(!set.accepts(host), "{host}");
        }
    }
}
