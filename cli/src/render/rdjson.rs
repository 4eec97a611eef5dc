//! Reviewdog's diagnostic format. Source: its `reviewdog.proto`: columns are bytes of UTF-8, from 1, ends are exclusive.
//!
//! A suggestion is one replacement in the finding's own file; a fix of several edits is one that spans them.

use std::io::{self, Write};

use mesh_compiler::diagnostic::{Applicability, Finding, TextFix};
use mesh_compiler::parse::Parsed;
use mesh_compiler::source::{SourceFile, Span};
use serde::Serialize;
use serde_json::{Value, json};

use super::list::List;
use super::remark::{self, Region, Spot};
use super::{Report, Setting};

pub(super) fn write(
    report: &Report<'_>,
    setting: &Setting<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let result = DiagnosticResult {
        diagnostics: List(|| {
            let findings = report.findings.iter();
            findings.map(|finding| diagnostic(finding, report.parsed, setting))
        }),
        source: json!({ "name": "mesh" }),
    };
    serde_json::to_writer_pretty(&mut *out, &result)?;
    writeln!(out)
}

#[derive(Serialize)]
struct DiagnosticResult<D> {
    diagnostics: D,
    source: Value,
}

fn diagnostic(finding: &Finding, parsed: &Parsed, setting: &Setting<'_>) -> Value {
    let file = parsed.source(finding.primary.file);
    let spot = Spot::of(&finding.primary, parsed);
    let mut location = json!({ "path": setting.paths.below_here(spot.path) });
    if let (Some(span), Some(fields)) = (spot.span, location.as_object_mut()) {
        fields.insert("range".to_owned(), range(file, span));
    }
    let suggestions = finding.fixes.iter().filter_map(|fix| suggestion(fix, finding, parsed));
    json!({
        "message": remark::paragraph(finding, parsed),
        "location": location,
        "severity": finding.severity.name().to_uppercase(),
        "code": { "value": finding.check.name },
        "suggestions": suggestions.collect::<Vec<_>>(),
    })
}

fn range(file: &SourceFile, span: Span) -> Value {
    let Region { start, end } = Region::in_bytes(file, span);
    let position = |(line, column): (u32, u32)| json!({ "line": line, "column": column });
    json!({ "start": position(start), "end": position(end) })
}

/// None of a fix that its author must complete, that shows a secret, or that changes another file than the one that is shown.
fn suggestion(fix: &TextFix, finding: &Finding, parsed: &Parsed) -> Option<Value> {
    let is_here = fix.edits.iter().all(|edit| edit.file == finding.primary.file)
        && remark::rendered_from(&finding.primary, parsed).is_none();
    if !is_here || fix.applicability == Applicability::Display || !remark::is_shown(fix, parsed) {
        return None;
    }
    let file = parsed.source(finding.primary.file);
    let (span, text) = merged(fix, file)?;
    Some(json!({ "range": range(file, span), "text": text }))
}

/// All edits as one. What lies between them stays as it is; secrets there are not told.
fn merged(fix: &TextFix, file: &SourceFile) -> Option<(Span, String)> {
    let mut edits: Vec<_> = fix.edits.iter().collect();
    edits.sort_by_key(|edit| edit.span);
    let whole = Span::new(edits.first()?.span.start, edits.last()?.span.end);
    if file.hides(whole) {
        return None;
    }
    let mut text = String::new();
    let mut at = whole.start;
    for edit in edits {
        text.push_str(file.slice(Span::new(at, edit.span.start)));
        text.push_str(&edit.text);
        at = edit.span.end;
    }
    Some((whole, text))
}
