//! `JUnit`'s XML: each file is a suite, each finding a case of it.
//!
//! A finding that makes the command fail is a failure; a lighter one is a case that passes and has something to say. A file
//! without findings is one case that passes, so that a report of a good repository is not taken for an empty one. There is
//! no time in it, so equal repositories give equal bytes.

use std::collections::BTreeMap;
use std::io::{self, Write};

use mesh_compiler::diagnostic::Finding;
use mesh_compiler::source::FileId;

use super::xml::escape;
use super::{Report, Setting, remark};

pub(super) fn write(
    report: &Report<'_>,
    setting: &Setting<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let failures = report.findings.iter().filter(|it| it.severity >= setting.fail_on).count();
    let mut suites: BTreeMap<FileId, Vec<&Finding>> =
        report.parsed.sources().iter().map(|(file, _)| (file, Vec::new())).collect();
    for finding in report.findings {
        suites.entry(finding.primary.file).or_default().push(finding);
    }
    let cases: usize = suites.values().map(|findings| findings.len().max(1)).sum();
    writeln!(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>")?;
    writeln!(
        out,
        "<testsuites name=\"mesh\" tests=\"{cases}\" failures=\"{failures}\" errors=\"0\">"
    )?;
    for (file, findings) in suites {
        suite(file, &findings, report, setting, out)?;
    }
    writeln!(out, "</testsuites>")
}

fn suite(
    file: FileId,
    findings: &[&Finding],
    report: &Report<'_>,
    setting: &Setting<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let path = escape(&setting.paths.below_here(&report.parsed.source(file).path));
    let failures = findings.iter().filter(|it| it.severity >= setting.fail_on).count();
    writeln!(
        out,
        "  <testsuite name=\"{path}\" tests=\"{}\" failures=\"{failures}\" errors=\"0\" skipped=\"0\">",
        findings.len().max(1)
    )?;
    if findings.is_empty() {
        writeln!(
            out,
            "    <testcase name=\"mesh compile\" classname=\"{path}\" file=\"{path}\"/>"
        )?;
    }
    for finding in findings {
        case(finding, &path, report, setting, out)?;
    }
    writeln!(out, "  </testsuite>")
}

/// `path` is escaped.
fn case(
    finding: &Finding,
    path: &str,
    report: &Report<'_>,
    setting: &Setting<'_>,
    out: &mut dyn Write,
) -> io::Result<()> {
    let source = report.parsed.source(finding.primary.file);
    let start = finding.primary.span.map(|span| source.position(span.start));
    let (place, line) = match start {
        Some(at) => (format!("{}:{}: ", at.line, at.column), format!(" line=\"{}\"", at.line)),
        None => (String::new(), String::new()),
    };
    let name = escape(&format!("{}: {}", finding.check.name, finding.message));
    writeln!(out, "    <testcase name=\"{name}\" classname=\"{path}\" file=\"{path}\"{line}>")?;
    let text = escape(&format!("{place}{}", remark::paragraph(finding)));
    if finding.severity >= setting.fail_on {
        let (message, kind) = (escape(&finding.message), finding.check.name);
        writeln!(out, "      <failure message=\"{message}\" type=\"{kind}\">{text}</failure>")?;
    } else {
        writeln!(out, "      <system-out>{}: {text}</system-out>", finding.severity.name())?;
    }
    writeln!(out, "    </testcase>")
}
