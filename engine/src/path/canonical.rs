//! RFC 3986 §6.2.2 as browsers and Envoy do it: dot segments removed, needless escapes undone, `\` read as `/`.
//!
//! One pass, from left to right. The rules in doubt were settled by asking Envoy 1.40.

use super::NormalizeError;

/// The canonical form of an absolute path of graphic ASCII characters.
pub(super) fn form(path: &[u8]) -> Result<String, NormalizeError> {
    let mut output = Output { bytes: Vec::with_capacity(path.len()), bare_percent: None };
    let mut rest = path;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = match byte {
            b'/' | b'\\' => {
                output.bytes.push(b'/');
                dot_segments(tail, &mut output)
            }
            b'%' => output.escape(tail)?,
            b'"' | b'<' | b'>' | b'^' | b'`' | b'{' | b'|' | b'}' => {
                output.bytes.extend_from_slice(format!("%{byte:02X}").as_bytes());
                tail
            }
            _ => {
                output.bytes.push(byte);
                tail
            }
        };
    }
    // Only ASCII went in, and only ASCII is unescaped.
    Ok(String::from_utf8_lossy(&output.bytes).into_owned())
}

/// Takes `.` and `..` segments off the front of `rest`, which follows a slash.
fn dot_segments<'a>(mut rest: &'a [u8], output: &mut Output) -> &'a [u8] {
    while let Some((dots, tail)) = dot_segment(rest) {
        if dots == 2 {
            output.climb();
        }
        rest = tail;
    }
    rest
}

/// How many dots the first segment is made of, one or two, and what follows its slash. Parameters (`..;a=b`)
/// do not count: RFC 3986 knows none, but servers that do drop them before they resolve the dots.
fn dot_segment(rest: &[u8]) -> Option<(u8, &[u8])> {
    let after_first = dot(rest)?;
    let (dots, after) = match dot(after_first) {
        Some(after_second) => (2, after_second),
        None => (1, after_first),
    };
    let end = after.iter().position(|byte| matches!(byte, b'/' | b'\\')).unwrap_or(after.len());
    let (remainder, tail) = after.split_at_checked(end)?;
    let ends_here = remainder.first().is_none_or(|&byte| byte == b';');
    ends_here.then(|| (dots, tail.split_first().map_or(tail, |(_slash, tail)| tail)))
}

/// What follows a dot, escaped or not.
fn dot(rest: &[u8]) -> Option<&[u8]> {
    rest.strip_prefix(b".")
        .or_else(|| rest.strip_prefix(b"%2e"))
        .or_else(|| rest.strip_prefix(b"%2E"))
}

struct Output {
    bytes: Vec<u8>,
    /// Where the last `%` stands that begins no escape.
    bare_percent: Option<usize>,
}

impl Output {
    /// Up to and including the slash before the last one, if there is one.
    fn climb(&mut self) {
        self.bytes.pop();
        while self.bytes.last().is_some_and(|&byte| byte != b'/') {
            self.bytes.pop();
        }
        if self.bytes.is_empty() {
            self.bytes.push(b'/');
        }
        let length = self.bytes.len();
        self.bare_percent = self.bare_percent.filter(|&at| at < length);
    }

    /// Takes what follows a `%`.
    fn escape<'a>(&mut self, tail: &'a [u8]) -> Result<&'a [u8], NormalizeError> {
        let Some((value, digits, after)) = hexadecimal(tail) else {
            self.bare_percent = Some(self.bytes.len());
            self.bytes.push(b'%');
            return Ok(tail);
        };
        match value {
            0 => Err(NormalizeError::Nul),
            b'-' | b'.' | b'_' | b'~' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                self.bytes.push(value);
                Ok(self.keep_apart(after))
            }
            _ => {
                self.bytes.push(b'%');
                self.bytes.extend_from_slice(digits);
                Ok(after)
            }
        }
    }

    /// A character was unescaped. Where it completes an escape with a bare `%` before it (`%%36%31`), that `%` is
    /// escaped: else the next proxy would decode what this one has judged.
    fn keep_apart<'a>(&mut self, after: &'a [u8]) -> &'a [u8] {
        let Some(at) = self.bare_percent else { return after };
        let mut rest = after;
        let mut digits = self.bytes.get(at + 1..).unwrap_or_default().to_vec();
        if digits.len() == 1
            && let Some((&next, tail)) = after.split_first()
        {
            digits.push(next);
            rest = tail;
        }
        if digits.len() != 2 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return after;
        }
        self.bytes.truncate(at);
        self.bytes.extend_from_slice(b"%25");
        self.bytes.extend_from_slice(&digits);
        self.bare_percent = None;
        rest
    }
}

/// The value of two hexadecimal digits, the digits, and what follows them.
fn hexadecimal(text: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (digits, after) = text.split_at_checked(2)?;
    let &[high, low] = digits else { return None };
    let high = char::from(high).to_digit(16)?;
    let low = char::from(low).to_digit(16)?;
    u8::try_from(high * 16 + low).ok().map(|value| (value, digits, after))
}
