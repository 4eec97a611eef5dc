//! Lines that say something, and where that is written.

use std::fmt::Write;

use super::Terminal;
use super::fit::{painted, width, wrap_after};

/// Something that is said.
pub(crate) struct Line {
    /// What stands before it: as many spaces stand before the lines that it goes on in.
    pub lead: String,
    pub said: String,
    pub place: Option<String>,
}

/// Columns between a text and its place.
const GAP: usize = 2;

/// How much farther from the left the lines stand that a text goes on in.
const HANGING: usize = 2;

/// Writes lines, with their places in one column. A place for which there is no room behind the text stands under it.
pub(crate) fn put_all(text: &mut String, lines: &[Line], terminal: &Terminal) {
    let column = column(lines, terminal);
    for line in lines {
        line.put(text, column, terminal);
    }
}

/// Writes a text in as many lines as it takes.
pub(crate) fn put(text: &mut String, indent: usize, said: &str, terminal: &Terminal) {
    put_behind(text, &" ".repeat(indent), said, terminal);
}

fn put_behind(text: &mut String, lead: &str, said: &str, terminal: &Terminal) {
    let first = width(lead);
    let others = first + HANGING;
    let lines = painted(wrap_after(first, said, others, terminal.width));
    for (number, line) in lines.iter().enumerate() {
        let _ = match number {
            0 => writeln!(text, "{}", format!("{lead}{line}").trim_end()),
            _ => writeln!(text, "{:others$}{line}", ""),
        };
    }
}

/// Where places begin: behind the longest text beside which each of them has room.
fn column(lines: &[Line], terminal: &Terminal) -> usize {
    let placed =
        || lines.iter().filter_map(|line| Some((line.width(), width(line.place.as_ref()?))));
    let longest = placed().map(|(_, place)| place).max().unwrap_or(0);
    let room = terminal.width.saturating_sub(longest + GAP);
    placed().map(|(said, _)| said).filter(|said| *said <= room).max().unwrap_or(0)
}

impl Line {
    fn width(&self) -> usize {
        width(&self.lead) + width(&self.said)
    }

    fn put(&self, text: &mut String, column: usize, terminal: &Terminal) {
        let shown = |place: &String| terminal.paint.dim(place);
        match &self.place {
            Some(place) if self.width() <= column => {
                let gap = column + GAP - self.width();
                let _ = writeln!(text, "{}{}{:gap$}{}", self.lead, self.said, "", shown(place));
            }
            place => {
                put_behind(text, &self.lead, &self.said, terminal);
                if let Some(place) = place {
                    put(text, width(&self.lead) + HANGING, &shown(place), terminal);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Paint;
    use super::*;

    fn shown(width: usize, lines: &[(&str, &str, Option<&str>)]) -> String {
        let line = |&(lead, said, place): &(&str, &str, Option<&str>)| Line {
            lead: lead.to_owned(),
            said: said.to_owned(),
            place: place.map(str::to_owned),
        };
        let lines: Vec<_> = lines.iter().map(line).collect();
        let mut text = String::new();
        put_all(&mut text, &lines, &Terminal { width, paint: Paint(false) });
        text
    }

    #[test]
    fn places_stand_in_a_column_where_there_is_room() {
        let lines = [
            (" 1 a ", "short", Some("a.yaml:1")),
            ("     ", "somewhat longer", Some("a.yaml:2")),
            ("     ", "this one says much more than the others", None),
        ];
        assert_eq!(
            shown(60, &lines),
            " 1 a short            a.yaml:1\n     somewhat longer  a.yaml:2\n     this one says much more than the others\n"
        );
        assert_eq!(
            shown(26, &lines),
            " 1 a short  a.yaml:1\n     somewhat longer\n       a.yaml:2\n     this one says much\n       more than the\n       others\n"
        );
    }
}
