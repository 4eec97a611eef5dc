//! Whether a text is an expression of CEL. What its names mean is not asked.
//! Source: the Common Expression Language, "Language Definition", Syntax.

use super::checks::INVALID_CEL;
use crate::diagnostic::{At, Diagnostic};

/// Expressions that are nested deeper are refused: nobody writes them.
const DEPTH_MAX: usize = 64;

/// Says so unless the text is an expression.
pub(super) fn check(expression: &str, at: &At<'_>, out: &mut Vec<Diagnostic>) {
    if let Err(fault) = parse(expression) {
        let end = (fault.at + 1).min(expression.len());
        let is_token = fault.at < end
            && expression.is_char_boundary(fault.at)
            && expression.is_char_boundary(end);
        let place = if is_token { at.within(fault.at..end) } else { at.value() };
        let found = Diagnostic::new(&INVALID_CEL, place, "this is no expression of CEL");
        out.push(found.label(fault.reason));
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Fault {
    /// The byte at which it was noticed.
    at: usize,
    reason: &'static str,
}

fn parse(text: &str) -> Result<(), Fault> {
    let mut parser = Parser { text, at: 0, depth: 0 };
    parser.expression()?;
    parser.blank();
    if parser.at < text.len() { parser.fail("nothing can stand here") } else { Ok(()) }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

/// From what binds least to what binds most; relations may follow each other.
const BINARY: &[&[&str]] =
    &[&["||"], &["&&"], &["<=", ">=", "==", "!=", "<", ">", "in"], &["+", "-"], &["*", "/", "%"]];

impl Parser<'_> {
    fn fail<T>(&self, reason: &'static str) -> Result<T, Fault> {
        Err(Fault { at: self.at, reason })
    }

    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// Spaces, and comments to the end of their line.
    fn blank(&mut self) {
        loop {
            let rest = self.rest();
            let trimmed = rest.trim_start_matches([' ', '\t', '\n', '\r', '\u{c}']);
            let comment = if trimmed.starts_with("//") {
                trimmed.find('\n').unwrap_or(trimmed.len())
            } else {
                0
            };
            let skipped = rest.len() - trimmed.len() + comment;
            if skipped == 0 {
                return;
            }
            self.at += skipped;
        }
    }

    /// Takes a token if it is next. A word ends where a name ends.
    fn take(&mut self, token: &str) -> bool {
        self.blank();
        let Some(after) = self.rest().strip_prefix(token) else { return false };
        let is_word = token.ends_with(|c: char| c.is_ascii_alphanumeric());
        if is_word && after.starts_with(is_name) {
            return false;
        }
        self.at += token.len();
        true
    }

    fn expect(&mut self, token: &str, reason: &'static str) -> Result<(), Fault> {
        if self.take(token) { Ok(()) } else { self.fail(reason) }
    }

    /// `condition ? a : b`
    fn expression(&mut self) -> Result<(), Fault> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return self.fail("nested too deeply");
        }
        self.binary(BINARY)?;
        if self.take("?") {
            self.binary(BINARY)?;
            self.expect(":", "needs `:` and what holds otherwise")?;
            self.expression()?;
        }
        self.depth -= 1;
        Ok(())
    }

    fn binary(&mut self, levels: &[&[&str]]) -> Result<(), Fault> {
        let Some((operators, tighter)) = levels.split_first() else { return self.unary() };
        self.binary(tighter)?;
        while operators.iter().any(|operator| self.take(operator)) {
            self.binary(tighter)?;
        }
        Ok(())
    }

    fn unary(&mut self) -> Result<(), Fault> {
        if self.take("!") {
            while self.take("!") {}
        } else {
            while self.take("-") {}
        }
        self.primary()?;
        self.members()
    }

    /// `.name`, `.call(…)`, `[index]`, `Type{field: value}`
    fn members(&mut self) -> Result<(), Fault> {
        loop {
            if self.take(".") {
                self.take("?");
                self.blank();
                if !self.name() {
                    return self.fail("needs the name of a field");
                }
                if self.take("(") {
                    self.list(")", "needs `)`")?;
                }
            } else if self.take("[") {
                self.take("?");
                self.expression()?;
                self.expect("]", "needs `]`")?;
            } else if self.take("{") {
                self.entries()?;
            } else {
                return Ok(());
            }
        }
    }

    fn primary(&mut self) -> Result<(), Fault> {
        self.blank();
        if self.take("(") {
            self.expression()?;
            return self.expect(")", "needs `)`");
        }
        if self.take("[") {
            return self.list("]", "needs `]`");
        }
        if self.take("{") {
            return self.entries();
        }
        if self.string()? || self.number() {
            return Ok(());
        }
        self.take(".");
        self.blank();
        if !self.name() {
            return self.fail("needs a value");
        }
        if self.take("(") {
            return self.list(")", "needs `)`");
        }
        Ok(())
    }

    /// The elements of a list or of a call, and what ends it. A list may end with a comma.
    fn list(&mut self, end: &str, reason: &'static str) -> Result<(), Fault> {
        loop {
            if self.take(end) {
                return Ok(());
            }
            self.take("?");
            self.expression()?;
            if !self.take(",") {
                return self.expect(end, reason);
            }
        }
    }

    /// `key: value` of a map or a message, to its end.
    fn entries(&mut self) -> Result<(), Fault> {
        loop {
            if self.take("}") {
                return Ok(());
            }
            self.take("?");
            self.expression()?;
            self.expect(":", "needs `:` and a value")?;
            self.expression()?;
            if !self.take(",") {
                return self.expect("}", "needs `}`");
            }
        }
    }

    fn name(&mut self) -> bool {
        let rest = self.rest();
        if !rest.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
            return false;
        }
        let length = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
        // `in` is an operator, and no name.
        if rest.get(..length) == Some("in") {
            return false;
        }
        self.at += length;
        true
    }

    /// `1`, `1u`, `0xff`, `1.5e-3`, `.5`
    fn number(&mut self) -> bool {
        let rest = self.rest();
        let after_dot = rest.strip_prefix('.').unwrap_or(rest);
        if !after_dot.starts_with(|c: char| c.is_ascii_digit()) {
            return false;
        }
        let mut length = 0;
        let bytes = rest.as_bytes();
        while let Some(byte) = bytes.get(length) {
            let before = length.checked_sub(1).and_then(|at| bytes.get(at));
            let is_hex = rest.starts_with("0x");
            let is_sign = b"+-".contains(byte) && !is_hex && matches!(before, Some(b'e' | b'E'));
            let is_fraction =
                *byte == b'.' && bytes.get(length + 1).is_some_and(u8::is_ascii_digit);
            if !(byte.is_ascii_alphanumeric() || is_sign || is_fraction) {
                break;
            }
            length += 1;
        }
        self.at += length;
        true
    }

    /// In single, double or three quotes; with `r` and `b` in front.
    fn string(&mut self) -> Result<bool, Fault> {
        let rest = self.rest();
        let unprefixed = rest.trim_start_matches(['r', 'R', 'b', 'B']);
        let prefix = rest.len() - unprefixed.len();
        let quote =
            ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quote| unprefixed.starts_with(quote));
        let Some(quote) = quote.filter(|_| prefix <= 2) else { return Ok(false) };
        let is_raw = rest.get(..prefix).is_some_and(|prefix| prefix.contains(['r', 'R']));
        let mut at = prefix + quote.len();
        loop {
            let Some(rest) = rest.get(at..).filter(|rest| !rest.is_empty()) else {
                return self.fail("the text does not end");
            };
            if rest.starts_with(quote) {
                self.at += at + quote.len();
                return Ok(true);
            }
            let mut characters = rest.chars();
            let first = characters.next().unwrap_or_default();
            let escaped = if first == '\\' && !is_raw { characters.next() } else { None };
            at += first.len_utf8() + escaped.map_or(0, char::len_utf8);
        }
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn expressions_are_told_from_other_texts() {
        for text in [
            "response.code >= 400",
            "connection.mtls && request.url_path.contains('v1beta3')",
            "response.code",
            "!has(request.headers['x-a']) || -1 + 2u * 0xff % 3 < 1.5e-3",
            "a ? b : c ? d : e",
            "[1, 2,] == {'a': 1, \"b\": r'\\'}.list",
            "x in ['a'] && inside // a comment",
            "google.protobuf.Duration{seconds: 5} != .a.b",
            "'''a'b''' + b\"\\\"\"",
            "!!a && --b == c",
        ] {
            assert_eq!(parse(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn faults_have_a_place() {
        for (text, at) in [
            (")++++", 0),
            ("", 0),
            ("a ==", 4),
            ("a b", 2),
            ("a.(b)", 2),
            ("f(a", 3),
            ("'a", 0),
            ("a ? b", 5),
            ("{a}", 2),
            ("in", 0),
        ] {
            assert_eq!(parse(text).unwrap_err().at, at, "{text}");
        }
        assert!(parse(&"(".repeat(100_000)).is_err());
    }
}
