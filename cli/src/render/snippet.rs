//! The lines of a file, with labels under them, drawn by `miette`.

use std::fmt;

use mesh_compiler::diagnostic::{Severity, Site};
use mesh_compiler::source::{SourceFile, Span};
use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents,
    SourceCode, SourceSpan, SpanContents, ThemeCharacters, ThemeStyles,
};

use super::Terminal;

/// Lines longer than this, in bytes, are cut to what lies around the label.
const LINE_MAX: u32 = 300;
/// How much of such a line is shown on each side.
const AROUND: u32 = 60;

/// Draws the places of one file. `primary` is among them if it lies in this file.
pub(super) fn draw(
    file: &SourceFile,
    sites: &[(&Site, Span)],
    primary: Option<Span>,
    severity: Severity,
    terminal: &Terminal,
) -> String {
    let shown = file.shown_text();
    let sites: Vec<_> = sites.iter().map(|(site, span)| (*site, clip(*span, file))).collect();
    let primary = primary.map(|span| clip(span, file));
    let styles = styles(&sites, primary, severity, terminal);
    let handler =
        GraphicalReportHandler::new_themed(GraphicalTheme { characters: characters(), styles })
            .with_context_lines(1)
            .without_primary_span_start()
            .without_syntax_highlighting()
            .with_width(terminal.width);
    let snippet = Snippet { source: Source { file, shown, sites: &sites }, sites: &sites, primary };
    let mut drawn = String::new();
    if handler.render_report(&mut drawn, &snippet).is_err() {
        return String::new(); // `miette` cannot find a span of its own: no snippet is better than half of one
    }
    // The first line is the place of a message, and the heading above has said it.
    drawn.split_once('\n').map_or(String::new(), |(_, lines)| lines.trim_end().to_owned())
}

fn characters() -> ThemeCharacters {
    ThemeCharacters {
        error: String::new(),
        warning: String::new(),
        advice: String::new(),
        ..ThemeCharacters::unicode()
    }
}

/// `miette` gives styles to labels in the order of their places.
fn styles(
    sites: &[(&Site, Span)],
    primary: Option<Span>,
    severity: Severity,
    terminal: &Terminal,
) -> ThemeStyles {
    if !terminal.paint.0 {
        return ThemeStyles::none();
    }
    let ansi = ThemeStyles::ansi();
    let mut spans: Vec<_> = sites.iter().map(|(_, span)| *span).collect();
    spans.sort_unstable();
    let at_fault = match severity {
        Severity::Error => ansi.error,
        Severity::Warning => ansi.warning,
        Severity::Info => ansi.advice,
    };
    let other = ansi.link;
    let highlights =
        spans.iter().map(|span| if Some(*span) == primary { at_fault } else { other }).collect();
    ThemeStyles { highlights, ..ansi }
}

/// A label lies on one line, and not past the end of the text.
fn clip(span: Span, file: &SourceFile) -> Span {
    let text = file.text();
    let last = u32::try_from(text.trim_end().len()).unwrap_or(u32::MAX);
    let start = span.start.min(last);
    let rest = file.slice(Span::new(start, span.end.max(start).min(last)));
    let line = rest.find(['\n', '\r']).unwrap_or(rest.len());
    Span::new(start, start + u32::try_from(line).unwrap_or(0))
}

#[derive(Debug)]
struct Snippet<'a> {
    source: Source<'a>,
    sites: &'a [(&'a Site, Span)],
    primary: Option<Span>,
}

impl fmt::Display for Snippet<'_> {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Snippet<'_> {}

impl miette::Diagnostic for Snippet<'_> {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.sites.iter().map(|(site, span)| {
            let text = (!site.text.is_empty()).then(|| super::human::plain(&site.text));
            let place = source_span(*span);
            if Some(*span) == self.primary {
                LabeledSpan::new_primary_with_span(text, place)
            } else {
                LabeledSpan::new_with_span(text, place)
            }
        })))
    }
}

fn source_span(span: Span) -> SourceSpan {
    (span.start as usize, span.range().len()).into()
}

/// A file, by its line index: `miette`'s own sources count lines from the beginning of the file for each label.
#[derive(Debug)]
struct Source<'a> {
    file: &'a SourceFile,
    /// Byte for byte as long as the file's text.
    shown: &'a str,
    sites: &'a [(&'a Site, Span)],
}

impl Source<'_> {
    /// `shop/reviews.yaml:7:3 · VirtualService shop/reviews · from shop/templates/reviews.yaml`.
    fn name(&self, span: Span) -> String {
        let position = self.file.position(span.start);
        let mut name = format!("{}:{}:{}", self.file.path, position.line, position.column);
        let site = self.sites.iter().find(|(_, known)| known.start == span.start);
        if let Some(resource) = site.and_then(|(site, _)| site.resource.as_deref()) {
            name.push_str(" · ");
            name.push_str(&super::human::plain(resource));
        }
        if let Some(origin) = site.and_then(|(site, _)| site.origin.as_deref()) {
            name.push_str(" · from ");
            name.push_str(&super::human::plain(origin));
        }
        name
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
}

impl SourceCode for Source<'_> {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let number = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        let wanted = Span::new(number(span.offset()), number(span.offset() + span.len()));
        let lines = self.file.lines();
        let first = lines.line_of(wanted.start).saturating_sub(before);
        let last = (lines.line_of(wanted.end) + after).min(lines.count().saturating_sub(1));
        let window = self.window(first, last, wanted);
        let data = self.shown.get(window.range()).ok_or(MietteError::OutOfBounds)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.name(wanted),
            data.as_bytes(),
            source_span(window),
            lines.line_of(window.start),
            0,
            last - first + 1,
        )))
    }
}
