//! A reader of expressions that knows where it is.

use super::PatternError;

/// A place in an expression.
pub(super) struct Scanner<'a> {
    source: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) const fn new(source: &'a str) -> Self {
        Self { source, at: 0 }
    }

    /// What was left, which is now behind.
    pub(super) fn take_rest(&mut self) -> &'a str {
        let rest = self.rest();
        self.at = self.source.len();
        rest
    }

    /// Goes on by `length` bytes, which are known to be characters as a whole.
    pub(super) fn skip(&mut self, length: usize) {
        self.at += length;
    }

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
