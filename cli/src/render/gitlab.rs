//! A Code Quality report, which GitLab shows in a merge request. Source: GitLab, "Code Quality report format".

use std::io::{self, Write};

use mesh_compiler::diagnostic::{Class, Finding, Severity};
use serde_json::{Value, json};

use super::list::List;
use super::remark::{self, Spot};
use super::{Report, Setting};

pub(super) fn write(
    report: &Report<'_>,
    setting: &Setting<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let issues = List(|| {
        let findings = report.findings.iter().zip(setting.fingerprints);
        findings.map(|(finding, print)| issue(finding, print, report, setting))
    });
    serde_json::to_writer_pretty(&mut *out, &issues)?;
    writeln!(out)
}

/// A file as a whole is shown at its first line, since a place without one is refused.
fn issue(
    finding: &Finding,
    fingerprint: &str,
    report: &Report<'_>,
    setting: &Setting<'_>,
) -> Value {
    let file = report.parsed.source(finding.primary.file);
    let spot = Spot::of(&finding.primary, report.parsed);
    let line = |byte| file.position(byte).line;
    let (begin, end) = spot.span.map_or((1, 1), |span| (line(span.start), line(span.end)));
    json!({
        "type": "issue",
        "check_name": finding.check.name,
        "description": remark::paragraph(finding, report.parsed),
        "fingerprint": fingerprint,
        "severity": severity(finding),
        "location": {
            "path": setting.paths.below_root(spot.path),
            "lines": { "begin": begin, "end": end },
        },
    })
}

/// What nobody can read blocks; what has no meaning is critical; a meaning that is hardly meant is major.
const fn severity(finding: &Finding) -> &'static str {
    match (finding.severity, finding.check.class) {
        (Severity::Error, Class::Input) => "blocker",
        (Severity::Error, Class::Rule) => "critical",
        (Severity::Error, Class::Lint) => "major",
        (Severity::Warning, _) => "minor",
        (Severity::Info, _) => "info",
    }
}
