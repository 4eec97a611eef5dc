//! From bytes to lines and columns.

use super::{Position, Span};

/// The byte at which each line of a text begins. `\n`, `\r\n` and a lone `\r` end a line, as in YAML.
#[derive(Clone, Debug)]
pub struct LineIndex {
    /// Ascending; the first is 0, or 3 after a byte order mark.
    starts: Vec<u32>,
}

impl LineIndex {
    /// `text` is at most 4 GiB, which `source` has seen to.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let bytes = text.as_bytes();
        let first = if text.starts_with('\u{feff}') { 3 } else { 0 };
        let mut starts = Vec::with_capacity(1 + bytes.len() / 32);
        starts.push(first);
        if !text.contains('\r') {
            let ends = text.match_indices('\n').map(|(at, _)| at + 1);
            starts.extend(ends.map(number));
            return Self { starts };
        }
        for (offset, byte) in bytes.iter().enumerate() {
            let ends_line = match byte {
                b'\n' => true,
                b'\r' => bytes.get(offset + 1) != Some(&b'\n'),
                _ => false,
            };
            if ends_line {
                starts.push(u32::try_from(offset + 1).unwrap_or(u32::MAX));
            }
        }
        Self { starts }
    }

    /// How many lines there are; a text that ends in a line break has an empty one after it.
    #[must_use]
    pub fn count(&self) -> usize {
        self.starts.len()
    }

    /// The index, from 0, of the line that holds the byte at `offset`.
    #[must_use]
    pub fn line_of(&self, offset: u32) -> usize {
        self.starts.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// The bytes of a line, from 0, with what ends it.
    #[must_use]
    pub fn span(&self, line: usize, text: &str) -> Span {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        let start = self.starts.get(line).copied().unwrap_or(length);
        let end = self.starts.get(line + 1).copied().unwrap_or(length);
        Span::new(start, end.max(start))
    }

    /// Line and column of the byte at `offset`; past the end, of the end.
    #[must_use]
    pub fn position(&self, offset: u32, text: &str) -> Position {
        let line = self.line_of(offset);
        let start = self.span(line, text).start as usize;
        let before = text.get(start..(offset as usize).min(text.len())).unwrap_or_default();
        let column = before.chars().count() + 1;
        Position { line: number(line + 1), column: number(column) }
    }
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{LineIndex, Position};

    #[test]
    fn every_kind_of_line_break_ends_a_line() {
        let text = "a\nb\r\nc\rd";
        let lines = LineIndex::new(text);
        assert_eq!(lines.count(), 4);
        let of = |offset| lines.position(offset, text);
        assert_eq!(of(0), Position { line: 1, column: 1 });
        assert_eq!(of(2), Position { line: 2, column: 1 });
        assert_eq!(of(4), Position { line: 2, column: 3 });
        assert_eq!(of(5), Position { line: 3, column: 1 });
        assert_eq!(of(7), Position { line: 4, column: 1 });
        assert_eq!(of(99), Position { line: 4, column: 2 });
    }

    #[test]
    fn columns_count_characters_and_not_the_byte_order_mark() {
        let text = "\u{feff}ä: ö\n";
        let lines = LineIndex::new(text);
        assert_eq!(lines.position(3, text), Position { line: 1, column: 1 });
        assert_eq!(lines.position(7, text), Position { line: 1, column: 4 });
    }
}
