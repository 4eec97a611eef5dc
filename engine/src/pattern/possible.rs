//! Whether an expression takes any text of an alphabet at all, by its words alone: it costs no more than to read it.

use regex_syntax::hir::{Class, Hir, HirKind};

/// The bytes that texts are made of, and the one that each begins with, where there is such a one.
#[derive(Clone, Copy, Debug)]
pub struct Alphabet {
    pub has: fn(u8) -> bool,
    pub first: Option<u8>,
}

impl Alphabet {
    /// Whether `hir` may take a text. No only where that is sure.
    pub(super) fn may_be_taken(&self, hir: &Hir) -> bool {
        self.has_any(hir) && self.first.is_none_or(|first| self.start(hir, first).0)
    }

    fn has_all(&self, bytes: &[u8]) -> bool {
        bytes.iter().all(|byte| (self.has)(*byte))
    }

    fn has_any(&self, hir: &Hir) -> bool {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => true,
            HirKind::Literal(literal) => self.has_all(&literal.0),
            HirKind::Class(class) => holds(class, self.has),
            HirKind::Repetition(it) => it.min == 0 || self.has_any(&it.sub),
            HirKind::Capture(it) => self.has_any(&it.sub),
            HirKind::Concat(parts) => parts.iter().all(|part| self.has_any(part)),
            HirKind::Alternation(parts) => parts.iter().any(|part| self.has_any(part)),
        }
    }

    /// Whether what `hir` takes may begin with `first`, and whether it may be empty.
    fn start(&self, hir: &Hir, first: u8) -> (bool, bool) {
        match hir.kind() {
            HirKind::Empty | HirKind::Look(_) => (false, true),
            HirKind::Literal(literal) => (literal.0.first() == Some(&first), false),
            HirKind::Class(Class::Bytes(it)) => {
                (it.iter().any(|it| (it.start()..=it.end()).contains(&first)), false)
            }
            HirKind::Class(Class::Unicode(it)) => {
                let first = char::from(first);
                (it.iter().any(|it| (it.start()..=it.end()).contains(&first)), false)
            }
            HirKind::Repetition(it) => {
                let (may, is_empty) = self.start(&it.sub, first);
                (may && it.max != Some(0), is_empty || it.min == 0)
            }
            HirKind::Capture(it) => self.start(&it.sub, first),
            HirKind::Concat(parts) => {
                for part in parts {
                    match self.start(part, first) {
                        (true, _) => return (true, false),
                        (false, false) => return (false, false),
                        (false, true) => {}
                    }
                }
                (false, true)
            }
            HirKind::Alternation(parts) => {
                let alive = parts.iter().filter(|part| self.has_any(part));
                alive
                    .map(|part| self.start(part, first))
                    .fold((false, false), |all, one| (all.0 || one.0, all.1 || one.1))
            }
        }
    }
}

/// Whether a class holds a character that is written in bytes of the alphabet; of those beyond ASCII the first byte is looked for.
fn holds(class: &Class, has: fn(u8) -> bool) -> bool {
    match class {
        Class::Bytes(it) => it.iter().any(|it| (it.start()..=it.end()).any(has)),
        Class::Unicode(it) => it.iter().any(|it| {
            let ascii = |end: char| u8::try_from(end).unwrap_or(0x80).min(0x80);
            let plain = ascii(it.start())..=ascii(it.end());
            plain
                .into_iter()
                .any(|byte| if byte < 0x80 { has(byte) } else { (0x80..=0xff).any(has) })
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Alphabet;
    use crate::pattern::Pattern;

    const PATHS: Alphabet =
        Alphabet { has: |byte| byte.is_ascii_graphic() && byte != b'?', first: Some(b'/') };

    fn may_match(source: &str) -> bool {
        Pattern::may_match(source, &PATHS).unwrap()
    }

    #[test]
    fn some_expressions_take_no_path() {
        for source in [
            "api/.*",
            "",
            "a|b",
            "/a b",
            "/é",
            "/a\\?b",
            "^api",
            "(a|b)?c/",
            "[a-z]+/",
            "/[\\s]",
            "x*y?",
            "(/é|a).*",
            "\\d/",
        ] {
            assert!(!may_match(source), "{source}");
        }
        for source in [
            "/api/.*", ".*", "(a|/b)", "a?/b", "[^/]*/b", "/a(b c)?", "\\S+", "(?i)/A", "/a[ b]",
            "x*y?/", "/(é|b)", ".", "//?",
        ] {
            assert!(may_match(source), "{source}");
        }
    }

    proptest! {
        /// Whatever is matched may be.
        #[test]
        fn what_is_matched_may_be(source in "[/ab?(|).*+é \\[\\]^$]{0,8}", text in "/[/ab]{0,4}") {
            if let Ok(pattern) = Pattern::new(&source) && pattern.matches(text.as_bytes()) {
                prop_assert!(may_match(&source), "{source} {text}");
            }
        }
    }
}
