//! From bytes to lines and columns.

use super::{Position, Span};

/// The byte at which each line of a text begins. `\n`, `\r\n` and a lone `\r` end a line, as in YAML.
#[derive(Clone, Debug)]
pub struct LineIndex {
    /// Ascending; the first is 0, or 3 after a byte order mark.
    starts: Vec<u32>,
    /// In long lines every so many bytes: a byte, and how many characters of its line are before it. A line may be a whole
    /// file, and hold thousands of places that are asked for.
    marks: Vec<(u32, u32)>,
}

/// How many bytes of a line may be counted for one place.
const MARK: usize = 1 << 10;

impl LineIndex {
    /// `text` is at most 4 GiB, which `source` has seen to.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let starts = starts(text);
        let marks = marks(&starts, text);
        Self { starts, marks }
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
        let start = self.span(line, text).start;
        let mark = self.marks.partition_point(|(byte, _)| *byte <= offset).checked_sub(1);
        let mark = mark.and_then(|mark| self.marks.get(mark)).filter(|(byte, _)| *byte >= start);
        let (from, counted) = mark.map_or((start, 0), |(byte, count)| (*byte, *count as usize));
        let before = text.get(from as usize..(offset as usize).min(text.len())).unwrap_or_default();
        let column = counted + before.chars().count() + 1;
        Position { line: number(line + 1), column: number(column) }
    }
}

fn starts(text: &str) -> Vec<u32> {
    let bytes = text.as_bytes();
    let first = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut starts = Vec::with_capacity(1 + bytes.len() / 32);
    starts.push(first);
    if !text.contains('\r') {
        let ends = text.match_indices('\n').map(|(at, _)| at + 1);
        starts.extend(ends.map(number));
        return starts;
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
    starts
}

fn marks(starts: &[u32], text: &str) -> Vec<(u32, u32)> {
    let mut marks = Vec::new();
    let ends = starts.iter().skip(1).map(|end| *end as usize).chain([text.len()]);
    for (start, end) in starts.iter().map(|start| *start as usize).zip(ends) {
        let (mut from, mut count) = (start, 0);
        while from + MARK < end {
            let to = text.floor_char_boundary(from + MARK);
            count += text.get(from..to).unwrap_or_default().chars().count();
            marks.push((number(to), number(count)));
            from = to;
        }
    }
    marks
}

fn number(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{LineIndex, MARK, Position};

    #[test]
    fn columns_of_long_lines_are_counted_in_characters() {
        let long = "aä速🦊".repeat(MARK);
        let text = format!("short\n{long}\n{long}\nä");
        let lines = LineIndex::new(&text);
        for (line, (start, content)) in
            [(1, 0), (2, 6), (3, 7 + long.len()), (4, 8 + 2 * long.len())].map(|(line, start)| {
                (line, (start, text.get(start..).unwrap().lines().next().unwrap()))
            })
        {
            for (column, (at, _)) in content.char_indices().enumerate() {
                let expected = Position { line, column: u32::try_from(column + 1).unwrap() };
                assert_eq!(lines.position(u32::try_from(start + at).unwrap(), &text), expected);
            }
        }
    }

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
