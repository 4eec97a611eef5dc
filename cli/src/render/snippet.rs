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
//! Labels whose lines meet share a frame. A line that is too long for the terminal is cut to what lies around its labels, and
//! shown once for each where they do not fit side by side. A large repository has thousands of them, so nothing is formatted that
//! can be pushed.

use std::ops::Range;

use mesh_compiler::diagnostic::{Severity, Site};
use mesh_compiler::source::{SourceFile, Span};

use super::Terminal;
use super::fit::{Cut, prefix, width, wrap};
use super::plain::{plain, shown_path};

/// How many lines are shown above and below that of a label.
const CONTEXT: usize = 1;
/// At most as much is shown of a cut line before its label.
const LEAD: usize = 24;
/// A text that takes more columns has at least as many in its first line.
const TEXT_MIN: usize = 20;
/// What stands before a label's text.
const STEM: &str = "╰── ";
const STEM_WIDTH: usize = 4;

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
    let snippet = Snippet { file, labels: &labels, severity, terminal };
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
    let last = text.trim_end().len();
    let Range { start, end } = span.range();
    let start = start.min(last);
    let rest = text.get(start..end.max(start).min(last)).unwrap_or_default();
    let line = rest.find(['\n', '\r']).unwrap_or(rest.len());
    Span::of(start..start + line)
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
    /// The first line, from 0.
    line: usize,
    count: usize,
}

/// Where a label is drawn: columns of the line as it is shown.
struct Placed<'l> {
    label: &'l Label<'l>,
    first: usize,
    last: usize,
    stem: usize,
}

struct Snippet<'a> {
    file: &'a SourceFile,
    /// In the order of the text.
    labels: &'a [Label<'a>],
    severity: Severity,
    terminal: &'a Terminal,
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
        Frame { span, line: first, count: last - first + 1 }
    }

    fn draw(&self, frame: &Frame, out: &mut String) {
        let (lines, text) = (self.file.lines(), self.file.shown_text());
        let margin = (frame.line + frame.count).to_string().len() + 2;
        // What stands before a line takes two columns more than the margin.
        let room = self.terminal.width.saturating_sub(margin + 2).max(TEXT_MIN);
        self.head(frame, margin, room, out);
        for place in frame.line..frame.line + frame.count {
            let span = lines.span(place, text);
            let line = text.get(span.range()).unwrap_or_default();
            let is_end = line.is_empty() && place + 1 == lines.count();
            let line = line.trim_end_matches(['\n', '\r']);
            let Range { start, .. } = span.range();
            let of_line = start..=start + line.len();
            let is_of_line = |it: &&Label<'_>| of_line.contains(&it.span.range().start);
            let labels: Vec<_> = self.labels.iter().filter(is_of_line).collect();
            if is_end && labels.is_empty() {
                continue;
            }
            for (cut, placed) in lay_out(line, span.start, &labels, room) {
                out.push(' ');
                let number = format!("{:1$}", place + 1, margin - 2);
                out.push_str(&self.terminal.paint.dim(&number));
                out.push_str(" │ ");
                cut.write(out);
                out.push('\n');
                self.underline(placed, margin, room, out);
            }
        }
        pad(margin, out);
        out.push_str("╰────\n");
    }

    /// `╭─[shop/reviews.yaml:7:3 · VirtualService shop/reviews]`; what there is no room for stands in the next line, and so does
    /// the rest of what is longer than a line.
    fn head(&self, frame: &Frame, margin: usize, room: usize, out: &mut String) {
        let next = |out: &mut String| {
            out.push('\n');
            pad(margin, out);
            out.push('│');
            room
        };
        pad(margin, out);
        out.push_str("╭─[");
        // Two columns more than a line has, of which the frame takes three, and one at its end.
        let mut left = room.saturating_sub(2);
        for (index, part) in self.name(frame).into_iter().enumerate() {
            if index > 0 && width(&part) + 3 > left {
                left = next(out);
            }
            let part = if index > 0 { format!(" · {part}") } else { part };
            let mut rest = part.as_str();
            while width(rest) > left {
                let (fits, more) = rest.split_at(prefix(rest, left));
                out.push_str(&self.terminal.paint.link(fits));
                (rest, left) = (more, next(out));
            }
            out.push_str(&self.terminal.paint.link(rest));
            left -= width(rest);
        }
        out.push_str("]\n");
    }

    /// `shop/reviews.yaml:7:3`, `VirtualService shop/reviews`, `from shop/templates/reviews.yaml`.
    fn name(&self, frame: &Frame) -> Vec<String> {
        let within =
            |it: &&Label<'_>| frame.span.start <= it.span.start && it.span.end <= frame.span.end;
        let mut labels = self.labels.iter().filter(within);
        let first = labels.clone().next();
        let label = labels.find(|label| label.is_primary).or(first);
        let start = label.map_or(frame.span.start, |label| label.span.start);
        let position = self.file.position(start);
        let place = format!("{}:{}:{}", shown_path(self.file), position.line, position.column);
        let mut name = vec![place];
        let site = self.labels.iter().find(|known| known.span.start == start).map(|it| it.site);
        if let Some(resource) = site.and_then(|site| site.resource.as_deref()) {
            name.push(plain(resource).into_owned());
        }
        if let Some(origin) = site.and_then(|site| site.origin.as_deref()) {
            name.push(format!("from {}", plain(origin)));
        }
        name
    }

    /// Marks what the labels of a line are about, and then writes them, the last one first.
    fn underline(&self, mut placed: Vec<Placed<'_>>, margin: usize, room: usize, out: &mut String) {
        if placed.is_empty() {
            return;
        }
        gutter(margin, out);
        let mut marked = 0;
        for Placed { label, first, last, stem } in &placed {
            let mark = match (label.span.is_empty(), label.site.text.is_empty()) {
                (true, _) => '▲',
                (false, false) => '┬',
                (false, true) => '─',
            };
            let mut line = " ".repeat(first - marked);
            line.extend(std::iter::repeat_n('─', stem - first));
            line.push(mark);
            line.extend(std::iter::repeat_n('─', last - stem));
            out.push_str(&self.paint(label, &line));
            marked = last + 1;
        }
        out.push('\n');
        while let Some(Placed { label, stem, .. }) = placed.pop() {
            if label.site.text.is_empty() {
                continue;
            }
            let text = plain(&label.site.text);
            let mut lead = STEM;
            for text in wrap(&text, room.saturating_sub(stem + STEM_WIDTH)) {
                gutter(margin, out);
                let mut column = 0;
                for other in &placed {
                    pad(other.stem - column, out);
                    out.push_str(&self.paint(other.label, "│"));
                    column = other.stem + 1;
                }
                pad(stem - column, out);
                out.push_str(&self.paint(label, &format!("{lead}{text}")));
                out.push('\n');
                lead = "    ";
            }
        }
    }

    fn paint(&self, label: &Label<'_>, text: &str) -> String {
        if label.is_primary {
            self.terminal.paint.at_fault(self.severity, text)
        } else {
            self.terminal.paint.link(text)
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

/// How many columns a text takes, or more than `room`.
fn columns_of(text: &str, room: usize) -> usize {
    text.chars().take(room + 1).map(|it| width(it.encode_utf8(&mut [0; 4]))).sum()
}

/// How much of a label's text must stand beside its stem.
fn needs(label: &Label<'_>) -> usize {
    width(&plain(&label.site.text)).min(TEXT_MIN)
}

/// How a line is shown, and its labels: once where they all fit, else once for each.
fn lay_out<'l>(
    line: &'l str,
    start: u32,
    labels: &[&'l Label<'l>],
    room: usize,
) -> Vec<(Cut<'l>, Vec<Placed<'l>>)> {
    let [first, ..] = labels else {
        let cut = Cut::whole(line, room).unwrap_or_else(|| Cut::around(line, 0, 0, room));
        return vec![(cut, Vec::new())];
    };
    let at = |label: &Label<'_>| (label.span.start - start) as usize;
    let around = |label: &Label<'_>| {
        // All of what it is about, if there is room for that and for a little before it; in any case its text; and no less of
        // the line than there is room for.
        let rest = line.get(at(label)..).unwrap_or_default();
        let own = rest.get(..label.span.range().len()).unwrap_or(rest);
        let lead = room.saturating_sub(columns_of(own, room) + 2).clamp(room / 4, room / 2);
        let lead = lead.min(LEAD).max(room.saturating_sub(columns_of(rest, room) + 1));
        let text = width(&plain(&label.site.text)).min(room / 2);
        let lead = lead.min(room.saturating_sub(STEM_WIDTH + text + 1));
        Cut::around(line, at(label), lead, room)
    };
    let cut = Cut::whole(line, room).unwrap_or_else(|| around(first));
    let placed = columns(&cut, start, labels, room);
    let is_room = |it: &Placed<'_>| {
        cut.shows(at(it.label)) && it.stem + STEM_WIDTH + needs(it.label) <= room && it.last < room
    };
    if placed.iter().all(is_room) {
        return vec![(cut, placed)];
    }
    let alone = labels.iter().map(|label| {
        let cut = around(label);
        (cut, columns(&cut, start, &[label], room))
    });
    alone.collect()
}

/// Where the labels of a line are drawn. A stem stands in the middle of what its label is about, or as far to the left as there is
/// room for the text.
fn columns<'l>(
    cut: &Cut<'_>,
    start: u32,
    labels: &[&'l Label<'l>],
    room: usize,
) -> Vec<Placed<'l>> {
    let mut marked = 0;
    let place = |label: &&'l Label<'l>| {
        let column = |at: u32| cut.column((at - start) as usize);
        let first = column(label.span.start).max(marked);
        let end = if label.span.is_empty() { first } else { column(label.span.end) };
        let last = end.max(first + 1) - 1;
        let leftmost = room.saturating_sub(STEM_WIDTH + needs(label)).max(first);
        let stem = usize::midpoint(first, last + 1).min(leftmost);
        marked = last + 1;
        Placed { label, first, last, stem }
    };
    labels.iter().map(place).collect()
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
        drawn_in(100, text, labels)
    }

    fn drawn_in(width: usize, text: &str, labels: &[(&str, &str)]) -> String {
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
        let terminal = Terminal { width, paint: Paint(false) };
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
    fn a_long_line_is_cut_and_a_long_text_wrapped() {
        let text = format!("a: {}x{}\nb: 1\n", "b ".repeat(200), "c ".repeat(200));
        let expected = "   ╭─[a.yaml:1:404]
 1 │ …b b b b b xc c c c c c c c c…
   ·            ┬
   ·            ╰── no Service of
   ·                this name is
   ·                known
 2 │ b: 1
   ╰────";
        assert_eq!(drawn_in(35, &text, &[("x", "no Service of this name is known")]), expected);
    }

    #[test]
    fn labels_that_do_not_fit_side_by_side_have_a_line_each() {
        let text = "hosts: [reviews, ratings, details, a-name-that-is-far]\n";
        let expected = "   ╭─[a.yaml:1:9]
 1 │ hosts: [reviews, ratings, details,…
   ·         ───┬───
   ·            ╰── the first of them
 1 │ …ings, details, a-name-that-is-far]
   ·                 ───────┬──────────
   ·                        ╰── the last
   ╰────";
        let labels = [("reviews", "the first of them"), ("a-name-that-is-far", "the last")];
        assert_eq!(drawn_in(40, text, &labels), expected);
    }

    /// Whatever the file says and whatever is said of it, in letters of one column and of two.
    #[test]
    fn no_line_is_wider_than_the_terminal() {
        let words = ["host: name-of-a-service", "主机: 一个服务的名字很长"];
        let texts = [
            "no Service of this name is known in the mesh, and none is like it",
            "网格中没有这个名字的服务也没有类似的服务可以替代它",
        ];
        for ((words, text), before) in
            words.iter().zip(texts).flat_map(|it| [0, 3, 40, 400].map(|before| (it, before)))
        {
            for after in [0, 30, 500] {
                let line = format!("{}{words}\t{}", "- 列 ".repeat(before), "x界 ".repeat(after));
                let file = format!("{}\n{line}\n{}\n", "前 a ".repeat(50), "z".repeat(99));
                for labels in [
                    vec![(*words, text)],
                    vec![(&words[..3], "x"), (*words, text)],
                    vec![(line.as_str(), text), (&words[..3], text)],
                ] {
                    for width in [40, 60, 80, 100] {
                        let drawn = drawn_in(width, &file, &labels);
                        let wide = drawn.lines().find(|line| super::width(line) > width);
                        assert_eq!(wide, None, "{width}:\n{drawn}");
                        assert!(drawn.contains(words.get(..3).unwrap()), "{width}:\n{drawn}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_name_that_is_too_long_for_a_line_goes_on_in_the_next() {
        let file = SourceFile::new("policies/shop/reviews.yaml", Role::Policy, "a: b\n".to_owned());
        let site = Site {
            file: FileId(0),
            span: Some(Span::new(0, 1)),
            text: String::new(),
            resource: Some("VirtualService shop/reviews".into()),
            origin: Some("shop/templates/reviews.yaml".into()),
        };
        let drawn = |width| {
            let terminal = Terminal { width, paint: Paint(false) };
            let text = draw(&file, &[(&site, Span::new(0, 1))], None, Severity::Info, &terminal);
            text.split(" 1 │").next().unwrap().to_owned()
        };
        assert_eq!(
            drawn(40),
            "   ╭─[policies/shop/reviews.yaml:1:1\n   │ · VirtualService shop/reviews\n   │ · from shop/templates/reviews.yaml]\n"
        );
        assert_eq!(drawn(120).lines().count(), 1);
    }
}
