//! What a backslash and the characters after it stand for. Source: RE2, `UnescapeCharacter` in `parse.cc`.

use super::PatternError;
use super::scanner::Scanner;

/// What an escape stands for.
pub(super) enum Escape {
    Character(char),
    /// Members of a class (`0-9`), and whether their complement is meant.
    Class(&'static str, bool),
    /// A Unicode class in the form `\p{…}`.
    Unicode(String),
    Other(char),
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
        _ if symbol.is_ascii_punctuation() => Escape::Character(symbol),
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
        scanner.skip(digits.map_or(0, str::len));
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
        scanner.skip(1);
    }
    match char::from_u32(value) {
        Some(symbol) if digits > 1 || first == '0' => Ok(symbol),
        _ => scanner.refuse("RE2 has no back references"),
    }
}
