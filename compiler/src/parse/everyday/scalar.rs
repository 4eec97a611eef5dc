//! Scalars that stand on one line.

use std::borrow::Cow;

use granit_parser::ScalarStyle;

use super::Reader;
use crate::source::Span;

pub(super) struct Scalar<'a> {
    pub(super) text: Cow<'a, str>,
    pub(super) style: ScalarStyle,
    /// Quotes included.
    pub(super) span: Span,
}

/// Where a scalar stands, by which it is known where it ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Context {
    Block,
    /// In braces or brackets.
    Flow,
}

impl<'a> Reader<'a> {
    /// The scalar that begins here, and the spaces behind it.
    pub(super) fn scalar(&mut self, context: Context) -> Option<Scalar<'a>> {
        match self.byte()? {
            b'\'' => self.single_quoted(),
            b'"' => self.double_quoted(),
            _ => self.plain(context),
        }
    }

    fn plain(&mut self, context: Context) -> Option<Scalar<'a>> {
        let start = self.at;
        if !self.begins_plain() {
            return None;
        }
        let mut end = start;
        while let Some(byte) = self.byte() {
            match byte {
                b'\n' => break,
                b' ' => {
                    self.at += 1;
                    if self.byte() == Some(b'#') {
                        break;
                    }
                    continue;
                }
                b':' => match self.bytes.get(self.at + 1) {
                    None | Some(b' ' | b'\n') => break,
                    // Parsers disagree on it.
                    Some(next) if context == Context::Flow && is_flow(*next) => return None,
                    Some(_) => {}
                },
                byte if context == Context::Flow && is_flow(byte) => break,
                _ => {}
            }
            self.at += 1;
            end = self.at;
        }
        let text = Cow::Borrowed(self.text.get(start..end)?);
        Some(Scalar { text, style: ScalarStyle::Plain, span: Span::of(start..end) })
    }

    /// Whether a plain scalar begins here for certain: most other signs mean something there.
    fn begins_plain(&self) -> bool {
        let is_usual = |byte: u8| {
            byte.is_ascii_alphanumeric()
                || matches!(
                    byte,
                    b'_' | b'/' | b'.' | b'$' | b'+' | b'<' | b'=' | b'^' | b'~' | b'('
                )
        };
        match self.byte() {
            // An option of a command, or a number.
            Some(b'-') => {
                self.bytes.get(self.at + 1).is_some_and(|next| is_usual(*next) || *next == b'-')
            }
            first => first.is_some_and(is_usual),
        }
    }

    fn single_quoted(&mut self) -> Option<Scalar<'a>> {
        let (start, mut from) = self.open();
        let mut owned = String::new();
        loop {
            self.at = self.quoted_until(|byte| byte == b'\'')?;
            if self.bytes.get(self.at + 1) != Some(&b'\'') {
                return self.close(ScalarStyle::SingleQuoted, start, from, owned);
            }
            // Two are one.
            owned.push_str(self.text.get(from..=self.at)?);
            self.at += 2;
            from = self.at;
        }
    }

    fn double_quoted(&mut self) -> Option<Scalar<'a>> {
        let (start, mut from) = self.open();
        let mut owned = String::new();
        loop {
            self.at = self.quoted_until(|byte| matches!(byte, b'"' | b'\\'))?;
            if self.byte() == Some(b'"') {
                return self.close(ScalarStyle::DoubleQuoted, start, from, owned);
            }
            owned.push_str(self.text.get(from..self.at)?);
            owned.push(match self.bytes.get(self.at + 1)? {
                b'n' => '\n',
                b't' => '\t',
                same @ (b'\\' | b'"' | b'/') => char::from(*same),
                _ => return None,
            });
            self.at += 2;
            from = self.at;
        }
    }

    /// Goes behind a quote. Where it stands, and where the text begins.
    fn open(&mut self) -> (usize, usize) {
        let start = self.at;
        self.at += 1;
        (start, self.at)
    }

    /// Where the next such byte of the line stands.
    fn quoted_until(&self, is_end: impl Fn(u8) -> bool) -> Option<usize> {
        let rest = self.bytes.get(self.at..)?;
        let found = rest.iter().position(|byte| is_end(*byte) || *byte == b'\n')?;
        (rest.get(found) != Some(&b'\n')).then_some(self.at + found)
    }

    /// Goes behind the closing quote, and the spaces behind that. `owned` is what had to be written anew, up to `from`.
    fn close(
        &mut self,
        style: ScalarStyle,
        start: usize,
        from: usize,
        mut owned: String,
    ) -> Option<Scalar<'a>> {
        let last = self.text.get(from..self.at)?;
        self.at += 1;
        let span = Span::of(start..self.at);
        self.skip_spaces();
        let text = if from == start + 1 {
            Cow::Borrowed(last)
        } else {
            owned.push_str(last);
            Cow::Owned(owned)
        };
        Some(Scalar { text, style, span })
    }
}

const fn is_flow(byte: u8) -> bool {
    matches!(byte, b',' | b'[' | b']' | b'{' | b'}')
}
