//! Findings for programs that read line by line: an object a line, `mesh.diagnostic/v1`.
//!
//! `type` is `diagnostic`, with the fields that `mesh.diagnostics/v1` has, or `summary`, which is the last line: whoever
//! has not seen it has not seen everything.

use std::collections::HashSet;
use std::io::{self, Write};

use serde_json::{Value, json};

use super::json::{diagnostic, summary};
use super::{Report, Setting};

pub(super) fn write(
    report: &Report<'_>,
    setting: &Setting<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    begin(report, setting, out)?;
    end(report, out)
}

/// The findings, before all of them are known.
pub(crate) fn begin(
    report: &Report<'_>,
    setting: &Setting<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    for (finding, fingerprint) in report.findings.iter().zip(setting.fingerprints) {
        line("diagnostic", diagnostic(finding, fingerprint, report.parsed), out)?;
    }
    out.flush()
}

/// What is left to write where these were.
pub(crate) fn go_on(
    report: &Report<'_>,
    setting: &Setting<'_>,
    begun: Option<&HashSet<String>>,
    out: &mut dyn Write,
) -> io::Result<()> {
    for (finding, fingerprint) in report.findings.iter().zip(setting.fingerprints) {
        if begun.is_none_or(|begun| !begun.contains(fingerprint)) {
            line("diagnostic", diagnostic(finding, fingerprint, report.parsed), out)?;
        }
    }
    end(report, out)
}

fn end(report: &Report<'_>, out: &mut dyn Write) -> io::Result<()> {
    let snapshot = report.snapshot.map(|digest| digest.to_string());
    line("summary", json!({ "summary": summary(report), "snapshot": snapshot }), out)?;
    out.flush()
}

fn line(kind: &str, mut object: Value, out: &mut dyn Write) -> io::Result<()> {
    if let Some(fields) = object.as_object_mut() {
        fields.insert("schema".to_owned(), "mesh.diagnostic/v1".into());
        fields.insert("type".to_owned(), kind.into());
    }
    serde_json::to_writer(&mut *out, &object)?;
    writeln!(out)
}
