//! A fix as the lines that it changes.

use mesh_compiler::diagnostic::{TextEdit, TextFix};
use mesh_compiler::parse::Parsed;
use mesh_compiler::source::{FileId, SourceFile, Span};

/// The lines that some edits of one file change: their first number, as they are and as they would be.
pub(super) struct Hunk {
    pub file: FileId,
    /// From 1.
    pub line: usize,
    pub before: Vec<String>,
    pub after: Vec<String>,
}

/// What a fix changes, in the order of the file. Edits that touch secrets are not shown.
pub(super) fn hunks(fix: &TextFix, parsed: &Parsed) -> Vec<Hunk> {
    let mut edits: Vec<_> = fix.edits.iter().collect();
    edits.sort_by_key(|edit| (edit.file, edit.span));
    let mut hunks = Vec::new();
    let mut rest = edits.as_slice();
    while let Some(first) = rest.first() {
        let file = parsed.source(first.file);
        let lines = lines_of(file, first.span);
        let together = rest
            .iter()
            .take_while(|edit| edit.file == first.file && lines.covers(edit.span))
            .count();
        let (now, later) = rest.split_at(together.max(1));
        if !file.hides(lines) {
            hunks.push(hunk(first.file, file, lines, now));
        }
        rest = later;
    }
    hunks
}

/// The whole lines that `span` touches, without the last line break.
fn lines_of(file: &SourceFile, span: Span) -> Span {
    let lines = file.lines();
    let first = lines.span(lines.line_of(span.start), file.text());
    let last = lines.span(lines.line_of(span.end), file.text());
    let text = file.slice(Span::new(first.start, last.end));
    let length = text.trim_end_matches(['\n', '\r']).len();
    Span::new(first.start, first.start + u32::try_from(length).unwrap_or(0))
}

/// What is kept on either side of the edits of long lines: more than any terminal shows.
const NEAR: u32 = 1 << 10;

/// Of long lines the part that the edits are in; `…` stands for what is left out. A line may be a whole file, and have thousands of findings.
fn near(lines: Span, edits: &[&TextEdit], file: &SourceFile) -> Span {
    let first = edits.first().map_or(lines.start, |edit| edit.span.start);
    let last = edits.iter().map(|edit| edit.span.end).max().unwrap_or(lines.end);
    let boundary = |at: u32| {
        let at = file.text().floor_char_boundary(at as usize);
        u32::try_from(at).unwrap_or(u32::MAX)
    };
    let start = boundary(first.saturating_sub(NEAR)).max(lines.start);
    let end = boundary(last.saturating_add(NEAR)).min(lines.end).max(start);
    Span::new(start, end)
}

fn hunk(id: FileId, file: &SourceFile, whole: Span, edits: &[&TextEdit]) -> Hunk {
    let lines = near(whole, edits, file);
    let before = file.shown(lines);
    let mut after = before.clone();
    for edit in edits.iter().rev() {
        let start = (edit.span.start.saturating_sub(lines.start)) as usize;
        let end = start + edit.span.range().len();
        if after.is_char_boundary(start) && after.is_char_boundary(end) && end <= after.len() {
            after.replace_range(start..end, &edit.text);
        }
    }
    let more = |is_more: bool| if is_more { "…" } else { "" };
    let (left, right) = (more(whole.start < lines.start), more(lines.end < whole.end));
    let [before, after] = [before, after].map(|text| format!("{left}{text}{right}"));
    let line = file.lines().line_of(lines.start) + 1;
    changed(id, line, &lines_in(&before), &lines_in(&after))
}

fn lines_in(text: &str) -> Vec<&str> {
    text.lines().collect()
}

/// Without the lines at the beginning and the end that stay as they are.
fn changed(file: FileId, line: usize, before: &[&str], after: &[&str]) -> Hunk {
    let shared = before.len().min(after.len());
    let is_same = |(a, b): &(&&str, &&str)| a == b;
    let head = before.iter().zip(after).take_while(is_same).count();
    let tail = before.iter().rev().zip(after.iter().rev()).take_while(is_same).count();
    let tail = tail.min(shared - head);
    let between = |lines: &[&str]| {
        let lines = lines.get(head..lines.len() - tail).unwrap_or_default();
        lines.iter().map(|line| (*line).to_owned()).collect()
    };
    Hunk { file, line: line + head, before: between(before), after: between(after) }
}

#[cfg(test)]
mod tests {
    use mesh_compiler::source::Role;

    use super::*;

    #[test]
    fn what_is_left_out_of_long_lines_is_not_passed_over_in_silence() {
        let (left, right) = ("l".repeat(2 * NEAR as usize), "r".repeat(2 * NEAR as usize));
        let text = format!("first\n{left}old{right}\nlast\n");
        let file = SourceFile::new("a.yaml", Role::Policy, text.clone());
        let of = |found: &str, new: &str| {
            let start = u32::try_from(text.find(found).unwrap()).unwrap();
            let span = Span::new(start, start + u32::try_from(found.len()).unwrap());
            let edit = TextEdit { file: FileId(0), span, text: new.to_owned() };
            hunk(FileId(0), &file, lines_of(&file, span), &[&edit])
        };
        let near = NEAR as usize;
        let shown = |word: &str| {
            vec![format!("…{}{word}{}…", left.get(..near).unwrap(), right.get(..near).unwrap())]
        };
        let cut = of("old", "new");
        assert_eq!((cut.line, cut.before, cut.after), (2, shown("old"), shown("new")));
        let whole = of("first", "one");
        assert_eq!((whole.before, whole.after), (vec!["first".to_owned()], vec!["one".to_owned()]));
    }

    #[test]
    fn lines_that_stay_are_not_shown() {
        let hunk = |before: &[&str], after: &[&str]| {
            let hunk = changed(FileId(0), 7, before, after);
            (hunk.line, hunk.before, hunk.after)
        };
        assert_eq!(hunk(&["a"], &["---", "a"]), (7, vec![], vec!["---".to_owned()]));
        assert_eq!(hunk(&["a", "b"], &["a"]), (8, vec!["b".to_owned()], vec![]));
        assert_eq!(hunk(&["a", "a"], &["a", "a", "a"]), (9, vec![], vec!["a".to_owned()]));
        assert_eq!(hunk(&["a", "b"], &["a", "c"]), (8, vec!["b".into()], vec!["c".into()]));
    }
}
