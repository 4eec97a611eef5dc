//! Bracket classes. RE2 knows neither nesting nor set operations: `&&`, `--`, `~~` and `[` are characters there.
//!
//! So a class is read by RE2's rules and written anew, character by character.

use std::fmt::Write as _;

use super::PatternError;
use super::re2::{Escape, Scanner, read_escape};

const NOT_CLOSED: &str = "a class lacks its `]`";

/// Reads what follows `[`.
pub(super) fn translate(scanner: &mut Scanner<'_>, out: &mut String) -> Result<(), PatternError> {
    out.push('[');
    if scanner.take("^") {
        out.push('^');
    }
    let mut first = true;
    while first || !scanner.take("]") {
        item(scanner, out)?;
        first = false;
    }
    out.push(']');
    Ok(())
}

/// One character, range, or class within the class.
fn item(scanner: &mut Scanner<'_>, out: &mut String) -> Result<(), PatternError> {
    if scanner.rest().starts_with("[:") && scanner.rest().contains(":]") {
        return posix(scanner, out);
    }
    let first = match character(scanner)? {
        Escape::Character(symbol) => symbol,
        Escape::Class(members, negated) => {
            let (open, close) = if negated { ("[^", "]") } else { ("", "") };
            let _ = write!(out, "{open}{members}{close}");
            return Ok(());
        }
        Escape::Unicode(class) => {
            out.push_str(&class);
            return Ok(());
        }
        Escape::Other(_) => return scanner.refuse("this escape has no meaning in a class"),
    };
    let last = range_end(scanner)?.unwrap_or(first);
    if last < first {
        return scanner.refuse("a range ends before it begins");
    }
    let _ = write!(out, "\\x{{{:X}}}-\\x{{{:X}}}", u32::from(first), u32::from(last));
    Ok(())
}

/// The end of a range, where the next character begins one: a `-` at the end of a class is a `-`.
fn range_end(scanner: &mut Scanner<'_>) -> Result<Option<char>, PatternError> {
    if scanner.rest().starts_with("-]") || !scanner.take("-") {
        return Ok(None);
    }
    match character(scanner)? {
        Escape::Character(symbol) => Ok(Some(symbol)),
        _ => scanner.refuse("a range ends in what is no character"),
    }
}

fn character(scanner: &mut Scanner<'_>) -> Result<Escape, PatternError> {
    match scanner.next() {
        None => scanner.refuse(NOT_CLOSED),
        Some('\\') => read_escape(scanner),
        Some(symbol) => Ok(Escape::Character(symbol)),
    }
}

/// `[:alpha:]`, `[:^alpha:]`.
fn posix(scanner: &mut Scanner<'_>, out: &mut String) -> Result<(), PatternError> {
    const NAMES: &[&str] = &[
        "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
        "space", "upper", "word", "xdigit",
    ];
    scanner.take("[:");
    let name = scanner.take_until(":]").unwrap_or_default();
    if !NAMES.contains(&name.trim_start_matches('^')) {
        return scanner.refuse("RE2 knows no class of this name");
    }
    let _ = write!(out, "[:{name}:]");
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::pattern::Pattern;

    fn matches(source: &str, text: &str) -> bool {
        Pattern::new(source)
            .unwrap_or_else(|error| panic!("{source}: {error}"))
            .matches(text.as_bytes())
    }

    #[test]
    fn set_operators_and_brackets_are_characters() {
        for text in ["&", "a", "z"] {
            assert!(matches("[a&&z]", text), "{text}");
        }
        for text in ["-", "a", "z", "~", "[", "&"] {
            assert!(matches("[[a~~z&&-]", text), "{text}");
        }
        assert!(matches("[+--]", ","));
        assert!(!matches("[a&&z]", "b"));
        assert!(matches("[[]", "["));
        assert!(matches("[a[:b]", ":"));
    }

    #[test]
    fn a_bracket_or_dash_at_the_edge_is_itself() {
        assert!(matches("[]a]", "]"));
        assert!(matches("[^]a]", "b"));
        assert!(!matches("[^]a]", "]"));
        assert!(matches("[-a]", "-"));
        assert!(matches("[a-]", "-"));
        assert!(matches("[a-c-e]", "-"));
        assert!(!matches("[a-c-e]", "d"));
        assert!(matches("[a^]", "^"));
    }

    #[test]
    fn classes_within_a_class() {
        assert!(matches(r"[\d_]+", "1_2"));
        assert!(matches(r"[\D]", "x"));
        assert!(!matches(r"[^\W]", "-"));
        assert!(matches(r"[[:alpha:][:^ascii:]]+", "aé"));
        assert!(matches(r"[\pL\-\]]+", "é-]"));
        assert!(matches(r"[\x41-\x{43}]", "B"));
        assert!(matches("[^a]", "\n"));
        assert!(matches("(?i)[a-c]", "B"));
    }

    #[test]
    fn what_is_no_class_is_refused() {
        for (source, reason) in [
            ("[a", "lacks its"),
            ("[]", "lacks its"),
            ("[^", "lacks its"),
            ("[z-a]", "before it begins"),
            (r"[a-\d]", "no character"),
            ("[[:nope:]]", "no class of this name"),
            (r"[\b]", "no meaning in a class"),
            (r"[\Qa\E]", "no meaning in a class"),
        ] {
            let error = Pattern::new(source).unwrap_err().to_string();
            assert!(error.contains(reason), "{source}: {error}");
        }
    }
}
