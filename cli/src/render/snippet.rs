//! The lines of a file, with labels under them.
//!
//! ```text
//!    ╭─[shop/reviews.yaml:7:3 · VirtualService shop/reviews]
//!  6 │ spec:
//!  7 │   hots: [reviews]
//!    ·   ──┬─
//!    ·     ╰── did you mean `hosts`?
//!  8 │   http: []
//!    ╰────
//! ```
//! Labels whose lines meet share a frame. A large repository has thousands of them, so nothing is formatted that can be pushed.

use mesh_compiler::diagnostic::{Severity, Site};
use mesh_compiler::source::{SourceFile, Span};

use super::Terminal;
use super::plain::{plain, shown_path};
use super::terminal::Paint;

/// Lines longer than this, in bytes, are cut to what lies around the label.
const LINE_MAX: u32 = 300;
/// How much of such a line is shown on each side.
const AROUND: u32 = 60;
/// How many lines are shown above and below that of a label.
const CONTEXT: usize = 1;
/// A tab leads to the next multiple of so many columns.
const TAB: usize = 4;

/// Draws the places of one file. `primary` is among them if it lies in this file.
pub(super) fn draw(
    file: &SourceFile,
    sites: &[(&Site, Span)],
    primary: Option<Span>,
    severity: Severity,
    terminal: &Terminal,
) -> String {
    let primary = primary.map(|span| clip(span, file));
    let mut labels: Vec<_> = sites
        .iter()
        .map(|(site, span)| {
            let span = clip(*span, file);
            Label { site, span, is_primary: Some(span) == primary }
        })
        .collect();
    labels.sort_by_key(|label| label.span.start);
    let snippet = Snippet { file, labels: &labels, severity, paint: terminal.paint };
    let mut drawn = String::new();
    for frame in snippet.frames() {
        snippet.draw(&frame, &mut drawn);
    }
    drawn.truncate(drawn.trim_end().len());
    drawn
}

/// A label lies on one line, and not past the end of the text.
fn clip(span: Span, file: &SourceFile) -> Span {
    let text = file.text();
    let last = number(text.trim_end().len());
    let start = span.start.min(last);
    let rest = file.slice(Span::new(start, span.end.max(start).min(last)));
    let line = rest.find(['\n', '\r']).unwrap_or(rest.len());
    Span::new(start, start + number(line))
}

struct Label<'a> {
    site: &'a Site,
    span: Span,
    is_primary: bool,
}

/// Lines that are shown together.
struct Frame {
    /// From the first label to the last.
    span: Span,
    /// What is shown: whole lines, but for those that are too long.
    window: Span,
    /// The line, from 0, in which the window begins.
    line: usize,
    count: usize,
}

struct Snippet<'a> {
    file: &'a SourceFile,
    /// In the order of the text.
    labels: &'a [Label<'a>],
    severity: Severity,
    paint: Paint,
}

impl Snippet<'_> {
    fn frames(&self) -> Vec<Frame> {
        let mut frames: Vec<Frame> = Vec::new();
        for label in self.labels {
            let frame = self.frame(label.span);
            match frames.last_mut() {
                Some(last) if last.line + last.count >= frame.line => {
                    let end = last.span.end.max(label.span.end);
                    *last = self.frame(Span::new(last.span.start, end));
                }
                _ => frames.push(frame),
            }
        }
        frames
    }

    fn frame(&self, span: Span) -> Frame {
        let lines = self.file.lines();
        let first = lines.line_of(span.start).saturating_sub(CONTEXT);
        let last = (lines.line_of(span.end) + CONTEXT).min(lines.count().saturating_sub(1));
        let window = self.window(first, last, span);
        Frame { span, window, line: lines.line_of(window.start), count: last - first + 1 }
    }

    /// Whole lines from `first` to `last`; a long one only around `span`.
    fn window(&self, first: usize, last: usize, span: Span) -> Span {
        let lines = self.file.lines();
        let text = self.file.text();
        let whole = Span::new(lines.span(first, text).start, lines.span(last, text).end);
        let is_long =
            (first..=last).any(|line| lines.span(line, text).range().len() > LINE_MAX as usize);
        if !is_long {
            return whole;
        }
        let own = Span::new(
            lines.span(lines.line_of(span.start), text).start,
            lines.span(lines.line_of(span.end), text).end,
        );
        let boundary =
            |at: u32| (0..=at).rev().find(|at| text.is_char_boundary(*at as usize)).unwrap_or(0);
        let start = boundary(span.start.saturating_sub(AROUND)).max(own.start);
        let end = boundary(span.end.saturating_add(AROUND).min(own.end)).max(span.end);
        Span::new(start, end)
    }

    fn draw(&self, frame: &Frame, out: &mut String) {
        let text = self.file.shown_text().get(frame.window.range()).unwrap_or_default();
        let last = frame.line + text.split_inclusive('\n').count();
        let margin = last.to_string().len() + 2;
        pad(margin, out);
        out.push_str("╭─[");
        out.push_str(&self.paint.link(&self.name(frame)));
        out.push_str("]\n");
        let mut start = frame.window.start;
        for (line, place) in text.split_inclusive('\n').zip(frame.line + 1..) {
            out.push(' ');
            out.push_str(&self.paint.dim(&format!("{place:0$}", margin - 2)));
            out.push_str(" │ ");
            expand(line.strip_suffix('\n').unwrap_or(line), out);
            out.push('\n');
            self.underline(line, start, margin, out);
            start += number(line.len());
        }
        pad(margin, out);
        out.push_str("╰────\n");
    }

    /// `shop/reviews.yaml:7:3 · VirtualService shop/reviews · from shop/templates/reviews.yaml`.
    fn name(&self, frame: &Frame) -> String {
        let within =
            |it: &&Label<'_>| frame.span.start <= it.span.start && it.span.end <= frame.span.end;
        let mut labels = self.labels.iter().filter(within);
        let first = labels.clone().next();
        let label = labels.find(|label| label.is_primary).or(first);
        let start = label.map_or(frame.span.start, |label| label.span.start);
        let position = self.file.position(start);
        let mut name = format!("{}:{}:{}", shown_path(self.file), position.line, position.column);
        let site = self.labels.iter().find(|known| known.span.start == start).map(|it| it.site);
        if let Some(resource) = site.and_then(|site| site.resource.as_deref()) {
            name.push_str(" · ");
            name.push_str(&plain(resource));
        }
        if let Some(origin) = site.and_then(|site| site.origin.as_deref()) {
            name.push_str(" · from ");
            name.push_str(&plain(origin));
        }
        name
    }

    /// Marks what the labels of a line are about, and then writes them, the last one first.
    fn underline(&self, line: &str, start: u32, margin: usize, out: &mut String) {
        let end = start + number(line.len());
        let labels: Vec<_> =
            self.labels.iter().filter(|it| (start..end).contains(&it.span.start)).collect();
        if labels.is_empty() {
            return;
        }
        let column = |at: u32| width(line.get(..(at - start) as usize).unwrap_or(line));
        let mut stems = Vec::with_capacity(labels.len());
        let mut marked = 0;
        gutter(margin, out);
        for label in &labels {
            let first = column(label.span.start).max(marked);
            let is_empty = label.span.is_empty();
            let last = if is_empty { first } else { column(label.span.end).max(first + 1) - 1 };
            let stem = usize::midpoint(first, last + 1);
            let mark = match (is_empty, label.site.text.is_empty()) {
                (true, _) => '▲',
                (false, false) => '┬',
                (false, true) => '─',
            };
            let mut line = " ".repeat(first - marked);
            line.extend(std::iter::repeat_n('─', stem - first));
            line.push(mark);
            line.extend(std::iter::repeat_n('─', last - stem));
            out.push_str(&self.paint(label, &line));
            stems.push((label, stem));
            marked = last + 1;
        }
        out.push('\n');
        while let Some((label, stem)) = stems.pop() {
            if !label.site.text.is_empty() {
                gutter(margin, out);
                let mut column = 0;
                for (other, stem) in &stems {
                    pad(stem - column, out);
                    out.push_str(&self.paint(other, "│"));
                    column = stem + 1;
                }
                pad(stem - column, out);
                out.push_str(&self.paint(label, &format!("╰── {}", plain(&label.site.text))));
                out.push('\n');
            }
        }
    }

    fn paint(&self, label: &Label<'_>, text: &str) -> String {
        if label.is_primary {
            self.paint.at_fault(self.severity, text)
        } else {
            self.paint.link(text)
        }
    }
}

fn pad(columns: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(' ', columns));
}

/// What stands before a line that has no number.
fn gutter(margin: usize, out: &mut String) {
    pad(margin, out);
    out.push_str("· ");
}

/// How many columns a text takes at the beginning of a line.
fn width(text: &str) -> usize {
    let parts = text.split('\t').map(textwrap::core::display_width);
    parts.reduce(|before, part| (before / TAB + 1) * TAB + part).unwrap_or(0)
}

/// Writes a line with spaces in place of its tabs.
fn expand(line: &str, out: &mut String) {
    let mut column = 0;
    for (index, part) in line.split('\t').enumerate() {
        if index > 0 {
            pad(TAB - column % TAB, out);
            column += TAB - column % TAB;
        }
        out.push_str(part);
        column += textwrap::core::display_width(part);
    }
}

fn number(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use mesh_compiler::diagnostic::{Severity, Site};
    use mesh_compiler::source::{FileId, Role, SourceFile, Span};

    use super::super::Terminal;
    use super::super::terminal::Paint;
    use super::draw;

    /// Draws labels, each with its text, at the first place in `text` where its words stand.
    fn drawn(text: &str, labels: &[(&str, &str)]) -> String {
        let file = SourceFile::new("a.yaml", Role::Policy, text.to_owned());
        let site = |(words, said): &(&str, &str)| {
            let start = u32::try_from(text.find(words).unwrap()).unwrap();
            let span = Span::new(start, start + u32::try_from(words.len()).unwrap());
            let text = (*said).to_owned();
            Site { file: FileId(0), span: Some(span), text, resource: None, origin: None }
        };
        let sites: Vec<_> = labels.iter().map(site).collect();
        let sites: Vec<_> = sites.iter().filter_map(|site| Some((site, site.span?))).collect();
        let primary = sites.first().map(|(_, span)| *span);
        let terminal = Terminal { width: 100, paint: Paint(false) };
        draw(&file, &sites, primary, Severity::Error, &terminal)
    }

    #[test]
    fn labels_of_one_line_stand_under_each_other() {
        let text = "a:\n\tb: one, two\nc: 1\nd: 2\ne: 3\n";
        let expected = "   ╭─[a.yaml:2:10]
 1 │ a:
 2 │     b: one, two
   ·        ─┬─  ─┬─
   ·         │    ╰── second
   ·         ╰── first
 3 │ c: 1
   ╰────";
        assert_eq!(drawn(text, &[("two", "second"), ("one", "first")]), expected);
    }

    #[test]
    fn frames_that_meet_are_one() {
        let text = "a: 1\nb: 2\nc: 3\nd: 4\ne: 5\nf: 6\ng: 7\nh: 8\ni: 9\n";
        assert_eq!(drawn(text, &[("b", ""), ("e", "")]).matches('╭').count(), 1);
        assert_eq!(drawn(text, &[("a", ""), ("h", "")]).matches('╭').count(), 2);
        assert!(
            drawn(text, &[("a", "x"), ("h", "")]).starts_with("   ╭─[a.yaml:1:1]\n 1 │ a: 1\n")
        );
    }

    #[test]
    fn nothing_has_a_mark_of_its_own() {
        assert!(drawn("ä: b\n", &[("", "here")]).contains("\n   · ▲\n   · ╰── here\n"));
        assert!(drawn("ä: b\n", &[("b", "here")]).contains("\n   ·    ┬\n   ·    ╰── here\n"));
    }

    #[test]
    fn a_long_line_is_cut() {
        let text = format!("a: {}x{}\n", "b ".repeat(200), "c ".repeat(200));
        let drawn = drawn(&text, &[("x", "this")]);
        assert!(drawn.lines().all(|line| line.chars().count() < 140), "{drawn}");
    }
}
