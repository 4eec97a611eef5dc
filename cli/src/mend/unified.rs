//! Changes as a unified diff, which `git apply` and `patch -p1` read.

use std::fmt::Write as _;

use mesh_compiler::source::{SourceFile, Span};

use super::edits::Edits;
use crate::render::plain::shown_path;

/// How many lines are shown around a change.
const CONTEXT: usize = 3;

/// Changes for a program.
#[derive(Debug, Default)]
pub(crate) struct Patch {
    pub text: String,
    /// What is not in it, a line each.
    pub notes: Vec<String>,
}

/// What `edits` do to a file that is called `path`, without what would show a secret; empty if they do nothing.
pub(super) fn diff(path: &str, file: &SourceFile, edits: &Edits) -> Patch {
    let (before, after) = (file.text(), edits.apply(file.text()));
    let (old, new) = (lines(before), lines(&after));
    let Patch { mut text, mut notes } = Patch::default();
    // How many lines more the file has by changes that are left out.
    let mut shift = 0;
    for hunk in hunks(before, &old, &new, edits) {
        if file.hides(hunk.bytes) {
            let (shown, from, to) = (shown_path(file), hunk.old.0 + 1, hunk.old.1);
            notes.push(format!("{shown}: a change in lines {from} to {to} is not in the patch, since a secret stands there"));
            shift += signed(hunk.new.1 - hunk.new.0) - signed(hunk.old.1 - hunk.old.0);
            continue;
        }
        if text.is_empty() {
            // Writing into a text does not fail.
            let _ = write!(text, "--- a/{path}\n+++ b/{path}\n");
        }
        hunk.write(&old, &new, shift, &mut text);
    }
    Patch { text, notes }
}

/// With the line breaks.
fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

/// Some lines that change, from 0, ends exclusive, with those around them.
#[derive(Debug)]
struct Hunk {
    old: (usize, usize),
    new: (usize, usize),
    /// Ranges of old and new lines that differ.
    changes: Vec<((usize, usize), (usize, usize))>,
    /// What the old lines are in the file.
    bytes: Span,
}

fn hunks(before: &str, old: &[&str], new: &[&str], edits: &Edits) -> Vec<Hunk> {
    let starts = starts(before);
    let mut hunks: Vec<Hunk> = Vec::new();
    for change in changes(&starts, old, new, edits) {
        let ((from, to), (new_from, new_to)) = change;
        let lead = from.min(CONTEXT);
        let tail = (old.len() - to).min(CONTEXT);
        match hunks.last_mut() {
            Some(last) if from - lead <= last.old.1 => {
                last.old.1 = to + tail;
                last.new.1 = new_to + tail;
                last.changes.push(change);
            }
            _ => hunks.push(Hunk {
                old: (from - lead, to + tail),
                new: (new_from - lead, new_to + tail),
                changes: vec![change],
                bytes: Span::default(),
            }),
        }
    }
    let offset = |line: usize| starts.get(line).copied().unwrap_or(before.len());
    for hunk in &mut hunks {
        hunk.bytes = Span::of(offset(hunk.old.0)..offset(hunk.old.1));
    }
    hunks
}

/// The byte at which each line begins, by line breaks as Git knows them; after the last one, too.
fn starts(text: &str) -> Vec<usize> {
    std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect()
}

type Change = ((usize, usize), (usize, usize));

/// The lines that differ, by the edits that touch them. Between two edits all lines are alike, so lines are counted from
/// the beginning up to the first, and so on.
fn changes(starts: &[usize], old: &[&str], new: &[&str], edits: &Edits) -> Vec<Change> {
    let line_of =
        |byte: u32| starts.partition_point(|start| *start <= byte as usize).saturating_sub(1);
    let mut touched: Vec<(usize, usize)> = Vec::new();
    for span in edits.spans() {
        let (from, to) = (line_of(span.start), (line_of(span.end) + 1).min(old.len()));
        match touched.last_mut() {
            Some(last) if from <= last.1 => last.1 = last.1.max(to),
            _ => touched.push((from, to)),
        }
    }
    let mut found = Vec::new();
    let mut shift: isize = 0;
    for (position, (from, to)) in touched.iter().enumerate() {
        let new_from = from.saturating_add_signed(shift);
        // Up to the next edit, old and new lines are alike: the first place from which they are is the end.
        let next = touched.get(position + 1).map_or(old.len(), |next| next.0);
        let rest = old.get(*to..next).unwrap_or_default();
        let is_last = position + 1 == touched.len();
        let ends = new_from..=new.len();
        let new_to = if is_last {
            new.len() - rest.len()
        } else {
            let alike = |end: &usize| new.get(*end..end + rest.len()) == Some(rest);
            ends.into_iter().find(alike).unwrap_or(new.len())
        };
        shift += signed(new_to - new_from) - signed(to - from);
        found.extend(trimmed(old, new, (*from, *to), (new_from, new_to)));
    }
    found
}

fn signed(count: usize) -> isize {
    isize::try_from(count).unwrap_or(isize::MAX)
}

/// Without lines at the ends that stay as they are.
fn trimmed(
    old: &[&str],
    new: &[&str],
    (mut from, mut to): (usize, usize),
    (mut new_from, mut new_to): (usize, usize),
) -> Option<Change> {
    while from < to && new_from < new_to && old.get(from) == new.get(new_from) {
        (from, new_from) = (from + 1, new_from + 1);
    }
    while from < to && new_from < new_to && old.get(to - 1) == new.get(new_to - 1) {
        (to, new_to) = (to - 1, new_to - 1);
    }
    (from < to || new_from < new_to).then_some(((from, to), (new_from, new_to)))
}

impl Hunk {
    /// `shift`: how many lines of the new text before it are not to be there.
    fn write(&self, old: &[&str], new: &[&str], shift: isize, out: &mut String) {
        let moved = |line: usize| line.saturating_add_signed(-shift);
        let (old_range, new_range) =
            (range(self.old), range((moved(self.new.0), moved(self.new.1))));
        let _ = writeln!(out, "@@ -{old_range} +{new_range} @@");
        let mut at = self.old.0;
        for ((from, to), (new_from, new_to)) in &self.changes {
            block(' ', old.get(at..*from), out);
            block('-', old.get(*from..*to), out);
            block('+', new.get(*new_from..*new_to), out);
            at = *to;
        }
        block(' ', old.get(at..self.old.1), out);
    }
}

/// `first,count`, from 1; of no lines, the line before them.
fn range((from, to): (usize, usize)) -> String {
    let first = if from == to { from } else { from + 1 };
    format!("{first},{}", to - from)
}

fn block(mark: char, lines: Option<&[&str]>, out: &mut String) {
    for line in lines.unwrap_or_default() {
        out.push(mark);
        out.push_str(line);
        if !line.ends_with('\n') {
            out.push_str("\n\\ No newline at end of file\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mesh_compiler::diagnostic::TextEdit;
    use mesh_compiler::source::{FileId, Role};

    fn of(text: &str, edits: &[(&str, &str)]) -> String {
        let mut all = Edits::default();
        for (old, new) in edits {
            let start = u32::try_from(text.find(old).unwrap()).unwrap();
            let span = Span::new(start, start + u32::try_from(old.len()).unwrap());
            all.add(&TextEdit { file: FileId(0), span, text: (*new).into() }, text);
        }
        diff("a.yaml", &SourceFile::new("a.yaml", Role::Policy, text.into()), &all).text
    }

    #[test]
    fn changes_are_shown_with_what_is_around_them() {
        let text = "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12";
        assert_eq!(
            of(text, &[("2\n", ""), ("12", "x\ny")]),
            "--- a/a.yaml\n+++ b/a.yaml\n@@ -1,5 +1,4 @@\n 1\n-2\n 3\n 4\n 5\n@@ -9,4 +8,5 @@\n 9\n 10\n 11\n-12\n\\ No newline at end of file\n+x\n+y\n\\ No newline at end of file\n"
        );
        assert_eq!(of("a\n", &[("a", "a")]), "");
    }

    #[test]
    fn what_git_makes_of_it_is_what_the_edits_make() {
        let folder = tempfile::tempdir().unwrap();
        let text: Vec<_> = (0..40).map(|line| format!("line{line:02}")).collect();
        let text = text.join("\n") + "\n";
        let edits = [
            ("line03\n", ""),
            ("ne05\nli", "X"),
            ("line20", "a\nb"),
            ("line21\n", ""),
            ("line39\n", "end"),
        ];
        let patch = of(&text, &edits);
        apply(&folder, &text, &patch);
        let after = edits.iter().fold(text, |text, (old, new)| text.replacen(old, new, 1));
        assert_eq!(std::fs::read_to_string(folder.path().join("a.yaml")).unwrap(), after);
    }

    #[test]
    fn what_is_beside_a_secret_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let text = (0..60).map(|line| format!("line{line:02}\n")).collect::<Vec<_>>().concat();
        let mut file = SourceFile::new("a.yaml", Role::Policy, text.clone());
        file.hide([Span::new(7 * 20, 7 * 20 + 6)]);
        let mut edits = Edits::default();
        for line in [2, 22, 50] {
            let span = Span::new(7 * line, 7 * line);
            edits.add(&TextEdit { file: FileId(0), span, text: "x\ny\n".into() }, &text);
        }
        let Patch { text: patch, notes } = diff("a.yaml", &file, &edits);
        assert!(
            matches!(notes.as_slice(), [it] if it.contains("lines 20 to 25 is not")),
            "{notes:?}"
        );
        assert!(patch.contains("@@ -48,6 +50,8 @@"), "{patch}");
        apply(&folder, &text, &patch);
        let after = std::fs::read_to_string(folder.path().join("a.yaml")).unwrap();
        assert_eq!(after.matches("x\ny\n").count(), 2);
    }

    fn apply(folder: &tempfile::TempDir, text: &str, patch: &str) {
        std::fs::write(folder.path().join("a.yaml"), text).unwrap();
        std::fs::write(folder.path().join("p"), patch).unwrap();
        let git = std::process::Command::new("git")
            .args(["apply", "p"])
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(git.status.success(), "{}\n{patch}", String::from_utf8_lossy(&git.stderr));
    }
}
