//! Edits of one text that do not get in each other's way.

use std::collections::BTreeSet;

use mesh_compiler::diagnostic::TextEdit;
use mesh_compiler::source::Span;

/// Replacements in one file, in the order of the text. Those of one fix lie apart, and no two fixes meet: so the ends are in
/// the order of the beginnings.
#[derive(Clone, Debug, Default)]
pub(super) struct Edits(BTreeSet<(Span, String)>);

/// What became of an edit that was offered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fits {
    Yes,
    /// The very same is there already, by another finding.
    Already,
    /// Another one changes the same bytes, or it is none for this text.
    No,
}

impl Edits {
    /// Of what lies apart.
    pub(super) fn new(edits: Vec<(Span, String)>) -> Self {
        Self(edits.into_iter().collect())
    }

    pub(super) fn fits(&self, edit: &TextEdit, text: &str) -> Fits {
        let span = edit.span;
        if text.get(span.range()).is_none() {
            return Fits::No;
        }
        if self.0.contains(&(span, adapted(&edit.text, text))) {
            return Fits::Already;
        }
        let past = span.end.saturating_add(1);
        let begun = self.0.range(..(Span::new(past, past), String::new())).rev();
        let mut near = begun.take_while(|(known, _)| span.start <= known.end);
        if near.any(|(known, _)| meets(*known, span)) { Fits::No } else { Fits::Yes }
    }

    pub(super) fn add(&mut self, edit: &TextEdit, text: &str) {
        self.0.insert((edit.span, adapted(&edit.text, text)));
    }

    pub(super) fn spans(&self) -> impl Iterator<Item = Span> {
        self.0.iter().map(|(span, _)| *span)
    }

    /// `text` with all replacements.
    pub(super) fn apply(&self, text: &str) -> String {
        let mut after = String::with_capacity(text.len());
        let mut at = 0;
        for (span, with) in &self.0 {
            after.push_str(text.get(at..span.start as usize).unwrap_or_default());
            after.push_str(with);
            at = span.end as usize;
        }
        after.push_str(text.get(at..).unwrap_or_default());
        after
    }
}

/// Whether it cannot be said which comes first. What is inserted at the edge of a change is part of it.
const fn meets(a: Span, b: Span) -> bool {
    let overlaps = a.start < b.end && b.start < a.end;
    let touches = a.start <= b.end && b.start <= a.end;
    overlaps || touches && (a.is_empty() || b.is_empty())
}

/// With the line breaks that `text` has.
fn adapted(new: &str, text: &str) -> String {
    let has_crlf = text.split_once('\n').is_some_and(|(first, _)| first.ends_with('\r'));
    if has_crlf { new.replace('\n', "\r\n") } else { new.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_compiler::source::FileId;

    fn edit(start: u32, end: u32, text: &str) -> TextEdit {
        TextEdit { file: FileId(0), span: Span::new(start, end), text: text.into() }
    }

    #[test]
    fn edits_that_meet_do_not_both_fit() {
        let text = "a: bcd\r\n";
        let mut edits = Edits::default();
        edits.add(&edit(3, 6, "x\ny"), text);
        for (other, fits) in [
            (edit(3, 6, "z"), Fits::No),
            (edit(4, 5, ""), Fits::No),
            (edit(6, 6, "z"), Fits::No),
            (edit(3, 6, "x\ny"), Fits::Already),
            (edit(0, 1, "z"), Fits::Yes),
            (edit(0, 99, "z"), Fits::No),
        ] {
            assert_eq!(edits.fits(&other, text), fits, "{other:?}");
        }
        edits.add(&edit(0, 1, "z"), text);
        assert_eq!(edits.apply(text), "z: x\r\ny\r\n");
    }

    /// Asked of the neighbours alone, and of all: the same.
    #[test]
    fn what_fits_meets_none_of_all() {
        let text = "0123456789abcdef";
        let mut edits = Edits::default();
        for (start, end) in [(2, 4), (4, 6), (8, 8), (10, 13)] {
            edits.add(&edit(start, end, "z"), text);
        }
        for start in 0..16 {
            for end in start..16 {
                let meets = edits.spans().any(|known| meets(known, Span::new(start, end)));
                let fits = if meets { Fits::No } else { Fits::Yes };
                assert_eq!(edits.fits(&edit(start, end, "y"), text), fits, "{start}..{end}");
            }
        }
    }

    #[test]
    fn characters_are_not_cut() {
        assert_eq!(Edits::default().fits(&edit(1, 2, ""), "ä"), Fits::No);
    }
}
