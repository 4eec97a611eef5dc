//! What is said of a finding in formats that have one text for all of it.

use mesh_compiler::diagnostic::{Finding, Severity, Site, TextFix};
use mesh_compiler::parse::Parsed;
use mesh_compiler::source::{FileId, SourceFile, Span};

/// The place in a repository at which programs show something.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Spot<'a> {
    pub file: FileId,
    pub path: &'a str,
    /// Absent for the file as a whole.
    pub span: Option<Span>,
}

impl<'a> Spot<'a> {
    /// Standard input is in no repository: what was rendered from a file is shown there, at no line, since nobody knows which.
    pub(super) fn of(site: &'a Site, parsed: &'a Parsed) -> Self {
        let file = site.file;
        match rendered_from(site, parsed) {
            Some(path) => Self { file, path, span: None },
            None => Self { file, path: &parsed.source(file).path, span: site.span },
        }
    }
}

/// The file that something in standard input was rendered from. One of another repository is none of this one's.
pub(super) fn rendered_from<'a>(site: &'a Site, parsed: &Parsed) -> Option<&'a str> {
    let origin = site.origin.as_deref().filter(|_| parsed.source(site.file).path == "-");
    origin.filter(|path| !path.contains("//"))
}

/// The message, what is said at the token, what becomes of requests, what to do, and where if not here: a line each.
pub(super) fn lines(finding: &Finding, parsed: &Parsed) -> Vec<String> {
    let label = Some(&finding.primary.text).filter(|text| !text.is_empty());
    let message = match label {
        Some(label) => format!("{}: {label}", finding.message),
        None => finding.message.clone(),
    };
    let consequence = finding.consequence.iter().map(|text| format!("effect: {text}"));
    let help = finding.help.iter().map(|text| format!("help: {text}"));
    let span = finding.primary.span.filter(|_| rendered_from(&finding.primary, parsed).is_some());
    let start = span.map(|span| parsed.source(finding.primary.file).position(span.start));
    let place = start.map(|at| format!(" (at {}:{} of standard input)", at.line, at.column));
    let place = place.unwrap_or_default();
    let origin = finding.primary.origin.iter();
    let origin = origin.map(|path| format!("rendered from: {path}{place}"));
    std::iter::once(message).chain(consequence).chain(help).chain(origin).collect()
}

/// The same as one text. `help` may have several lines of its own, as where it shows some YAML.
pub(super) fn paragraph(finding: &Finding, parsed: &Parsed) -> String {
    lines(finding, parsed).join("\n")
}

/// `name (IST0101, KIA1107)`.
pub(super) fn title(finding: &Finding) -> String {
    match finding.check.aliases {
        [] => finding.check.name.to_owned(),
        aliases => format!("{} ({})", finding.check.name, aliases.join(", ")),
    }
}

/// Findings with their positions in the report, the heaviest first: those who show only some show these.
pub(super) fn by_weight(findings: &[Finding]) -> Vec<(usize, &Finding)> {
    let mut sorted: Vec<_> = findings.iter().enumerate().collect();
    sorted.sort_by_key(|(_, finding)| std::cmp::Reverse(finding.severity));
    sorted
}

/// Whether a change may be shown: what it takes away or adds to is no secret.
pub(super) fn is_shown(fix: &TextFix, parsed: &Parsed) -> bool {
    !fix.edits.iter().any(|edit| parsed.source(edit.file).hides(edit.span))
}

/// A place as people count: lines and columns from 1, the end exclusive.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Region {
    pub start: (u32, u32),
    pub end: (u32, u32),
}

impl Region {
    /// With columns in characters, which are Unicode's code points.
    pub(super) fn in_characters(file: &SourceFile, span: Span) -> Self {
        let at = |byte| {
            let position = file.position(byte);
            (position.line, position.column)
        };
        Self { start: at(span.start), end: at(span.end) }
    }

    /// With columns in bytes of UTF-8.
    pub(super) fn in_bytes(file: &SourceFile, span: Span) -> Self {
        let at = |byte: u32| {
            let line = file.lines().line_of(byte);
            let start = file.lines().span(line, file.text()).start;
            (u32::try_from(line + 1).unwrap_or(u32::MAX), byte.saturating_sub(start) + 1)
        };
        Self { start: at(span.start), end: at(span.end) }
    }
}

/// `error`, `warning`, and what the format calls a finding that is neither.
pub(super) const fn level(severity: Severity, light: &'static str) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => light,
    }
}
