//! Comments that speak to the compiler, `# mesh:…`.
//!
//! The tree knows no comments. They are read a second time, and only from files that seem to hold such ones.

use granit_parser::{Event, Parser, options};

use super::stream::{DEPTH_MAX, byte_span};
use crate::source::{FileId, LineIndex, Span};

/// A comment that begins with `mesh:`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pragma {
    pub file: FileId,
    /// From `#` to the end of the line.
    pub span: Span,
    pub about: About,
}

/// What a comment is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum About {
    /// A line: its own, or the next one that is more than a comment.
    Line(Span),
    /// A YAML document, before whose first key it stands. The first one stands for its file.
    Document { span: Span, is_first: bool },
}

/// How a comment begins.
const MARK: &str = "mesh:";

/// All of them, in the order of the text.
pub(super) fn pragmas(text: &str, file: FileId, lines: &LineIndex) -> Vec<Pragma> {
    if !text.contains(MARK) {
        return Vec::new();
    }
    let (comments, heads) = read(text);
    let documents: Vec<_> = (0..heads.len()).map(|at| document(&heads, at, text)).collect();
    let speaking = speaking(text, lines);
    let pragma = |span: Span| {
        let head = heads.partition_point(|head| head.start <= span.start).checked_sub(1);
        let head = head.filter(|at| heads.get(*at).is_some_and(|head| head.holds(span)));
        let about = head.filter(|_| is_alone(span, text, lines)).and_then(|at| {
            let span = *documents.get(at)?;
            Some(About::Document { span, is_first: at == 0 })
        });
        let about = about.unwrap_or_else(|| About::Line(line(span, text, lines, &speaking)));
        Pragma { file, span, about }
    };
    comments.into_iter().map(pragma).collect()
}

/// Where a document begins, and where its first token does.
#[derive(Clone, Copy, Debug)]
struct Head {
    start: u32,
    first: u32,
}

impl Head {
    const fn holds(self, comment: Span) -> bool {
        self.start <= comment.start && comment.end <= self.first
    }
}

/// The comments that speak, and the documents.
fn read(text: &str) -> (Vec<Span>, Vec<Head>) {
    let options = options! {
        emit_comments: true,
        emit_unresolved_aliases: true,
        // Comments are as many as the author wrote; the file's size is their limit.
        max_buffered_comment_events: usize::MAX,
        flow_nesting_limit: DEPTH_MAX,
        block_nesting_limit: DEPTH_MAX,
    };
    let mut parser = Parser::new_from_str_with_options(text, options);
    let (mut comments, mut heads) = (Vec::new(), Vec::<Head>::new());
    loop {
        match parser.next() {
            None => break,
            Some(Ok((Event::DocumentStart(..), span))) => {
                // What stands before the first document is about it.
                let start = if heads.is_empty() { 0 } else { byte_span(span).start };
                heads.push(Head { start, first: u32::MAX });
            }
            Some(Ok((Event::Comment(said, _), span))) => {
                if speaks(&said) {
                    comments.push(byte_span(span));
                }
            }
            Some(Ok((Event::DocumentEnd | Event::StreamStart | Event::StreamEnd, _))) => {}
            Some(Ok((_, span))) => {
                if let Some(head) = heads.last_mut() {
                    head.first = head.first.min(byte_span(span).start);
                }
            }
            // The text that does not parse has its own finding.
            Some(Err(_)) => {
                if !matches!(parser.proceed_next_document(), Ok(true)) {
                    break;
                }
            }
        }
    }
    (comments, heads)
}

/// Whether it is an instruction, `mesh:allow`, and not a sentence, `mesh: our own`.
fn speaks(comment: &str) -> bool {
    let said = comment.trim_start().strip_prefix(MARK);
    said.is_some_and(|said| said.starts_with(|first: char| first.is_ascii_alphabetic()))
}

/// All of a document, up to where the next begins.
fn document(heads: &[Head], at: usize, text: &str) -> Span {
    let start = heads.get(at).map_or(0, |head| head.start);
    let end = heads.get(at + 1).map(|next| next.start);
    Span::new(start, end.unwrap_or_else(|| u32::try_from(text.len()).unwrap_or(u32::MAX)))
}

/// Whether nothing but spaces stands before it in its line.
fn is_alone(comment: Span, text: &str, lines: &LineIndex) -> bool {
    let line = lines.span(lines.line_of(comment.start), text);
    let before = text.get(line.start as usize..comment.start as usize).unwrap_or_default();
    before.trim().is_empty()
}

/// The lines that are more than a comment, in order.
fn speaking(text: &str, lines: &LineIndex) -> Vec<usize> {
    let says = |line: &usize| {
        let said = text.get(lines.span(*line, text).range()).unwrap_or_default().trim();
        !said.is_empty() && !said.starts_with('#')
    };
    (0..lines.count()).filter(says).collect()
}

fn line(comment: Span, text: &str, lines: &LineIndex, speaking: &[usize]) -> Span {
    let own = lines.line_of(comment.start);
    if !is_alone(comment, text, lines) {
        return lines.span(own, text);
    }
    let next = speaking.get(speaking.partition_point(|line| *line <= own));
    lines.span(next.copied().unwrap_or(own), text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each comment, and the text that it is about.
    fn about(text: &str) -> Vec<(&str, &str)> {
        let lines = LineIndex::new(text);
        let each = pragmas(text, FileId(0), &lines).into_iter().map(|pragma| {
            let (About::Line(about) | About::Document { span: about, .. }) = pragma.about;
            (&text[pragma.span.range()], &text[about.range()])
        });
        each.collect()
    }

    #[test]
    fn a_comment_is_about_its_line_or_the_next() {
        let text = "a: 1 # mesh:x\nb:\n  # mesh:y\n\n  # more\n  c: 2\n";
        assert_eq!(about(text), [("# mesh:x", "a: 1 # mesh:x\n"), ("# mesh:y", "  c: 2\n")]);
    }

    #[test]
    fn a_comment_above_the_first_key_is_about_the_document() {
        let text = "# a licence\n# mesh:x\na: 1\n---\n#mesh:y\nb: 2\nc: 3\n";
        let (first, second) = text.split_at(text.find("---").unwrap());
        assert_eq!(about(text), [("# mesh:x", first), ("#mesh:y", second)]);
        assert_eq!(about("---\n# mesh:x\na: 1\n").len(), 1);
    }

    #[test]
    fn what_is_no_comment_says_nothing() {
        let block = "a: |\n  # mesh:x\n  text\nb: \"# mesh:y\"\nc: d#mesh:z\n# mesh: a sentence\n";
        assert_eq!(about(block), []);
    }

    #[test]
    fn a_hundred_comments_in_a_row_are_read() {
        let text = format!("a:\n{}  b: 1\n", "  # mesh:x\n".repeat(200));
        assert_eq!(about(&text).len(), 200);
    }

    /// Of many documents each has its own.
    #[test]
    fn a_comment_is_about_the_document_that_it_stands_in() {
        let document = |at| format!("---\n# mesh:x{at}\na: {at}\nb: 1 # mesh:y{at}\n");
        let text: String = (0..50).map(document).collect();
        let about = about(&text);
        assert_eq!(about.len(), 100);
        for (at, pair) in about.chunks(2).enumerate() {
            let (comment, line) = (format!("# mesh:x{at}"), format!("b: 1 # mesh:y{at}\n"));
            assert_eq!(pair[0], (comment.as_str(), document(at).as_str()));
            assert_eq!(pair[1].1, line);
        }
    }

    #[test]
    fn a_document_that_does_not_parse_hides_no_other() {
        let text = "a: [\n---\nb: 1 # mesh:x\n";
        assert_eq!(about(text), [("# mesh:x", "b: 1 # mesh:x\n")]);
    }
}
