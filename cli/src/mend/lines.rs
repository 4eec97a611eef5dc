//! What lies between two versions of a text, line by line.

use mesh_compiler::source::Span;

/// How far the next line that both have is looked for.
const AHEAD_MAX: usize = 400;

/// Replacements of whole lines that make `after` of `before`. Lines that differ by spaces alone are taken for the same.
pub(super) fn between(before: &str, after: &str) -> Vec<(Span, String)> {
    let (old, new) = (lines(before), lines(after));
    let (mut i, mut j, mut at) = (0, 0, 0);
    let mut edits = Vec::new();
    while i < old.len() || j < new.len() {
        let (take, put) = step(old.get(i..).unwrap_or_default(), new.get(j..).unwrap_or_default());
        let (gone, come) = (joined(&old, i, take), joined(&new, j, put));
        if gone != come {
            edits.push((Span::of(at..at + gone.len()), come));
        }
        at += gone.len();
        (i, j) = (i + take, j + put);
    }
    edits
}

/// How many lines are taken, and how many stand in their place: one each, or as many as lie before the next pair.
fn step(old: &[&str], new: &[&str]) -> (usize, usize) {
    let is_pair = |take: usize, put: usize| match (old.get(take), new.get(put)) {
        (Some(a), Some(b)) => a.trim() == b.trim(),
        (None, None) => true,
        _ => false,
    };
    if is_pair(0, 0) {
        return (1, 1);
    }
    let near = (1..AHEAD_MAX).find_map(|sum| {
        (0..=sum)
            .map(|take| (take, sum - take))
            .find(|(take, put)| *take <= old.len() && *put <= new.len() && is_pair(*take, *put))
    });
    near.unwrap_or((old.len(), new.len()))
}

fn joined(lines: &[&str], from: usize, count: usize) -> String {
    lines.iter().skip(from).take(count).copied().collect()
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

#[cfg(test)]
mod tests {
    use super::between;

    #[test]
    fn edits_make_the_one_of_the_other() {
        for (before, after) in [
            ("", ""),
            ("a\n", "a\n"),
            ("a\n\n\nb", "a\n\nb\n"),
            ("  a\n   b\nc\n", "a\n b\nc\n"),
            ("c\na\nb\n", "a\nb\nc\n"),
            ("a\n", ""),
            ("", "a\n"),
            ("x\ny\n", "p\nq\nr\n"),
        ] {
            let mut made = String::new();
            let mut at = 0;
            for (span, with) in between(before, after) {
                made += &before[at..span.range().start];
                made += &with;
                at = span.range().end;
            }
            made += &before[at..];
            assert_eq!(made, after, "{before:?}");
        }
    }
}
