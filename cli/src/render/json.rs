//! Findings for programs: one object, `mesh.diagnostics/v1`. Fields are only ever added to it.
//!
//! Lines and columns count from 1, columns in characters; bytes from 0.

use std::io::{self, Write};

use mesh_compiler::diagnostic::{Finding, Severity, Site, TextFix};
use mesh_compiler::parse::Parsed;
use mesh_compiler::source::{FileId, Span};
use serde::Serialize;
use serde_json::{Value, json};

use super::list::List;
use super::{Report, Setting};

#[derive(Serialize)]
struct Object<D> {
    diagnostics: D,
    schema: &'static str,
    snapshot: Option<String>,
    summary: Value,
}

/// Writes the object and a line break.
pub(super) fn write(
    report: &Report<'_>,
    setting: &Setting<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let object = Object {
        diagnostics: List(|| {
            let findings = report.findings.iter().zip(setting.fingerprints);
            findings.map(|(finding, print)| diagnostic(finding, print, report.parsed))
        }),
        schema: "mesh.diagnostics/v1",
        snapshot: report.snapshot.map(|digest| digest.to_string()),
        summary: summary(report),
    };
    serde_json::to_writer_pretty(&mut *out, &object)?;
    writeln!(out)
}

pub(super) fn summary(report: &Report<'_>) -> Value {
    let skipped = report.mesh.skipped.iter().map(
        |((version, kind), count)| json!({ "apiVersion": version, "kind": kind, "count": count }),
    );
    json!({
        "errors": report.count(Severity::Error),
        "warnings": report.count(Severity::Warning),
        "notices": report.count(Severity::Info),
        "resources": report.mesh.count,
        "files": report.files(),
        "skipped": skipped.collect::<Vec<_>>(),
    })
}

pub(super) fn diagnostic(finding: &Finding, fingerprint: &str, parsed: &Parsed) -> Value {
    json!({
        "check": finding.check.name,
        "aliases": finding.check.aliases,
        "severity": finding.severity.name(),
        "message": finding.message,
        "fingerprint": fingerprint,
        "primary": site(&finding.primary, parsed),
        "related": finding.others.iter().map(|other| site(other, parsed)).collect::<Vec<_>>(),
        "consequence": finding.consequence,
        "help": finding.help,
        "fixes": finding.fixes.iter().map(|fix| text_fix(fix, parsed)).collect::<Vec<_>>(),
    })
}

fn site(site: &Site, parsed: &Parsed) -> Value {
    json!({
        "file": parsed.source(site.file).path,
        "range": site.span.map(|span| range(site.file, span, parsed)),
        "resource": site.resource,
        "origin": site.origin,
        "label": (!site.text.is_empty()).then_some(&site.text),
    })
}

fn range(file: FileId, span: Span, parsed: &Parsed) -> Value {
    let source = parsed.source(file);
    let end = |byte: u32| {
        let position = source.position(byte);
        json!({ "byte": byte, "line": position.line, "column": position.column })
    };
    json!({ "start": end(span.start), "end": end(span.end) })
}

fn text_fix(fix: &TextFix, parsed: &Parsed) -> Value {
    let edits = fix.edits.iter().map(|edit| {
        json!({
            "file": parsed.source(edit.file).path,
            "range": range(edit.file, edit.span, parsed),
            "text": edit.text,
        })
    });
    json!({
        "title": fix.title,
        "applicability": fix.applicability.name(),
        "edits": edits.collect::<Vec<_>>(),
    })
}
