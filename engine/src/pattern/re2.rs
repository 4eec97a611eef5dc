//! RE2's language in the words of `regex-syntax`, which differ where they look alike.
//!
//! `\d`, `\w`, `\s` and `\b` are ASCII; `\Q…\E` quotes; `x{,3}` is literal; a count is at most 1,000; a repetition
//! cannot be repeated. What RE2 does not know (`(?x)`, look-around, back references) is refused, and so is
//! `\<`, which means a word's start to one and a character to the other.
//! Source: RE2, `syntax.txt` and `parse.cc`.

use std::fmt::Write as _;

use super::PatternError;
use super::class;

/// The largest count of a repetition. Source: RE2, `kMaxRepeat`.
const COUNT_MAX: u32 = 1000;

pub(super) fn translate(source: &str) -> Result<String, PatternError> {
    let mut scanner = Scanner { source, at: 0 };
    let mut out = String::with_capacity(source.len() * 2);
    let mut last = Last::Nothing;
    while let Some(symbol) = scanner.next() {
        last = match symbol {
            '\\' => escape(&mut scanner, &mut out)?,
            '[' => {
                class::translate(&mut scanner, &mut out)?;
                Last::Item
            }
            '(' => {
                group(&mut scanner, &mut out)?;
                Last::Nothing
            }
            '|' => {
                out.push('|');
                Last::Nothing
            }
            '*' | '+' | '?' => repetition(&mut scanner, &mut out, last, &symbol.to_string())?,
            '{' => counted(&mut scanner, &mut out, last)?,
            '}' | ']' => {
                out.push('\\');
                out.push(symbol);
                Last::Item
            }
            _ => {
                out.push(symbol);
                Last::Item
            }
        };
    }
    Ok(out)
}

/// What stands before a repetition.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Last {
    Nothing,
    Item,
    Repetition,
}

/// A place in an expression.
pub(super) struct Scanner<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn rest(&self) -> &'a str {
        self.source.get(self.at..).unwrap_or_default()
    }

    pub(super) fn next(&mut self) -> Option<char> {
        let symbol = self.rest().chars().next()?;
        self.at += symbol.len_utf8();
        Some(symbol)
    }

    /// Whether `text` was next, and is now behind.
    pub(super) fn take(&mut self, text: &str) -> bool {
        let found = self.rest().starts_with(text);
        self.at += if found { text.len() } else { 0 };
        found
    }

    /// What stands before `end`, which is next, or anywhere later; both are then behind.
    pub(super) fn take_until(&mut self, end: &str) -> Option<&'a str> {
        let (text, _) = self.rest().split_once(end)?;
        self.at += text.len() + end.len();
        Some(text)
    }

    /// An error about what was just read.
    pub(super) fn refuse<T>(&self, what: &'static str) -> Result<T, PatternError> {
        Err(PatternError::Refused { at: self.at.saturating_sub(1), what })
    }
}

/// What an escape stands for.
pub(super) enum Escape {
    Character(char),
    /// Members of a class (`0-9`), and whether their complement is meant.
    Class(&'static str, bool),
    /// A Unicode class in the form `\p{…}`.
    Unicode(String),
    Other(char),
}

fn escape(scanner: &mut Scanner<'_>, out: &mut String) -> Result<Last, PatternError> {
    if scanner.take("Q") {
        let rest = scanner.rest();
        let quoted = scanner.take_until("\\E").unwrap_or_else(|| {
            scanner.at = scanner.source.len();
            rest
        });
        quoted.chars().for_each(|symbol| push_literal(symbol, out));
        return Ok(if quoted.is_empty() { Last::Nothing } else { Last::Item });
    }
    match read_escape(scanner)? {
        Escape::Character(symbol) => push_literal(symbol, out),
        Escape::Class(members, negated) => {
            out.push_str(if negated { "[^" } else { "[" });
            out.push_str(members);
            out.push(']');
        }
        Escape::Unicode(class) => out.push_str(&class),
        Escape::Other(symbol @ ('A' | 'z')) => out.extend(['\\', symbol]),
        Escape::Other('b') => out.push_str(r"(?-u:\b)"),
        Escape::Other('B') => out.push_str(r"(?-u:\B)"),
        Escape::Other(_) => return scanner.refuse("this escape is unknown to RE2"),
    }
    Ok(Last::Item)
}

/// Reads what follows a backslash.
pub(super) fn read_escape(scanner: &mut Scanner<'_>) -> Result<Escape, PatternError> {
    const WORD: &str = "0-9A-Za-z_";
    const SPACE: &str = r"\t\n\x0C\r\x20";
    let Some(symbol) = scanner.next() else {
        return scanner.refuse("a backslash at the end escapes nothing");
    };
    Ok(match symbol {
        'd' => Escape::Class("0-9", false),
        'D' => Escape::Class("0-9", true),
        'w' => Escape::Class(WORD, false),
        'W' => Escape::Class(WORD, true),
        's' => Escape::Class(SPACE, false),
        'S' => Escape::Class(SPACE, true),
        'p' | 'P' => Escape::Unicode(unicode_class(scanner, symbol == 'P')?),
        'a' => Escape::Character('\u{7}'),
        'f' => Escape::Character('\u{c}'),
        'n' => Escape::Character('\n'),
        'r' => Escape::Character('\r'),
        't' => Escape::Character('\t'),
        'v' => Escape::Character('\u{b}'),
        'x' => Escape::Character(hexadecimal(scanner)?),
        '0'..='7' => Escape::Character(octal(scanner, symbol)?),
        'C' => return scanner.refuse("`\\C`, a single byte, is not supported"),
        '<' | '>' => {
            return scanner.refuse("`\\<` and `\\>` mean different things to different engines");
        }
        _ if symbol.is_ascii_punctuation() && symbol != '_' => Escape::Character(symbol),
        _ => Escape::Other(symbol),
    })
}

fn unicode_class(scanner: &mut Scanner<'_>, negated: bool) -> Result<String, PatternError> {
    let name = if scanner.take("{") {
        scanner.take_until("}").map(str::to_owned)
    } else {
        scanner.next().map(String::from)
    };
    let Some(name) = name else { return scanner.refuse("a Unicode class lacks its name") };
    let (name, negated) = match name.strip_prefix('^') {
        Some(name) => (name, !negated),
        None => (name.as_str(), negated),
    };
    Ok(format!("\\{}{{{name}}}", if negated { 'P' } else { 'p' }))
}

fn hexadecimal(scanner: &mut Scanner<'_>) -> Result<char, PatternError> {
    let digits = if scanner.take("{") {
        scanner.take_until("}")
    } else {
        let digits = scanner.rest().get(..2);
        scanner.at += digits.map_or(0, str::len);
        digits
    };
    let valid = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
    let value = valid.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    match value.and_then(char::from_u32) {
        Some(symbol) => Ok(symbol),
        None => scanner.refuse("`\\x` needs two hexadecimal digits, or a code point in braces"),
    }
}

/// `\0`, `\12`, `\123`: one digit alone, unless it is zero, would be a back reference.
fn octal(scanner: &mut Scanner<'_>, first: char) -> Result<char, PatternError> {
    let mut value = first.to_digit(8).unwrap_or_default();
    let mut digits = 1;
    while let Some(digit) = scanner.rest().chars().next().and_then(|next| next.to_digit(8)) {
        if digits == 3 {
            break;
        }
        value = value * 8 + digit;
        digits += 1;
        scanner.at += 1;
    }
    match char::from_u32(value) {
        Some(symbol) if digits > 1 || first == '0' => Ok(symbol),
        _ => scanner.refuse("RE2 has no back references"),
    }
}

fn group(scanner: &mut Scanner<'_>, out: &mut String) -> Result<(), PatternError> {
    out.push('(');
    if !scanner.take("?") {
        return Ok(());
    }
    let rest = scanner.rest();
    if rest.starts_with(['=', '!']) || rest.starts_with("<=") || rest.starts_with("<!") {
        return scanner.refuse("RE2 cannot look ahead or behind");
    }
    if scanner.take("P<") || scanner.take("<") {
        let Some(name) = scanner.take_until(">") else {
            return scanner.refuse("the name of a group lacks its `>`");
        };
        out.push_str("?P<");
        out.push_str(name);
        out.push('>');
        return Ok(());
    }
    out.push('?');
    while let Some(flag) = scanner.next() {
        match flag {
            'i' | 'm' | 's' | 'U' | '-' => out.push(flag),
            ':' | ')' => {
                out.push(flag);
                return Ok(());
            }
            _ => return scanner.refuse("RE2 knows the flags `i`, `m`, `s` and `U` only"),
        }
    }
    scanner.refuse("a group is not closed")
}

/// Writes a repetition and its `?`, which makes it lazy.
fn repetition(
    scanner: &mut Scanner<'_>,
    out: &mut String,
    last: Last,
    operator: &str,
) -> Result<Last, PatternError> {
    match last {
        Last::Nothing => return scanner.refuse("there is nothing to repeat"),
        Last::Repetition => return scanner.refuse("a repetition cannot be repeated"),
        Last::Item => out.push_str(operator),
    }
    if scanner.take("?") {
        out.push('?');
    }
    Ok(Last::Repetition)
}

/// `{n}`, `{n,}` and `{n,m}` repeat; any other brace is a brace.
fn counted(scanner: &mut Scanner<'_>, out: &mut String, last: Last) -> Result<Last, PatternError> {
    let inside = scanner.rest().split_once('}').map(|(inside, _)| inside);
    let Some((inside, counts)) = inside.and_then(|inside| Some((inside, counts(inside)?))) else {
        out.push_str("\\{");
        return Ok(Last::Item);
    };
    scanner.at += inside.len() + 1;
    match counts {
        (Some(low), high)
            if low <= COUNT_MAX && high.is_none_or(|high| (low..=COUNT_MAX).contains(&high)) =>
        {
            repetition(scanner, out, last, &format!("{{{inside}}}"))
        }
        _ => scanner.refuse("a count is more than 1000, or less than the one before it"),
    }
}

/// The least and the most of a repetition; the least is `None` where it has too many digits.
fn counts(inside: &str) -> Option<(Option<u32>, Option<u32>)> {
    let number = |text: &str| {
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        digits.then(|| text.parse::<u32>().unwrap_or(u32::MAX))
    };
    match inside.split_once(',') {
        None => number(inside).map(|count| (Some(count), Some(count))),
        Some((least, "")) => number(least).map(|least| (Some(least), None)),
        Some((least, most)) => Some((Some(number(least)?), Some(number(most)?))),
    }
}

fn push_literal(symbol: char, out: &mut String) {
    if symbol.is_ascii_alphanumeric() {
        out.push(symbol);
    } else {
        let _ = write!(out, "\\x{{{:X}}}", u32::from(symbol));
    }
}

#[cfg(test)]
mod tests {
    use crate::pattern::Pattern;

    fn matches(source: &str, text: &str) -> bool {
        Pattern::new(source)
            .unwrap_or_else(|error| panic!("{source}: {error}"))
            .matches(text.as_bytes())
    }

    fn refusal(source: &str) -> String {
        Pattern::new(source).err().unwrap_or_else(|| panic!("{source} was accepted")).to_string()
    }

    #[test]
    fn classes_and_boundaries_are_ascii() {
        assert!(matches(r"\d\w\s", "7_\t"));
        assert!(!matches(r"\d", "٣"));
        assert!(!matches(r"\w", "é"));
        assert!(matches(r"\W", "é"));
        assert!(!matches(r"\s", "\u{a0}"));
        assert!(!matches(r"\s", "\u{b}"));
        assert!(matches(r"é\bx", "éx"));
        assert!(matches(r"a\Bx", "ax"));
        assert!(matches(r"\pL\p{Greek}\PN\p{^L}", "éα-1"));
    }

    #[test]
    fn braces_that_count_nothing_are_braces() {
        assert!(matches("x{,3}", "x{,3}"));
        assert!(matches("x{a}y{", "x{a}y{"));
        assert!(matches("{}}", "{}}"));
        assert!(matches("a{2}b{1,}c{0,2}", "aabb"));
        assert!(matches("(a{1000})", &"a".repeat(1000)));
        assert!(refusal("a{1001}").contains("1000"));
        assert!(refusal("a{1,1001}").contains("1000"));
        assert!(refusal("a{3,2}").contains("before"));
        assert!(refusal("a{99999999999}").contains("1000"));
    }

    #[test]
    fn quotes_and_escapes() {
        assert!(matches(r"\Qa.b(\Ec", "a.b(c"));
        assert!(matches(r"\Qa.*", "a.*"));
        assert!(matches(r"\Qab\E+", "abbb"));
        assert!(matches(r"\.\/\-\#\~\&\ ".trim_end_matches(['\\', ' ']), "./-#~&"));
        assert!(matches(r"\x41\x{e9}\101\0", "AéA\0"));
        assert!(matches(r"\a\f\n\r\t\v", "\u{7}\u{c}\n\r\t\u{b}"));
        assert!(matches("a]b}", "a]b}"));
        assert!(matches("a #b~&&c--d", "a #b~&&c--d"));
    }

    #[test]
    fn groups_and_flags() {
        assert!(matches("(?i)ShOp", "sHoP"));
        assert!(matches("(?i:a)b", "Ab"));
        assert!(!matches("(?i:a)b", "AB"));
        assert!(matches("(?P<x>a)(?<y>b)(?:c)", "abc"));
        assert!(matches("(?s).", "\n"));
        assert!(matches("(?m)^a$\nb", "a\nb"));
        assert!(matches("(?U)a*", "aaa"));
    }

    #[test]
    fn what_re2_does_not_know_is_refused_by_name() {
        for (source, reason) in [
            ("(?x)a", "flags"),
            ("(?u)a", "flags"),
            ("a(?=b)", "look ahead"),
            ("a(?!b)", "look ahead"),
            ("(?<=a)b", "look ahead"),
            ("(?<!a)b", "look ahead"),
            (r"(a)\1", "back reference"),
            (r"\<a", "different engines"),
            (r"a\>", "different engines"),
            (r"\C", "single byte"),
            (r"\Z", "unknown to RE2"),
            (r"\y", "unknown to RE2"),
            (r"\_", "unknown to RE2"),
            (r"\8", "unknown to RE2"),
            (r"a\", "escapes nothing"),
            (r"\x4", "hexadecimal"),
            (r"\x{110000}", "hexadecimal"),
            ("*a", "nothing to repeat"),
            ("(+)", "nothing to repeat"),
            ("a|?", "nothing to repeat"),
            ("a**", "cannot be repeated"),
            ("a+*", "cannot be repeated"),
            ("a*??", "cannot be repeated"),
            ("a{2}{3}", "cannot be repeated"),
            ("(a", "unclosed"),
            ("a)", "unopened"),
            ("(?i", "not closed"),
            (r"\p{Nonsense}", "property"),
        ] {
            assert!(refusal(source).contains(reason), "{source}: {}", refusal(source));
        }
    }

    #[test]
    fn a_refusal_names_the_place() {
        assert!(refusal("/shop/(?=x)").ends_with("at byte 7"), "{}", refusal("/shop/(?=x)"));
    }
}
