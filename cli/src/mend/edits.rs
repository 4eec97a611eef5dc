//! Edits of one text that do not get in each other's way.

use mesh_compiler::diagnostic::TextEdit;
use mesh_compiler::source::Span;

/// Replacements in one file, in the order of the text.
#[derive(Clone, Debug, Default)]
pub(super) struct Edits(Vec<(Span, String)>);

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
    /// Of what lies apart, in the order of the text.
    pub(super) const fn new(edits: Vec<(Span, String)>) -> Self {
        Self(edits)
    }

    pub(super) fn fits(&self, edit: &TextEdit, text: &str) -> Fits {
        let span = edit.span;
        if text.get(span.range()).is_none() {
            return Fits::No;
        }
        let with = adapted(&edit.text, text);
        if self.0.iter().any(|(known, by)| *known == span && *by == with) {
            return Fits::Already;
        }
        if self.0.iter().any(|(known, _)| meets(*known, span)) { Fits::No } else { Fits::Yes }
    }

    pub(super) fn add(&mut self, edit: &TextEdit, text: &str) {
        self.0.push((edit.span, adapted(&edit.text, text)));
        self.0.sort();
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

    #[test]
    fn characters_are_not_cut() {
        assert_eq!(Edits::default().fits(&edit(1, 2, ""), "ä"), Fits::No);
    }
}
