//! What there is room for in a line of a terminal.

use std::borrow::Cow;

/// A tab leads to the next multiple of so many columns.
const TAB: usize = 4;

/// How many columns a text takes that holds no tabs.
pub(super) fn width(text: &str) -> usize {
    textwrap::core::display_width(text)
}

/// How many bytes at the beginning of a text take at most so many columns; a character at least.
pub(super) fn prefix(text: &str, room: usize) -> usize {
    let mut columns = 0;
    let ends = text.char_indices().skip(1).map(|(at, _)| at).chain([text.len()]);
    let fits = text.chars().zip(ends).enumerate().take_while(|(place, (character, _))| {
        columns = after(columns, *character);
        columns <= room || *place == 0
    });
    fits.last().map_or(0, |(_, (_, end))| end)
}

/// Lines end at spaces, so that a path can be clicked and copied; a word that is longer than a line goes on in the next.
pub(super) fn wrap(text: &str, width: usize) -> Vec<Cow<'_, str>> {
    wrap_after(0, text, 0, width)
}

/// The same of a text that stands behind `first` columns of its first line, and behind `others` of those that follow.
pub(super) fn wrap_after(
    first: usize,
    text: &str,
    others: usize,
    width: usize,
) -> Vec<Cow<'_, str>> {
    // No character takes more columns than bytes.
    if first + text.len() <= width && !text.ends_with(' ') {
        return vec![Cow::Borrowed(text)];
    }
    let (lead, indent) = (" ".repeat(first), " ".repeat(others));
    let options = textwrap::Options::new(width.max(1))
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation)
        .initial_indent(&lead)
        .subsequent_indent(&indent);
    let lines = textwrap::wrap(text, options).into_iter().enumerate();
    let without = |(place, line): (usize, Cow<'_, str>)| {
        let taken = if place == 0 { first } else { others };
        line.get(taken..).unwrap_or_default().to_owned().into()
    };
    lines.map(without).collect()
}

/// Lines of a painted text, each of them painted by itself: a pager may show one without those before it.
pub(super) fn painted(lines: Vec<Cow<'_, str>>) -> Vec<String> {
    let mut open = String::new();
    let each = lines.into_iter().map(|line| {
        let mut painted = open.clone() + &line;
        let last = line.rfind(ESCAPE).and_then(|at| line.get(at..));
        let last = last.and_then(|it| it.split_inclusive('m').next());
        if let Some(code) = last {
            open = if code == RESET { String::new() } else { code.to_owned() };
        }
        if !open.is_empty() {
            painted.push_str(RESET);
        }
        painted
    });
    each.collect()
}

const ESCAPE: char = '\u{1b}';

/// Ends what was painted. Source: ECMA-48, SGR.
const RESET: &str = "\u{1b}[0m";

/// The part of a line that is shown, with `…` where more is left out. To find it takes time by what is shown: a line may be a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut<'l> {
    line: &'l str,
    /// In bytes.
    from: usize,
    to: usize,
}

impl<'l> Cut<'l> {
    /// The whole line, if it takes at most `room` columns.
    pub(super) fn whole(line: &'l str, room: usize) -> Option<Self> {
        let whole = Self { line, from: 0, to: line.len() };
        let mut columns = 0;
        let fits = line.chars().all(|character| {
            columns = after(columns, character);
            columns <= room
        });
        fits.then_some(whole)
    }

    /// What fits of a line around the byte at `focus`, with at most `lead` columns before that.
    pub(super) fn around(line: &'l str, focus: usize, lead: usize, room: usize) -> Self {
        let before = line.get(..focus).unwrap_or(line);
        let mut columns = 0;
        let from = before.char_indices().rev().take_while(|(_, character)| {
            columns += after(0, *character);
            columns <= lead
        });
        let from = from.last().map_or(before.len(), |(at, _)| at);
        let mut cut = Self { line, from, to: from };
        let mut columns = cut.indent();
        for (at, character) in line.get(from..).unwrap_or_default().char_indices() {
            columns = after(columns, character);
            // One column is for what says that there is more.
            if columns < room {
                cut.to = from + at + character.len_utf8();
            }
            if columns > room {
                return cut;
            }
        }
        Self { to: line.len(), ..cut }
    }

    /// The column of the byte at `at`; of what is left out the nearest that is shown.
    pub(super) fn column(&self, at: usize) -> usize {
        let shown = self.line.get(self.from..at.clamp(self.from, self.to)).unwrap_or_default();
        shown.chars().fold(self.indent(), after)
    }

    /// Whether the byte at `at` is shown, or stands right behind what is.
    pub(super) fn shows(&self, at: usize) -> bool {
        (self.from..=self.to).contains(&at)
    }

    /// Writes it with spaces in place of its tabs.
    pub(super) fn write(&self, out: &mut String) {
        if self.from > 0 {
            out.push('…');
        }
        let shown = self.line.get(self.from..self.to).unwrap_or_default();
        if shown.contains('\t') {
            let mut column = self.indent();
            for character in shown.chars() {
                let next = after(column, character);
                match character {
                    '\t' => out.extend(std::iter::repeat_n(' ', next - column)),
                    other => out.push(other),
                }
                column = next;
            }
        } else {
            out.push_str(shown);
        }
        if self.to < self.line.len() {
            out.push('…');
        }
    }

    fn indent(&self) -> usize {
        usize::from(self.from > 0)
    }
}

/// The column behind a character at `column`.
fn after(column: usize, character: char) -> usize {
    match character {
        '\t' => (column / TAB + 1) * TAB,
        ' '..='~' => column + 1,
        other => column + width(other.encode_utf8(&mut [0; 4])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(cut: &Cut<'_>) -> String {
        let mut text = String::new();
        cut.write(&mut text);
        text
    }

    #[test]
    fn a_line_is_cut_around_what_matters() {
        let around = |line, focus, lead, room| shown(&Cut::around(line, focus, lead, room));
        assert_eq!(around("0123456789", 5, 2, 6), "…3456…");
        assert_eq!(around("0123456789", 5, 9, 6), "01234…");
        assert_eq!(around("0123456789", 5, 9, 10), "0123456789");
        assert_eq!(around("0123456789", 8, 2, 6), "…6789");
        assert_eq!(around("0123456789", 10, 2, 6), "…89");
        assert_eq!(around("一二三四五六", 9, 3, 8), "…三四五…");
        assert_eq!(around("一二三四五六", 9, 4, 7), "…二三…");
        assert_eq!(around("a\tb\tc\td", 2, 0, 7), "…b  c…");
    }

    #[test]
    fn whatever_the_room_no_more_is_taken_and_columns_are_where_text_stands() {
        for line in ["the quick brown fox", "速い茶色の狐 jumps", "a\tb\t\tc", "ä🦊é\tx", ""]
        {
            for room in 4..24 {
                for (focus, _) in line.char_indices() {
                    let cut = Cut::whole(line, room)
                        .unwrap_or_else(|| Cut::around(line, focus, room / 2, room));
                    let text = shown(&cut);
                    assert!(width(&text) <= room, "{text:?} in {room}");
                    assert!(cut.column(line.len()) <= width(&text), "{text:?}");
                    let character = line.get(focus..).unwrap().chars().next().unwrap();
                    if character != '\t' && cut.shows(focus + character.len_utf8()) {
                        let mut columns = 0;
                        let at = text.char_indices().find(|(_, it)| {
                            let is_here = columns == cut.column(focus);
                            columns += width(it.encode_utf8(&mut [0; 4]));
                            is_here
                        });
                        assert_eq!(at.map(|(_, it)| it), Some(character), "{text:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn words_are_torn_only_where_they_are_longer_than_a_line() {
        assert_eq!(wrap("a name of some letters", 10), ["a name of", "some", "letters"]);
        assert_eq!(wrap("0123456789abc", 10), ["0123456789", "abc"]);
        assert!(wrap("速い茶色の狐は怠惰な犬を", 10).iter().all(|line| width(line) <= 10));
        assert_eq!(wrap("one ", 10), ["one"]);
    }

    #[test]
    fn a_text_is_split_where_the_room_ends() {
        for (text, room, expected) in
            [("0123", 3, 3), ("速い茶", 5, 6), ("速い茶", 1, 3), ("01", 9, 2), ("", 3, 0)]
        {
            assert_eq!(prefix(text, room), expected, "{text:?} {room}");
        }
    }

    /// A colour ends where a line does, and goes on in the next.
    #[test]
    fn each_line_of_a_painted_text_is_painted() {
        let text =
            "\u{1b}[2mone\u{1b}[0m: \u{1b}[31mtwo three four\u{1b}[0m → \u{1b}[32mfive\u{1b}[0m";
        assert_eq!(
            painted(wrap(text, 10)),
            [
                "\u{1b}[2mone\u{1b}[0m: \u{1b}[31mtwo\u{1b}[0m",
                "\u{1b}[31mthree four\u{1b}[0m",
                "→ \u{1b}[32mfive\u{1b}[0m",
            ]
        );
        let torn = painted(wrap("\u{1b}[32m0123456789abc\u{1b}[0m", 10));
        assert_eq!(torn, ["\u{1b}[32m0123456789\u{1b}[0m", "\u{1b}[32mabc\u{1b}[0m"]);
        assert_eq!(painted(wrap("plain text", 5)), ["plain", "text"]);
    }

    /// The first line has less room than the others, and may have none.
    #[test]
    fn each_line_has_the_room_that_is_left_of_it() {
        assert_eq!(wrap_after(6, "one two three four", 2, 12), ["one", "two three", "four"]);
        assert_eq!(wrap_after(8, "thirteen", 2, 12), ["", "thirteen"]);
        for text in [
            "nothing is ever `/café au lait`",
            "一二三四五六七八九十",
            "0123456789".repeat(9).as_str(),
        ] {
            for (place, line) in wrap_after(9, text, 4, 15).iter().enumerate() {
                assert!(width(line) <= if place == 0 { 6 } else { 11 }, "{line:?}");
            }
        }
    }
}
